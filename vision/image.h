// SPDX-License-Identifier: Apache-2.0
// A picture that somebody else owns. Vision only looks at it during the call it is given to.
#ifndef BAYPLATE_VISION_IMAGE_H
#define BAYPLATE_VISION_IMAGE_H

#include <stdint.h>

enum image_format {
  IMAGE_GRAY8, // plane 0: luma
  IMAGE_BGR24, // plane 0: B G R interleaved
  IMAGE_I420,  // planes Y, U, V; chroma halved both ways (odd sizes round up); BT.601 limited range
};

#define IMAGE_SIDE_MAX 30000 // pixels; larger pictures are refused by name

struct image_view {
  enum image_format format;
  int width, height;       // pixels
  const uint8_t *plane[3]; // unused ones NULL
  int stride[3];           // bytes a row
};

#endif
