// SPDX-License-Identifier: Apache-2.0
#include "vision/crop.h"

#include <math.h>
#include <string.h>

static uint8_t clip(int v) {
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void pixel(const struct image_view *s, int x, int y, uint8_t *bgr) {
  const uint8_t *row = s->plane[0] + (ptrdiff_t)y * s->stride[0];
  switch (s->format) {
  case IMAGE_GRAY8:
    bgr[0] = bgr[1] = bgr[2] = row[x];
    return;
  case IMAGE_BGR24:
    memcpy(bgr, row + 3 * (ptrdiff_t)x, 3);
    return;
  case IMAGE_I420: { // BT.601, limited range, in 8-bit fixed point
    int c = 298 * (row[x] - 16);
    int u = s->plane[1][(ptrdiff_t)(y / 2) * s->stride[1] + x / 2] - 128;
    int v = s->plane[2][(ptrdiff_t)(y / 2) * s->stride[2] + x / 2] - 128;
    bgr[0] = clip((c + 516 * u + 128) >> 8);
    bgr[1] = clip((c - 100 * u - 208 * v + 128) >> 8);
    bgr[2] = clip((c + 409 * v + 128) >> 8);
    return;
  }
  }
  memset(bgr, 0, 3);
}

// The pixels of src that a box covers; x1 and y1 are outside.
struct cut {
  int x0, y0, x1, y1;
};

static struct cut cut_of(const struct image_view *src, struct crop_box box) {
  return (struct cut){(int)fmaxf(0, floorf(box.x0)), (int)fmaxf(0, floorf(box.y0)),
                      (int)fminf((float)src->width, ceilf(box.x1)),
                      (int)fminf((float)src->height, ceilf(box.y1))};
}

struct point crop_point(const struct image_view *src, struct crop_box box,
                        const struct image_view *crop, struct point p) {
  const struct cut c = cut_of(src, box);
  const float sx = (float)crop->width / (float)(c.x1 - c.x0);
  const float sy = (float)crop->height / (float)(c.y1 - c.y0);
  return (struct point){(p.x - (float)c.x0 + 0.5f) * sx - 0.5f,
                        (p.y - (float)c.y0 + 0.5f) * sy - 0.5f};
}

bool crop_bgr(const struct image_view *src, struct crop_box box, int max_width, int max_height,
              uint8_t *dst, size_t dst_bytes, struct image_view *out) {
  if (!(box.x0 < box.x1) || !(box.y0 < box.y1)) // also refuses what is no number
    return false;
  const struct cut c = cut_of(src, box);
  const int x0 = c.x0, y0 = c.y0, x1 = c.x1, y1 = c.y1;
  if (x1 <= x0 || y1 <= y0)
    return false;
  float scale =
      fmaxf(1, fmaxf((float)(x1 - x0) / (float)max_width, (float)(y1 - y0) / (float)max_height));
  int w = (int)((float)(x1 - x0) / scale), h = (int)((float)(y1 - y0) / scale);
  w = w < 1 ? 1 : w;
  h = h < 1 ? 1 : h;
  if ((size_t)w * (size_t)h * 3 > dst_bytes)
    return false;
  int taps = scale > 1.05f ? 2 : 1; // enough for the little that evidence is scaled down
  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) {
      int sum[3] = {0, 0, 0};
      for (int j = 0; j < taps; j++) {
        for (int i = 0; i < taps; i++) {
          int sx = x0 + (int)(((float)x + ((float)i + 0.5f) / (float)taps) * scale);
          int sy = y0 + (int)(((float)y + ((float)j + 0.5f) / (float)taps) * scale);
          uint8_t p[3];
          pixel(src, sx < x1 ? sx : x1 - 1, sy < y1 ? sy : y1 - 1, p);
          for (int k = 0; k < 3; k++)
            sum[k] += p[k];
        }
      }
      for (int k = 0; k < 3; k++)
        dst[((ptrdiff_t)y * w + x) * 3 + k] = (uint8_t)(sum[k] / (taps * taps));
    }
  }
  *out = (struct image_view){
      .format = IMAGE_BGR24, .width = w, .height = h, .plane = {dst}, .stride = {3 * w}};
  return true;
}
