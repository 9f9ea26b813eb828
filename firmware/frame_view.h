// SPDX-License-Identifier: Apache-2.0
// A camera's frame as vision sees it.
#ifndef BAYPLATE_FIRMWARE_FRAME_VIEW_H
#define BAYPLATE_FIRMWARE_FRAME_VIEW_H

#include "board/frame.h"
#include "vision/image.h"

// Points into the frame; valid as long as it is.
static inline struct image_view frame_view(const struct frame *f) {
  static const enum image_format formats[] = {
      [FRAME_GRAY8] = IMAGE_GRAY8, [FRAME_BGR24] = IMAGE_BGR24, [FRAME_I420] = IMAGE_I420};
  struct image_view v = {.format = formats[f->format], .width = f->width, .height = f->height};
  for (int i = 0; i < 3; i++) {
    v.plane[i] = f->plane[i];
    v.stride[i] = f->stride[i];
  }
  return v;
}

#endif
