// SPDX-License-Identifier: Apache-2.0
// What bayplate-flash reads of files from elsewhere: a manifest's text, a partition table,
// versions. The first byte says which.
#include "board/version.h"
#include "tools/flash/gpt.h"
#include "tools/flash/manifest.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_of(const uint8_t *data, size_t size, char *text) {
  memcpy(text, data, size);
  text[size] = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct manifest m;
  struct err e;
  uint64_t at = 0, n = 0;
  if (size == 0)
    return 0;
  if (data[0] % 3 == 0) {
    if (gpt_find(data + 1, size - 1, "boot", &at, &n, &e) && (at < 512 || n == 0))
      abort();
    return 0;
  }
  char *text = malloc(size);
  if (!text)
    return 0;
  text_of(data + 1, size - 1, text);
  if (data[0] % 3 == 1) {
    if (manifest_parse(&m, text, &e) && (!m.board[0] || !m.version[0] || m.size == 0))
      abort();
  } else {
    // An order: what is before is not also after.
    const char *second = text + strcspn(text, "\n");
    char *first = strndup(text, (size_t)(second - text));
    if (first) {
      int one = version_compare(first, second), two = version_compare(second, first);
      if ((one < 0) != (two > 0) || (one == 0) != (two == 0))
        abort();
    }
    free(first);
  }
  free(text);
  return 0;
}
