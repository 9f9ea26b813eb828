// SPDX-License-Identifier: Apache-2.0
// An update bundle that may be sent to a board: whole, unchanged and signed.
#ifndef BAYPLATE_TOOLS_FLASH_CHECKED_BUNDLE_H
#define BAYPLATE_TOOLS_FLASH_CHECKED_BUNDLE_H

#include "board/bundle.h"
#include "tools/flash/signature.h"

struct checked_bundle {
  struct bundle bundle;
  char signer[SIGNATURE_NAME_MAX];
  uint64_t size;      // bytes of the file
  uint8_t sha256[32]; // of the whole file: what the upload announces
};

// Checks the file's parts, the signature of its manifest, and its contents against that, and sums
// it up. ERR_FORMAT no whole bundle or changed contents; ERR_DENIED the signature; ERR_IO;
// ERR_NOMEM.
BP_CHECK bool checked_bundle_open(struct checked_bundle *out, const char *path, const char *keyring,
                                  struct err *e);

#endif
