// SPDX-License-Identifier: Apache-2.0
#include "vision/text.h"

#include <string.h>

// One code point; its bytes go to *bytes. 0: none.
static uint32_t next_symbol(const unsigned char *s, int *bytes) {
  if (s[0] < 0x80) {
    *bytes = 1;
    return s[0];
  }
  int more = s[0] >= 0xF0 && s[0] < 0xF8 ? 3 : s[0] >= 0xE0 ? 2 : s[0] >= 0xC0 ? 1 : 0;
  if (more == 0 || s[0] >= 0xF8)
    return 0;
  uint32_t c = s[0] & (0x3Fu >> more);
  for (int i = 1; i <= more; i++) {
    if ((s[i] & 0xC0) != 0x80)
      return 0; // also stops at the NUL
    c = c << 6 | (s[i] & 0x3Fu);
  }
  *bytes = more + 1;
  return c;
}

int text_split(const char *text, uint32_t *symbols) {
  int n = 0;
  for (const unsigned char *s = (const unsigned char *)text; *s != 0;) {
    int bytes = 0;
    uint32_t c = next_symbol(s, &bytes);
    if (c == 0 || n == PLATE_SYMBOLS_MAX)
      return -1;
    symbols[n++] = c;
    s += bytes;
  }
  return n;
}

void text_join(const uint32_t *symbols, int n, char *out) {
  size_t at = 0;
  for (int i = 0; i < n && at + 5 < PLATE_TEXT_MAX; i++) {
    uint32_t c = symbols[i];
    if (c < 0x80) {
      out[at++] = (char)c;
    } else if (c < 0x800) {
      out[at++] = (char)(0xC0 | c >> 6);
      out[at++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      out[at++] = (char)(0xE0 | c >> 12);
      out[at++] = (char)(0x80 | (c >> 6 & 0x3F));
      out[at++] = (char)(0x80 | (c & 0x3F));
    } else {
      out[at++] = (char)(0xF0 | c >> 18);
      out[at++] = (char)(0x80 | (c >> 12 & 0x3F));
      out[at++] = (char)(0x80 | (c >> 6 & 0x3F));
      out[at++] = (char)(0x80 | (c & 0x3F));
    }
  }
  out[at] = 0;
}

int text_distance(const char *a, const char *b) {
  if (strcmp(a, b) == 0)
    return 0;
  uint32_t x[PLATE_SYMBOLS_MAX], y[PLATE_SYMBOLS_MAX];
  int n = text_split(a, x), m = text_split(b, y);
  if (n < 0 || m < 0)
    return PLATE_SYMBOLS_MAX;
  int row[PLATE_SYMBOLS_MAX + 1];
  for (int j = 0; j <= m; j++)
    row[j] = j;
  for (int i = 1; i <= n; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int change = diagonal + (x[i - 1] != y[j - 1]);
      diagonal = row[j];
      int add = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      row[j] = change < add ? change : add;
    }
  }
  return row[m];
}
