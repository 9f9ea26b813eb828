// SPDX-License-Identifier: Apache-2.0
// The one form of an evidence path, inside of the evidence modules.
#ifndef BAYPLATE_FIRMWARE_EVIDENCE_PATH_H
#define BAYPLATE_FIRMWARE_EVIDENCE_PATH_H

#include <stdbool.h>
#include <stdint.h>

// "<visit>-<number>.jpg": both without leading zeros.
bool evidence_name_parse(const char *name, uint64_t *visit, uint64_t *number);
// Exactly `n` digits and then `end`.
bool evidence_digits(const char *text, int n, char end);

#endif
