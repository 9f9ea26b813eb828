// SPDX-License-Identifier: Apache-2.0
#include "tools/picture_formats.h"

#include <stdio.h>
#include <string.h>

enum { FILE_HEADER = 14, INFO_HEADER = 40 };

static uint32_t get32(const uint8_t *d) {
  return (uint32_t)d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16 | (uint32_t)d[3] << 24;
}

static int32_t signed32(const uint8_t *d) {
  const uint32_t v = get32(d);
  return v <= INT32_MAX ? (int32_t)v : -(int32_t)(UINT32_MAX - v) - 1;
}

bool picture_decode_bmp(struct picture *p, const uint8_t *d, size_t n, struct err *e) {
  if (n < FILE_HEADER + INFO_HEADER)
    return err_set(e, ERR_FORMAT, "damaged BMP: ends in its header");
  const size_t offset = get32(d + 10), header = get32(d + 14);
  const long w = signed32(d + 18), signed_h = signed32(d + 22);
  const unsigned bits = (unsigned)d[28] | (unsigned)d[29] << 8;
  const uint32_t compression = get32(d + 30);
  const long h = signed_h < 0 ? -signed_h : signed_h; // negative: rows run from the top
  if (header < INFO_HEADER || header > n - FILE_HEADER)
    return err_set(e, ERR_FORMAT, "damaged BMP: its header has %zu bytes", header);
  if ((bits != 8 && bits != 24 && bits != 32) || (compression != 0 && compression != 3))
    return err_set(e, ERR_FORMAT, "BMP of %u bits, compression %u: 8, 24 and 32 bits are read",
                   bits, compression);
  if (!picture_new(p, w, h, e))
    return false;
  const size_t bytes = bits / 8, row = ((size_t)w * bytes + 3) / 4 * 4;
  const long there = offset < n ? (long)((n - offset) / row) : 0; // lines that the file holds
  memset(p->pixels, 114, (size_t)p->view.stride[0] * (size_t)h);
  const uint8_t *palette = d + FILE_HEADER + header;
  const size_t colours = (n - FILE_HEADER - header) / 4; // entries that can be read at all
  for (long y = 0; y < h; y++) {
    if ((signed_h < 0 ? y : h - 1 - y) >= there)
      continue; // not there
    const uint8_t *from = d + offset + row * (size_t)(signed_h < 0 ? y : h - 1 - y);
    uint8_t *to = p->pixels + (size_t)y * (size_t)p->view.stride[0];
    for (long x = 0; x < w; x++, from += bytes, to += 3) {
      if (bits > 8)
        memcpy(to, from, 3);
      else if (*from < colours)
        memcpy(to, palette + 4 * (size_t)*from, 3);
      else
        memset(to, 0, 3);
    }
  }
  if (there >= h)
    return true;
  if (there == 0)
    return err_set(e, ERR_FORMAT, "damaged BMP: ends before its pixels begin");
  (void)snprintf(p->damage, sizeof p->damage, "damaged BMP: ends early; %ld of %ld lines were read",
                 there, h);
  return true;
}
