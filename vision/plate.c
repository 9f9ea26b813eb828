// SPDX-License-Identifier: Apache-2.0
#include "vision/plate.h"

#include <math.h>
#include <string.h>

static const char *const names[PLATE_TYPE_COUNT] = {
    [PLATE_UNKNOWN] = "unknown", [PLATE_BLUE] = "blue",
    [PLATE_GREEN] = "green",     [PLATE_GREEN_LARGE] = "green_large",
    [PLATE_YELLOW] = "yellow",   [PLATE_YELLOW2] = "yellow2",
    [PLATE_WHITE] = "white",     [PLATE_WHITE2] = "white2",
    [PLATE_BLACK] = "black",
};

const char *plate_type_name(enum plate_type type) {
  unsigned i = (unsigned)type;
  return i < PLATE_TYPE_COUNT ? names[i] : names[PLATE_UNKNOWN];
}

bool plate_type_parse(const char *name, enum plate_type *out) {
  for (unsigned i = 0; i < PLATE_TYPE_COUNT; i++) {
    if (strcmp(name, names[i]) == 0) {
      *out = (enum plate_type)i;
      return true;
    }
  }
  return false;
}

void quad_bounds(const struct quad *q, float *x0, float *y0, float *x1, float *y1) {
  *x0 = *x1 = q->corner[0].x;
  *y0 = *y1 = q->corner[0].y;
  for (int i = 1; i < 4; i++) {
    *x0 = fminf(*x0, q->corner[i].x);
    *x1 = fmaxf(*x1, q->corner[i].x);
    *y0 = fminf(*y0, q->corner[i].y);
    *y1 = fmaxf(*y1, q->corner[i].y);
  }
}

static float side(const struct point *a, const struct point *b) {
  return hypotf(a->x - b->x, a->y - b->y);
}

float quad_height(const struct quad *q) {
  return 0.5f * (side(&q->corner[0], &q->corner[3]) + side(&q->corner[1], &q->corner[2]));
}

float quad_width(const struct quad *q) {
  return 0.5f * (side(&q->corner[0], &q->corner[1]) + side(&q->corner[3], &q->corner[2]));
}

float quad_area(const struct quad *q) {
  float s = 0.0f;
  for (int i = 0; i < 4; i++) {
    const struct point *a = &q->corner[i], *b = &q->corner[(i + 1) % 4];
    s += a->x * b->y - b->x * a->y;
  }
  return 0.5f * fabsf(s);
}

bool quad_is_clockwise(const struct quad *q) {
  for (int i = 0; i < 4; i++) {
    const struct point *a = &q->corner[i], *b = &q->corner[(i + 1) % 4],
                       *c = &q->corner[(i + 2) % 4];
    if (!((b->x - a->x) * (c->y - b->y) - (b->y - a->y) * (c->x - b->x) > 0.0f))
      return false;
  }
  return true;
}
