// SPDX-License-Identifier: Apache-2.0
// What an image says of itself, signed: docs/flash.md.
#ifndef BAYPLATE_TOOLS_FLASH_MANIFEST_H
#define BAYPLATE_TOOLS_FLASH_MANIFEST_H

#include "tools/flash/signature.h"

#define MANIFEST_WORD_MAX 64
#define MANIFEST_IMAGE_MAX (UINT64_C(1) << 40) // bytes of an image

struct manifest {
  char board[MANIFEST_WORD_MAX], version[MANIFEST_WORD_MAX];
  uint64_t size; // of the image, unpacked
  uint8_t sha256[32];
  char signer[SIGNATURE_NAME_MAX];
};

// What the technician expects; "" where it is all the same.
struct manifest_wish {
  const char *board, *version, *min_version;
};

// Parses one from memory. ERR_FORMAT names the line or the missing key.
BP_CHECK bool manifest_parse(struct manifest *out, const char *text, struct err *e);

// Reads the manifest that belongs to the image file at `path` and checks its signature.
// ERR_NOT_FOUND: it or its signature is not there.
BP_CHECK bool manifest_load(struct manifest *out, const char *image, const char *keyring,
                            struct err *e);

// ERR_DENIED: another board, another version, or an older one than wished.
BP_CHECK bool manifest_fits(const char *board, const char *version, const struct manifest_wish *w,
                            struct err *e);

#endif
