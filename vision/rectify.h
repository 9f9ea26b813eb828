// SPDX-License-Identifier: Apache-2.0
// From a plate's corners to the upright line of symbols that a reader looks at. The two lines of a
// double-line plate are laid side by side. tools/train/degrade.py: rectify() does the same
// arithmetic for training.
#ifndef BAYPLATE_VISION_RECTIFY_H
#define BAYPLATE_VISION_RECTIFY_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/plate.h"

#include <stddef.h>
#include <stdint.h>

struct ocv_work;

struct rectify_shape {
  int width, height; // pixels of the line
  float upper;       // part of a double-line plate's height that is its upper line
  int upper_width;   // columns that the upper line gets
  float upper_inset; // part of the width left out on both sides of the upper line, where nothing is
};

// How one look differs from the corners as found: by how much of the plate's height it is wider and
// higher, and its top is moved right, its bottom left.
struct rectify_look {
  float x, y, slant;
};

// Bytes that rectify_line() writes into.
size_t rectify_bytes(const struct rectify_shape *s);

// Writes the line as height rows of width BGR24 pixels. look may be NULL: the corners as they are.
BP_CHECK bool rectify_line(struct ocv_work *work, const struct image_view *frame,
                           const struct quad *plate, const struct rectify_look *look,
                           bool two_lines, const struct rectify_shape *shape, uint8_t *pixels,
                           struct err *e);

#endif
