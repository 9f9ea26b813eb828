// SPDX-License-Identifier: Apache-2.0
#include "vision/rectify.h"

#include "vision/ocv.h"

#include <math.h>

// Where (u, v) of the unit square lies in the quad: projective, as the plate is flat (Heckbert
// 1989, 2.2.3).
static struct point in_quad(const struct quad *q, float u, float v) {
  const struct point *p = q->corner;
  const float dx1 = p[1].x - p[2].x, dx2 = p[3].x - p[2].x, sx = p[0].x - p[1].x + p[2].x - p[3].x;
  const float dy1 = p[1].y - p[2].y, dy2 = p[3].y - p[2].y, sy = p[0].y - p[1].y + p[2].y - p[3].y;
  const float det = dx1 * dy2 - dx2 * dy1;
  float g = 0.0f, h = 0.0f;
  if (fabsf(det) > 1e-6f) {
    g = (sx * dy2 - dx2 * sy) / det;
    h = (dx1 * sy - sx * dy1) / det;
  }
  const float w = g * u + h * v + 1.0f;
  return (struct point){
      ((p[1].x - p[0].x + g * p[1].x) * u + (p[3].x - p[0].x + h * p[3].x) * v + p[0].x) / w,
      ((p[1].y - p[0].y + g * p[1].y) * u + (p[3].y - p[0].y + h * p[3].y) * v + p[0].y) / w};
}

// The part of a quad between v0 and v1 down, without `inset` on both sides.
static struct quad band(const struct quad *q, float inset, float v0, float v1) {
  const float u0 = inset, u1 = 1.0f - inset;
  return (struct quad){
      {in_quad(q, u0, v0), in_quad(q, u1, v0), in_quad(q, u1, v1), in_quad(q, u0, v1)}};
}

static struct quad looked_at(const struct quad *plate, const struct rectify_look *look) {
  const float width = quad_width(plate), unit = width > 0.0f ? quad_height(plate) / width : 0.0f;
  const float gx = look->x * unit, gy = look->y, s = look->slant * unit;
  return (struct quad){{in_quad(plate, -gx + s, -gy), in_quad(plate, 1.0f + gx + s, -gy),
                        in_quad(plate, 1.0f + gx - s, 1.0f + gy),
                        in_quad(plate, -gx - s, 1.0f + gy)}};
}

size_t rectify_bytes(const struct rectify_shape *s) {
  return 3 * (size_t)s->width * ((size_t)s->height + 1); // a row more: the lower line starts
                                                         // within one, and is told whole rows
}

bool rectify_line(struct ocv_work *work, const struct image_view *frame, const struct quad *plate,
                  const struct rectify_look *look, bool two_lines,
                  const struct rectify_shape *shape, uint8_t *pixels, struct err *e) {
  const int w = shape->width, h = shape->height, stride = 3 * w, left = shape->upper_width;
  const size_t bytes = (size_t)stride * (size_t)h;
  const struct quad q = look ? looked_at(plate, look) : *plate;
  if (!two_lines)
    return ocv_warp(work, frame, &q, w, h, pixels, stride, bytes, e);
  const struct quad upper = band(&q, shape->upper_inset, 0.0f, shape->upper);
  const struct quad lower = band(&q, 0.0f, shape->upper, 1.0f);
  return ocv_warp(work, frame, &upper, left, h, pixels, stride, bytes, e) &&
         ocv_warp(work, frame, &lower, w - left, h, pixels + 3 * left, stride, bytes, e);
}
