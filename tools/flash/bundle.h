// SPDX-License-Identifier: Apache-2.0
// RAUC update bundles of the verity format, looked at before they are sent.
#ifndef BAYPLATE_TOOLS_FLASH_BUNDLE_H
#define BAYPLATE_TOOLS_FLASH_BUNDLE_H

#include "tools/flash/manifest.h"

struct bundle {
  char compatible[MANIFEST_WORD_MAX], version[MANIFEST_WORD_MAX];
  char signer[SIGNATURE_NAME_MAX];
  uint64_t size;
  uint8_t sha256[32]; // of the whole file: what the upload announces
};

// Checks the signature of the bundle's manifest and sums the file up. The layout is RAUC's
// (docs/reference.rst, "Bundle Formats"): payload, CMS signature that holds the manifest, and the
// signature's size in 8 bytes, big-endian. ERR_FORMAT no such bundle; ERR_DENIED; ERR_IO.
BP_CHECK bool bundle_check(struct bundle *out, const char *path, const char *keyring,
                           struct err *e);

#endif
