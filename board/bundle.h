// SPDX-License-Identifier: Apache-2.0
// A RAUC bundle of the format "verity" as a file: a squashfs, its hash tree, a CMS signature that
// holds the manifest, and the signature's length. `rauc info` checks the signature alone; the
// squashfs would be checked while it is being installed, when the spare slot is lost already.
// bundle_check_body() checks it before, without the kernel's device mapper.
#ifndef BAYPLATE_BOARD_BUNDLE_H
#define BAYPLATE_BOARD_BUNDLE_H

#include "board/err.h"

#include <stdint.h>

#define BUNDLE_TEXT_MAX 64
#define BUNDLE_HASH 32                           // bytes of SHA-256
#define BUNDLE_SALT_MAX 64                       // bytes
#define BUNDLE_SIZE_MAX (UINT64_C(1) << 30)      // bytes of the whole file
#define BUNDLE_SIGNATURE_MAX (UINT64_C(1) << 16) // bytes

enum bundle_shape {
  BUNDLE_WHOLE,     // all parts are there; nothing is said about what they hold
  BUNDLE_UNSIGNED,  // a squashfs and nothing after it
  BUNDLE_TRUNCATED, // the end is missing or is not an end
  BUNDLE_NOT_ONE,   // no squashfs at its start
  BUNDLE_UNREADABLE // the file cannot be read; see the error
};

struct bundle {
  uint64_t payload;   // bytes of the squashfs, a multiple of 4096
  uint64_t tree;      // bytes of the hash tree behind it
  uint64_t signature; // bytes of the CMS signature behind that; its length in 8 bytes ends the file
  uint8_t root[BUNDLE_HASH];
  uint8_t salt[BUNDLE_SALT_MAX];
  unsigned salt_len;
  char compatible[BUNDLE_TEXT_MAX]; // the board
  char version[BUNDLE_TEXT_MAX];
  char build[BUNDLE_TEXT_MAX]; // empty when the manifest has none
};

// Looks at the file's parts and reads the manifest out of the signature. What the manifest says may
// be believed only after somebody (rauc info) has checked that signature.
BP_CHECK enum bundle_shape bundle_open(const char *path, struct bundle *out, struct err *e);

// Reads the whole file and compares its hash tree and root with `b`. ERR_FORMAT: something differs;
// the text names the place. Memory: the tree's size, at most 1/127 of the file. Source: kernel,
// Documentation/admin-guide/device-mapper/verity.rst, hash type 1.
// `told` (may be NULL) is called now and then with how much of it is done, 0 to 100.
BP_CHECK bool bundle_check_body(const char *path, const struct bundle *b,
                                void (*told)(void *ctx, int percent), void *ctx, struct err *e);

#endif
