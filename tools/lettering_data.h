// SPDX-License-Identifier: Apache-2.0
#ifndef BAYPLATE_TOOLS_LETTERING_DATA_H
#define BAYPLATE_TOOLS_LETTERING_DATA_H

#include <stdint.h>

#define LETTERING_GLYPHS (95 + 1 + 31 + 9) // ASCII, the dot, provinces, 使领港澳学挂警应急
#define LETTERING_ROWS 20

struct lettering_glyph {
  uint32_t code;                // Unicode
  int width;                    // pixels
  uint32_t row[LETTERING_ROWS]; // the leftmost pixel is bit width - 1
};

extern const struct lettering_glyph lettering_glyph[LETTERING_GLYPHS];

#endif
