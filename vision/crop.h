// SPDX-License-Identifier: Apache-2.0
// Cuts a part out of a picture of any format as BGR24, scaled down to a bound. No memory of its
// own.
#ifndef BAYPLATE_VISION_CROP_H
#define BAYPLATE_VISION_CROP_H

#include "vision/image.h"
#include "vision/plate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// An upright box in pixels; x1 and y1 are outside it.
struct crop_box {
  float x0, y0, x1, y1;
};

// Writes the part of `src` that lies in the box (cut at the picture's edges) to dst, at most
// max_width x max_height pixels, without gaps between rows, and describes it in *out, which points
// into dst. false: the box lies outside the picture, or dst_bytes are too few.
bool crop_bgr(const struct image_view *src, struct crop_box box, int max_width, int max_height,
              uint8_t *dst, size_t dst_bytes, struct image_view *out);

// Where a point of src lies in the crop that crop_bgr() made of it with this box.
struct point crop_point(const struct image_view *src, struct crop_box box,
                        const struct image_view *crop, struct point p);

#endif
