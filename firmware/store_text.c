// SPDX-License-Identifier: Apache-2.0
#include "firmware/store.h"
#include "firmware/store_private.h"

// One character of well-formed UTF-8 (RFC 3629); 0 bytes: end or malformed.
static unsigned decode(const unsigned char *p, uint32_t *c) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
  if (p[0] == 0 || n == 0 || p[0] > 0xf4)
    return 0;
  *c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
  for (unsigned i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    *c = *c << 6 | (p[i] & 0x3fu);
  }
  if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
    return 0;
  return n;
}

bool store_utf8_valid(const char *text) {
  const unsigned char *p = (const unsigned char *)text;
  uint32_t c;
  while (*p) {
    unsigned n = decode(p, &c);
    if (n == 0)
      return false;
    p += n;
  }
  return true;
}

static bool skipped(uint32_t c) {
  static const uint32_t list[] = {' ',    '\t',   '.',    '-',    0xa0,   0xb7,  0x2022,
                                  0x2027, 0x3000, 0x30fb, 0xff0d, 0xff0e, 0xff65};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (c == list[i])
      return true;
  return false;
}

bool store_plate_normalise(const char *text, char *out, size_t size) {
  const unsigned char *p = (const unsigned char *)text;
  size_t used = 0;
  if (size == 0)
    return false;
  while (*p) {
    uint32_t c;
    unsigned n = decode(p, &c);
    if (n == 0)
      goto refuse;
    if (!skipped(c)) {
      if (c >= 0xff01 && c <= 0xff5e) // full-width form
        c -= 0xfee0;
      unsigned width = c < 0x80 ? 1 : n;
      if (used + width >= size)
        goto refuse;
      for (unsigned i = 0; i < width; i++)
        out[used + i] = (char)p[i];
      if (c < 0x80)
        out[used] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      used += width;
    }
    p += n;
  }
  out[used] = '\0';
  return true;
refuse:
  out[0] = '\0';
  return false;
}
