// SPDX-License-Identifier: Apache-2.0
#include "tools/picture_formats.h"

#include <stdlib.h>
#include <string.h>

#include <turbojpeg.h>

// CMYK of a JPEG file is stored inverted (Adobe's way): 255 is no ink.
static void cmyk_to_bgr(uint8_t *bgr, const uint8_t *cmyk, size_t pixels) {
  for (size_t i = 0; i < pixels; i++, bgr += 3, cmyk += 4) {
    bgr[0] = (uint8_t)(cmyk[2] * cmyk[3] / 255);
    bgr[1] = (uint8_t)(cmyk[1] * cmyk[3] / 255);
    bgr[2] = (uint8_t)(cmyk[0] * cmyk[3] / 255);
  }
}

// Turns the picture as its EXIF orientation says (TIFF 6.0 tag 274).
static bool orient(struct picture *p, int how, struct err *e) {
  if (how <= 1 || how > 8)
    return true;
  const int w = p->view.width, h = p->view.height;
  const bool swap = how >= 5;
  struct picture q;
  if (!picture_new(&q, swap ? h : w, swap ? w : h, e))
    return false;
  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) {
      int u = x, v = y;
      if (how == 2 || how == 3)
        u = w - 1 - x;
      if (how == 3 || how == 4)
        v = h - 1 - y;
      if (swap) {
        u = how == 6 || how == 7 ? h - 1 - y : y;
        v = how == 7 || how == 8 ? w - 1 - x : x;
      }
      memcpy(q.pixels + 3 * ((size_t)v * (size_t)q.view.width + (size_t)u),
             p->pixels + 3 * ((size_t)y * (size_t)w + (size_t)x), 3);
    }
  }
  memcpy(q.damage, p->damage, sizeof q.damage);
  picture_free(p);
  *p = q;
  return true;
}

// libjpeg goes on after most damage with a warning; *why is then its text. Where a file ends early
// the rest is even.
static bool pixels(tjhandle tj, const uint8_t *d, size_t n, uint8_t *out, int w, int h, int format,
                   const char **why, struct err *e) {
  *why = NULL;
  if (tjDecompress2(tj, d, (unsigned long)n, out, w, 0, h, format, 0) == 0)
    return true;
  *why = tjGetErrorStr2(tj);
  if (tjGetErrorCode(tj) == TJERR_WARNING)
    return true;
  return err_set(e, ERR_FORMAT, "damaged JPEG: %s", *why);
}

// libjpeg leaves the blocks that a file has no data for even. Is the last block such a one?
static bool ends_even(const struct picture *p) {
  enum { BLOCK = 8, EVEN = 2 };
  const int w = p->view.width, h = p->view.height;
  const uint8_t *last = p->pixels + 3 * ((size_t)w * (size_t)h - 1);
  for (int y = h > BLOCK ? h - BLOCK : 0; y < h; y++) {
    for (int x = w > BLOCK ? w - BLOCK : 0; x < w; x++) {
      const uint8_t *at = p->pixels + 3 * ((size_t)y * (size_t)w + (size_t)x);
      for (int c = 0; c < 3; c++) {
        if (abs(at[c] - last[c]) > EVEN)
          return false;
      }
    }
  }
  return true;
}

// Many cameras write files that libjpeg warns of, such without an end marker too; only one that
// ends before its pixels do is damaged.
static bool check_end(struct picture *p, const char *why, struct err *e) {
  if (!why || !strstr(why, "Premature end") || !ends_even(p))
    return true;
  return picture_damaged(p, "JPEG", "ends early", e);
}

static bool decode(tjhandle tj, struct picture *p, const uint8_t *d, size_t n, struct err *e) {
  int w = 0, h = 0, sampling = 0, space = 0;
  const char *why = NULL;
  if (tjDecompressHeader3(tj, d, (unsigned long)n, &w, &h, &sampling, &space) != 0)
    return err_set(e, ERR_FORMAT, "damaged JPEG: %s", tjGetErrorStr2(tj));
  if (!picture_new(p, w, h, e))
    return false;
  if (space != TJCS_CMYK && space != TJCS_YCCK)
    return pixels(tj, d, n, p->pixels, w, h, TJPF_BGR, &why, e) && check_end(p, why, e);
  const size_t area = (size_t)w * (size_t)h;
  unsigned char *cmyk = area <= PICTURE_PIXELS_MAX / 4 ? tjAlloc((int)(4 * area)) : NULL;
  if (!cmyk)
    return err_set(e, ERR_LIMIT, "CMYK JPEG of %dx%d pixels: too large, or out of memory", w, h);
  const bool ok = pixels(tj, d, n, cmyk, w, h, TJPF_CMYK, &why, e);
  if (ok)
    cmyk_to_bgr(p->pixels, cmyk, area);
  tjFree(cmyk);
  return ok && check_end(p, why, e);
}

bool picture_decode_jpeg(struct picture *p, const uint8_t *d, size_t n, struct err *e) {
  tjhandle tj = tjInitDecompress();
  if (!tj)
    return err_set(e, ERR_NOMEM, "JPEG decoder: out of memory");
  const bool ok = decode(tj, p, d, n, e);
  (void)tjDestroy(tj);
  return ok && orient(p, picture_orientation(d, n), e);
}

static unsigned get16(const uint8_t *d, bool big) {
  return big ? (unsigned)d[0] << 8 | d[1] : (unsigned)d[1] << 8 | d[0];
}

static size_t get32(const uint8_t *d, bool big) {
  const unsigned a = get16(d, big), b = get16(d + 2, big);
  return big ? (size_t)a << 16 | b : (size_t)b << 16 | a;
}

// Tag 274 of the first directory of a TIFF block.
static int tiff_orientation(const uint8_t *t, size_t n) {
  if (n < 8 || (t[0] != 'I' && t[0] != 'M'))
    return 1;
  const bool big = t[0] == 'M';
  const size_t at = get32(t + 4, big);
  if (at > n - 2)
    return 1;
  const unsigned entries = get16(t + at, big);
  for (unsigned i = 0; i < entries; i++) {
    const size_t k = at + 2 + 12 * (size_t)i;
    if (k + 12 > n)
      return 1;
    if (get16(t + k, big) == 274) {
      const unsigned v = get16(t + k + 8, big);
      return v >= 1 && v <= 8 ? (int)v : 1;
    }
  }
  return 1;
}

int picture_orientation(const uint8_t *d, size_t n) {
  size_t at = 2; // after the start marker
  while (at + 4 <= n && d[at] == 0xFF && d[at + 1] != 0xDA && d[at + 1] != 0xD9) {
    const size_t length = get16(d + at + 2, true);
    if (length < 2 || at + 2 + length > n)
      return 1;
    if (d[at + 1] == 0xE1 && length >= 8 && memcmp(d + at + 4, "Exif\0", 6) == 0)
      return tiff_orientation(d + at + 10, length - 8);
    at += 2 + length;
  }
  return 1;
}
