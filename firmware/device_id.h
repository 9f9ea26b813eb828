// SPDX-License-Identifier: Apache-2.0
// Who this board is: what bayplate-flash gave it (docs/flash.md), the secrets as hashes only.
#ifndef BAYPLATE_FIRMWARE_DEVICE_ID_H
#define BAYPLATE_FIRMWARE_DEVICE_ID_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define DEVICE_ID_WORD_MAX 64
#define DEVICE_ID_HASH_MAX 128
#define DEVICE_ID_CODE_MAX 32 // letters and digits of a password or claim code that are looked at

struct device_id {
  // All "" for a program that was installed on some machine rather than flashed.
  char serial[DEVICE_ID_WORD_MAX], model[DEVICE_ID_WORD_MAX], board[DEVICE_ID_WORD_MAX];
  char mac[18];
  char claim_hash[DEVICE_ID_HASH_MAX];    // "blake2b$SALT$HASH", both hexadecimal
  char password_hash[DEVICE_ID_HASH_MAX]; // Argon2id, as libsodium writes it
};

// Reads the file; one that is not there (or path "") gives an empty identity. ERR_FORMAT names the
// line or key; *out is empty then.
BP_CHECK bool device_id_load(struct device_id *out, const char *path, struct err *e);

// A locally administered address (IEEE 802) from the serial by FNV-1a, for a wire that has none of
// its own. The label and the wire must agree, so both ask here.
void device_id_mac(const char *serial, uint8_t mac[6]);

// A code as it is compared: its capital letters and digits alone, padded with zeros to `size`; what
// is beyond is not looked at. People type it with or without dashes, in small or capital letters.
// Returns the length.
size_t device_id_code(char *out, size_t size, const char *code, size_t n);

// Is `code` the first password, the claim code? Small letters, blanks and dashes do not matter. No
// hash: never.
bool device_id_password_ok(const char *password_hash, const char *code);
bool device_id_claim_ok(const char *claim_hash, const char *code, size_t n);

#endif
