// SPDX-License-Identifier: Apache-2.0
#include "board/frame_range.h"

#include <stddef.h>

static void squeeze(uint8_t *plane, int stride, int width, int height, const uint8_t table[256]) {
  for (int y = 0; y < height; y++) {
    uint8_t *row = plane + (size_t)y * (size_t)stride;
    for (int x = 0; x < width; x++)
      row[x] = table[row[x]];
  }
}

void frame_range_limit(struct frame *f) {
  if (f->format != FRAME_I420)
    return;
  uint8_t luma[256], chroma[256];
  for (int i = 0; i < 256; i++) {
    luma[i] = (uint8_t)(16 + (i * 219 + 127) / 255);
    chroma[i] = (uint8_t)(16 + (i * 224 + 127) / 255);
  }
  int half_w = (f->width + 1) / 2, half_h = (f->height + 1) / 2;
  squeeze(f->plane[0], f->stride[0], f->width, f->height, luma);
  squeeze(f->plane[1], f->stride[1], half_w, half_h, chroma);
  squeeze(f->plane[2], f->stride[2], half_w, half_h, chroma);
}
