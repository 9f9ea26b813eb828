// SPDX-License-Identifier: Apache-2.0
// The whole terminal: camera, vision, arrivals and page, wired by one configuration.
#ifndef BAYPLATE_FIRMWARE_TERMINAL_H
#define BAYPLATE_FIRMWARE_TERMINAL_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/config.h"

struct terminal;

// Starts every part. `config` is copied, `clock` must outlive the terminal. TZ must be set. Fails
// for what no retry would mend: models, address in use, no memory. A camera, disk or gateway that
// is away does not fail it.
BP_CHECK bool terminal_new(struct terminal **out, const struct config *config,
                           const struct bp_clock *clock, struct err *e);
// Stops within 2 s: nothing acknowledged is lost. NULL is fine.
void terminal_free(struct terminal *t);

// The ports that are really bound, of plain HTTP and of HTTPS; below 0: none.
int terminal_port(const struct terminal *t);
int terminal_tls_port(const struct terminal *t);

// False when a thread made no progress for too long: the watchdog must not be fed.
bool terminal_alive(struct terminal *t);

// Takes over what can change while running: zone, directions, gaps, calendar, look-up ages. The
// rest waits for a restart and is named in the log.
void terminal_reload(struct terminal *t, const struct config *config);

#endif
