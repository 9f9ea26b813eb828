// SPDX-License-Identifier: Apache-2.0
#include "tools/lettering.h"

#include "tools/lettering_data.h"

#include <string.h>

static const struct lettering_glyph missing = {
    0, 12, {0,     0,     0,     0,     0x1FE, 0x102, 0x102, 0x102, 0x102, 0x102,
            0x102, 0x102, 0x102, 0x102, 0x102, 0x1FE, 0,     0,     0,     0}};

// The next character; *text goes past it. Damaged UTF-8 counts byte by byte.
static const struct lettering_glyph *next(const char **text) {
  const unsigned char *s = (const unsigned char *)*text;
  uint32_t code = s[0];
  int bytes = 1;
  if (s[0] >= 0xC0 && (s[1] & 0xC0) == 0x80) {
    code = (uint32_t)(s[0] & 0x1F) << 6 | (s[1] & 0x3F);
    bytes = 2;
    if (s[0] >= 0xE0 && (s[2] & 0xC0) == 0x80) {
      code = (uint32_t)(s[0] & 0x0F) << 12 | (uint32_t)(s[1] & 0x3F) << 6 | (s[2] & 0x3F);
      bytes = 3;
    }
  }
  *text += bytes;
  for (int i = 0; i < LETTERING_GLYPHS; i++) {
    if (lettering_glyph[i].code == code)
      return &lettering_glyph[i];
  }
  return &missing;
}

static void block(struct picture *p, int x, int y, int side, const uint8_t bgr[3]) {
  for (int v = y < 0 ? 0 : y; v < y + side && v < p->view.height; v++) {
    for (int u = x < 0 ? 0 : x; u < x + side && u < p->view.width; u++)
      memcpy(p->pixels + (size_t)v * (size_t)p->view.stride[0] + 3 * (size_t)u, bgr, 3);
  }
}

static void glyph(struct picture *p, const struct lettering_glyph *g, int x, int y, int size,
                  int rim, const uint8_t bgr[3]) {
  for (int r = 0; r < LETTERING_ROWS; r++) {
    for (int c = 0; c < g->width; c++) {
      if (g->row[r] >> (g->width - 1 - c) & 1)
        block(p, x + c * size - rim, y + r * size - rim, size + 2 * rim, bgr);
    }
  }
}

void lettering_draw(struct picture *p, int x, int y, int size, const char *text,
                    const uint8_t bgr[3]) {
  static const uint8_t dark[3] = {0, 0, 0};
  for (int pass = 0; pass < 2; pass++) { // all rims first: none covers the letter before it
    int at = x + size;
    for (const char *s = text; *s && at < p->view.width;) {
      const struct lettering_glyph *g = next(&s);
      glyph(p, g, at, y + size, size, pass ? 0 : size, pass ? bgr : dark);
      at += g->width * size;
    }
  }
}

int lettering_width(const char *text, int size) {
  int width = 2;
  while (*text)
    width += next(&text)->width;
  return width * size;
}
