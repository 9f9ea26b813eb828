// SPDX-License-Identifier: Apache-2.0
// What a technician set on the commissioning page: configuration keys kept in a file of their own,
// which go before those of the configuration. Thread-safe.
#ifndef BAYPLATE_FIRMWARE_SETTINGS_H
#define BAYPLATE_FIRMWARE_SETTINGS_H

#include "board/err.h"
#include "firmware/config.h"

#define SETTINGS_VALUE_MAX 256

struct settings;

// Keys that may be set: "camera.zone" and the like. NULL ends the list.
extern const char *const settings_keys[];

// Reads PATH (JSON: key to text) when it is there. A file that is damaged is set aside as
// PATH.damaged, and keys that are unknown or impossible by now are left out; both are logged, and
// the terminal goes on with its configuration. ERR_NOMEM, ERR_LIMIT: a path too long.
BP_CHECK bool settings_open(struct settings **out, const char *path, struct err *e);
void settings_free(struct settings *s); // NULL is fine

// Writes over `config` what was set. What does not go with the rest of it is logged and left out.
void settings_apply(struct settings *s, struct config *config);

// Checks a value as the configuration does and keeps it, durable on return. `value` NULL: takes it
// back, so that the configuration's own holds again. ERR_ARG: no such key, or an impossible value,
// in words for a person; else as file_put().
BP_CHECK bool settings_put(struct settings *s, const char *key, const char *value, struct err *e);

// Is this key set here, and to what ("" when not).
bool settings_get(struct settings *s, const char *key, char value[SETTINGS_VALUE_MAX]);

#endif
