// SPDX-License-Identifier: Apache-2.0
// What makes one board another than the next: serial, first password, claim code.
#ifndef BAYPLATE_TOOLS_FLASH_IDENTITY_H
#define BAYPLATE_TOOLS_FLASH_IDENTITY_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define IDENTITY_SERIAL_MAX 33
#define IDENTITY_CODE_MAX 24 // "ABCD-EFGH-JKLM-NPQR"
#define IDENTITY_INI_MAX 1024

struct identity {
  char serial[IDENTITY_SERIAL_MAX];
  char model[64], board[64];
  uint8_t mac[6];
  // Secret: for the label alone. 60 and 80 random bits.
  char password[IDENTITY_CODE_MAX], claim[IDENTITY_CODE_MAX];
};

// Fills in what is not given: serial "" makes one of 40 random bits, mac NULL one from the serial
// (locally administered, by the same rule as bayplate-port). ERR_ARG: no possible serial.
BP_CHECK bool identity_make(struct identity *out, const char *serial, const char *model,
                            const char *board, const uint8_t *mac, struct err *e);

// The text of bayplate-device.ini: the secrets as hashes only. `made`: UTC, seconds since 1970.
BP_CHECK bool identity_ini(const struct identity *i, int64_t made, char out[IDENTITY_INI_MAX],
                           struct err *e);

// "aa:bb:cc:dd:ee:ff"; false for anything else, and for a group's or empty address.
bool identity_mac_parse(const char *text, uint8_t out[6]);

void identity_wipe(struct identity *i);

#endif
