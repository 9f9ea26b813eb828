// SPDX-License-Identifier: Apache-2.0
// What the pass sheet is drawn with: cairo and one font that has Chinese characters.
#ifndef BAYPLATE_FIRMWARE_SHEET_CANVAS_H
#define BAYPLATE_FIRMWARE_SHEET_CANVAS_H

#include "board/err.h"

#include <cairo.h>

#define PAGE_WIDTH 595.276 // A4, points
#define PAGE_HEIGHT 841.890

struct canvas {
  cairo_t *cr;
  cairo_font_face_t *face;
};

// Finds a font by fontconfig. ERR_NOT_FOUND: none has Chinese characters.
BP_CHECK bool canvas_font(cairo_font_face_t **out, struct err *e);

// At the program's end: what the libraries keep for the next drawing.
void canvas_done(void);

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
