// SPDX-License-Identifier: Apache-2.0
#include "net/utf8.h"

#include <string.h>

// Length of the well-formed character at p, 0 when there is none. Unicode 15, table 3-7.
static size_t char_len(const unsigned char *p, size_t left) {
  unsigned char c = p[0];
  if (c < 0x80)
    return 1;
  size_t n = c >= 0xc2 && c <= 0xdf   ? 2
             : c >= 0xe0 && c <= 0xef ? 3
             : c >= 0xf0 && c <= 0xf4 ? 4
                                      : 0;
  if (n == 0 || n > left)
    return 0;
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  }
  if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
      (c == 0xf4 && p[1] > 0x8f))
    return 0;
  return n;
}

size_t utf8_valid_prefix(const char *data, size_t len) {
  const unsigned char *p = (const unsigned char *)data;
  size_t at = 0;
  while (at < len) {
    size_t n = char_len(p + at, len - at);
    if (n == 0)
      return at;
    at += n;
  }
  return len;
}

bool utf8_copy(char *out, size_t size, const char *text) {
  size_t len = strlen(text), at = 0;
  const unsigned char *p = (const unsigned char *)text;
  while (at < len) {
    size_t n = char_len(p + at, len - at);
    if (n == 0 || at + n >= size)
      break;
    if (n == 1 && (p[at] < 0x20 || p[at] == 0x7f))
      out[at] = ' ';
    else
      memcpy(out + at, text + at, n);
    at += n;
  }
  out[at] = '\0';
  return at == len;
}
