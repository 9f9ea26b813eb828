// SPDX-License-Identifier: Apache-2.0
#include "vision/zone.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

// Twice the signed area of the triangle a, b, c.
static float turn(const struct point *a, const struct point *b, const struct point *c) {
  return (b->x - a->x) * (c->y - a->y) - (b->y - a->y) * (c->x - a->x);
}

static bool edges_cross(const struct point *a, const struct point *b, const struct point *c,
                        const struct point *d) {
  return turn(a, b, c) * turn(a, b, d) < 0.0f && turn(c, d, a) * turn(c, d, b) < 0.0f;
}

bool zone_init(struct zone *z, const struct point *points, int n, struct err *e) {
  *z = (struct zone){0};
  if (n == 0)
    return true;
  if (n < 3 || n > ZONE_POINTS_MAX)
    return err_set(e, ERR_ARG, "zone: %d points; give none, or 3 to %d", n, ZONE_POINTS_MAX);
  float area = 0.0f;
  for (int i = 0; i < n; i++) {
    const struct point *p = &points[i], *next = &points[(i + 1) % n];
    if (!(p->x >= 0.0f && p->x <= 1.0f && p->y >= 0.0f && p->y <= 1.0f))
      return err_set(e, ERR_ARG,
                     "zone: point %d (%g, %g) lies outside the frame; both numbers are parts of "
                     "the frame, 0 to 1",
                     i + 1, (double)p->x, (double)p->y);
    area += p->x * next->y - next->x * p->y;
  }
  for (int i = 0; i < n; i++) {
    for (int k = i + 2; k < n; k++) {
      if ((k + 1) % n != i &&
          edges_cross(&points[i], &points[(i + 1) % n], &points[k], &points[(k + 1) % n]))
        return err_set(e, ERR_ARG,
                       "zone: the edge after point %d crosses the edge after point %d; give the "
                       "points in order around the zone",
                       i + 1, k + 1);
    }
  }
  if (!(fabsf(area) * 0.5f > 1e-4f))
    return err_set(e, ERR_ARG, "zone: its %d points enclose no area", n);
  z->points = n;
  memcpy(z->point, points, (size_t)n * sizeof *points);
  return true;
}

// On the segment a..b, a hair's breadth counted in?
static bool on_edge(const struct point *a, const struct point *b, const struct point *p) {
  const float eps = 1e-6f;
  return fabsf(turn(a, b, p)) <= eps && p->x >= fminf(a->x, b->x) - eps &&
         p->x <= fmaxf(a->x, b->x) + eps && p->y >= fminf(a->y, b->y) - eps &&
         p->y <= fmaxf(a->y, b->y) + eps;
}

bool zone_contains(const struct zone *z, float x, float y) {
  if (z->points == 0)
    return x >= 0.0f && x <= 1.0f && y >= 0.0f && y <= 1.0f;
  const struct point p = {x, y};
  bool inside = false; // even-odd rule: count the edges to the right
  for (int i = 0, k = z->points - 1; i < z->points; k = i++) {
    const struct point *a = &z->point[i], *b = &z->point[k];
    if (on_edge(a, b, &p))
      return true;
    if ((a->y > y) != (b->y > y) && x < (b->x - a->x) * (y - a->y) / (b->y - a->y) + a->x)
      inside = !inside;
  }
  return inside;
}

bool zone_contains_quad(const struct zone *z, const struct quad *q, int width, int height) {
  float x = 0.0f, y = 0.0f;
  for (int i = 0; i < 4; i++) {
    x += 0.25f * q->corner[i].x;
    y += 0.25f * q->corner[i].y;
  }
  return zone_contains(z, (x + 0.5f) / (float)width, (y + 0.5f) / (float)height);
}

static int part(float f, int size) {
  if (f <= 0.0f)
    return 0;
  return f >= 1.0f ? size : (int)(f * (float)size);
}

struct image_rect zone_rect(const struct zone *z, int width, int height, float margin) {
  float x0 = 0.0f, y0 = 0.0f, x1 = 1.0f, y1 = 1.0f;
  for (int i = 0; i < z->points; i++) {
    const struct point *p = &z->point[i];
    x0 = i ? fminf(x0, p->x) : p->x;
    x1 = i ? fmaxf(x1, p->x) : p->x;
    y0 = i ? fminf(y0, p->y) : p->y;
    y1 = i ? fmaxf(y1, p->y) : p->y;
  }
  struct image_rect r = {.x = part(x0 - margin, width), .y = part(y0 - margin, height)};
  const int right = part(ceilf((x1 + margin) * (float)width) / (float)width, width);
  const int bottom = part(ceilf((y1 + margin) * (float)height) / (float)height, height);
  r.x = r.x < width ? r.x : width - 1;
  r.y = r.y < height ? r.y : height - 1;
  r.width = right > r.x ? right - r.x : 1;
  r.height = bottom > r.y ? bottom - r.y : 1;
  return r;
}

void zone_mask(const struct zone *z, int width, int height, unsigned char *mask) {
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width; x++)
      mask[(size_t)y * (size_t)width + (size_t)x] =
          zone_contains(z, ((float)x + 0.5f) / (float)width, ((float)y + 0.5f) / (float)height);
  }
}
