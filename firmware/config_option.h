// SPDX-License-Identifier: Apache-2.0
// The table of every key: its section, type, bounds, default and place in struct config.
#ifndef BAYPLATE_FIRMWARE_CONFIG_OPTION_H
#define BAYPLATE_FIRMWARE_CONFIG_OPTION_H

#include "firmware/config.h"

#include <stdio.h>

#define CONFIG_OPTIONS_MAX 120

// Index of a key in the table, -1 if there is none.
int config_option_find(const char *section, const char *key);
// A key of the same section one slip of the finger away ("adress" → "address"), or NULL.
const char *config_option_near(const char *section, const char *key);
// Parses `value` for option `i` into the configuration. ERR_ARG says what was wrong and what is
// allowed.
BP_CHECK bool config_option_set(struct config *c, int i, const char *value, struct err *e);
void config_option_defaults(struct config *c);
// Prints the table as a commented configuration file (bayplated --print-config).
void config_option_print(FILE *f);

#endif
