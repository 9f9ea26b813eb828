// SPDX-License-Identifier: Apache-2.0
// Picture files (JPEG, PNG, BMP) to BGR24 pixels, as a person sees them: turned by their EXIF
// orientation.
#ifndef BAYPLATE_TOOLS_PICTURE_H
#define BAYPLATE_TOOLS_PICTURE_H

#include "board/err.h"
#include "vision/image.h"

#include <stddef.h>
#include <stdint.h>

#define PICTURE_PIXELS_MAX (120u * 1000u * 1000u) // 360 MB as BGR24
#define PICTURE_BYTES_MAX (256u << 20)            // of a file

#define PICTURE_DAMAGE_MAX 120

struct picture {
  struct image_view view; // BGR24; its pixels belong to the picture
  uint8_t *pixels;
  char damage[PICTURE_DAMAGE_MAX]; // what is wrong with a file that was read in part; "": nothing
};

// Reads a file. Missing, empty, oversized and foreign files are errors that say so; *p is then
// empty. A file that ends early or breaks off is read as far as it goes, the rest is grey, and
// p->damage says so; it is an error only when nothing of it can be seen.
BP_CHECK bool picture_load(struct picture *p, const char *path, struct err *e);

// The same from memory.
BP_CHECK bool picture_decode(struct picture *p, const uint8_t *data, size_t bytes, struct err *e);

// Memory for width x height pixels, uninitialised; refuses sizes above the bounds.
BP_CHECK bool picture_new(struct picture *p, long width, long height, struct err *e);
void picture_free(struct picture *p); // empties it; an empty one is fine

// How many of its lines, counted from the top, are seen: those below are one even colour.
int picture_lines_seen(const struct picture *p);
// Sets p->damage: "damaged KIND: WHY; lines 1 to N of M were read". false: nothing was, e says so.
BP_CHECK bool picture_damaged(struct picture *p, const char *kind, const char *why, struct err *e);

// A line `thick` pixels wide, cut at the picture's edges.
void picture_line(struct picture *p, float x0, float y0, float x1, float y1, int thick,
                  const uint8_t bgr[3]);
BP_CHECK bool picture_write_png(const struct picture *p, const char *path, struct err *e);

#endif
