// SPDX-License-Identifier: Apache-2.0
// What the pass sheet is drawn with: cairo and one font that has Chinese characters.
#ifndef BAYPLATE_FIRMWARE_SHEET_CANVAS_H
#define BAYPLATE_FIRMWARE_SHEET_CANVAS_H

#include "board/err.h"

#include <cairo.h>
#include <ft2build.h>
#include FT_FREETYPE_H

#define PAGE_WIDTH 595.276 // A4, points
#define PAGE_HEIGHT 841.890

struct canvas {
  cairo_t *cr;
  cairo_font_face_t *face;
};

struct font {
  FT_Library library;
  FT_Face ft;
  cairo_font_face_t *face;
};

// Opens a font file (NULL: the first of those that Debian's packages install). ERR_NOT_FOUND: it is
// none, or has no Chinese characters.
BP_CHECK bool font_open(struct font *f, const char *path, struct err *e);
void font_close(struct font *f);

enum ink { INK_BLACK, INK_SOFT, INK_LINE, INK_GOOD, INK_FAIR, INK_BAD, INK_WHITE };
void canvas_ink(const struct canvas *c, enum ink ink);

// Writes one line with its base at (x, y), shortened with an ellipsis to `width` (0: as long as it
// is). Returns how wide it became.
double canvas_text(const struct canvas *c, double x, double y, double size, double width,
                   const char *text);
double canvas_text_width(const struct canvas *c, double size, const char *text);
void canvas_line(const struct canvas *c, double x0, double y0, double x1, double y1);
void canvas_box(const struct canvas *c, double x, double y, double w, double h, bool filled);

// Draws a JPEG file into the box, as large as fits, in its middle; where it came to lie is written
// to at[4] (x, y, width, height). A file that is missing or damaged leaves an empty box, false.
bool canvas_picture(const struct canvas *c, const char *path, double x, double y, double w,
                    double h, double at[4]);

#endif
