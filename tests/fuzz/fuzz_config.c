// SPDX-License-Identifier: Apache-2.0
#include "firmware/config.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct config c;
  bool ok = config_parse(&c, (const char *)data, size, NULL, NULL);
  (void)ok;
  return 0;
}
