// SPDX-License-Identifier: Apache-2.0
#include "vision/aim.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define SATURATED 250
#define BLACK 12
#define EDGES_MAX 512   // edges whose width is kept; more are not needed for a median
#define RISE_MIN 0.4f   // part of the plate's contrast that an edge must cross
#define CONTRAST_MIN 16 // below it there is nothing but noise
#define STROKE 14       // plate heights to a stroke
#define LIGHT_STEP 4
#define DEGREES 57.29578f

// Plates' width to height as GA 36-2018 gives their sizes.
static float proportion(enum plate_type type) {
  switch (type) {
  case PLATE_GREEN:
  case PLATE_GREEN_LARGE:
    return 480.0f / 140.0f;
  case PLATE_YELLOW2:
  case PLATE_WHITE2:
    return 440.0f / 220.0f;
  case PLATE_UNKNOWN:
  case PLATE_BLUE:
  case PLATE_YELLOW:
  case PLATE_WHITE:
  case PLATE_BLACK:
  case PLATE_TYPE_COUNT:
    break;
  }
  return 440.0f / 140.0f;
}

int aim_luma(const struct image_view *v, int x, int y) {
  const uint8_t *row = v->plane[0] + (ptrdiff_t)y * v->stride[0];
  int luma = 0;
  switch (v->format) {
  case IMAGE_GRAY8:
    return row[x];
  case IMAGE_BGR24: { // BT.601, 16-bit fixed point
    const uint8_t *p = row + 3 * (ptrdiff_t)x;
    return (7471 * p[0] + 38470 * p[1] + 19595 * p[2] + 32768) >> 16;
  }
  case IMAGE_I420: // limited range, 16 to 235
    luma = ((row[x] - 16) * 255 + 109) / 219;
    return luma < 0 ? 0 : luma > 255 ? 255 : luma;
  }
  return 0;
}

static bool usable(const struct image_view *v) {
  return v->plane[0] && v->width > 0 && v->height > 0;
}

// The part of the picture that is looked at.
struct window {
  int x, y, width, height;
  uint8_t luma[AIM_CROP_MAX];
  bool inside[AIM_CROP_MAX]; // on the plate
};

static bool on_plate(const struct quad *q, float x, float y) {
  for (int i = 0; i < 4; i++) {
    const struct point *a = &q->corner[i], *b = &q->corner[(i + 1) % 4];
    if ((b->x - a->x) * (y - a->y) - (b->y - a->y) * (x - a->x) < 0.0f)
      return false;
  }
  return true;
}

static bool cut(const struct image_view *v, const struct quad *q, struct window *w) {
  float x0, y0, x1, y1;
  quad_bounds(q, &x0, &y0, &x1, &y1);
  if (!(x1 > 0.0f && y1 > 0.0f && x0 < (float)v->width && y0 < (float)v->height))
    return false;
  w->x = (int)fmaxf(0.0f, floorf(x0));
  w->y = (int)fmaxf(0.0f, floorf(y0));
  w->width = (int)fminf((float)v->width, ceilf(x1) + 1.0f) - w->x;
  w->height = (int)fminf((float)v->height, ceilf(y1) + 1.0f) - w->y;
  if (w->width > 640) {
    w->x += (w->width - 640) / 2;
    w->width = 640;
  }
  if (w->height > 240) {
    w->y += (w->height - 240) / 2;
    w->height = 240;
  }
  if (w->width < 8 || w->height < 4)
    return false;
  for (int y = 0; y < w->height; y++) {
    for (int x = 0; x < w->width; x++) {
      const int at = y * w->width + x;
      w->luma[at] = (uint8_t)aim_luma(v, w->x + x, w->y + y);
      w->inside[at] = on_plate(q, (float)(w->x + x), (float)(w->y + y));
    }
  }
  return true;
}

static void percentiles(const struct window *w, float *low, float *high) {
  unsigned count[256] = {0}, all = 0, sum = 0;
  for (int i = 0; i < w->width * w->height; i++) {
    if (w->inside[i]) {
      count[w->luma[i]]++;
      all++;
    }
  }
  int v = 0;
  for (; v < 255 && (sum += count[v]) * 20 < all; v++) {
  }
  *low = (float)v;
  for (v = 255, sum = 0; v > 0 && (sum += count[v]) * 20 < all; v--) {
  }
  *high = (float)v;
}

static float median(float *value, int n) {
  if (n == 0)
    return 0.0f;
  for (int gap = n / 2; gap > 0; gap /= 2) { // Shell's sort: short, without recursion
    for (int i = gap; i < n; i++) {
      const float v = value[i];
      int k = i;
      for (; k >= gap && value[k - gap] > v; k -= gap)
        value[k] = value[k - gap];
      value[k] = v;
    }
  }
  return value[n / 2];
}

// Width of the edges met when going n pixels by `step` bytes from `at`; appends to `out`. Returns
// the new count.
static int edges_of_line(const uint8_t *at, const bool *inside, int n, int step, float rise_min,
                         float *out, int count) {
  for (int i = 0; i + 1 < n && count < EDGES_MAX; i++) {
    int slope = at[(i + 1) * step] - at[i * step];
    if (slope == 0 || !inside[i * step])
      continue;
    // The whole of a rise (or fall) in one direction; a level step of one pixel may interrupt it.
    const int begin = i;
    int steep = 0, end = i;
    const bool up = slope > 0;
    for (; end + 1 < n; end++) {
      slope = at[(end + 1) * step] - at[end * step];
      if (slope != 0 && (slope > 0) != up)
        break;
      if (slope == 0 && (end + 2 >= n || at[(end + 2) * step] == at[end * step] ||
                         (at[(end + 2) * step] > at[end * step]) != up))
        break;
      if (slope * (up ? 1 : -1) > steep)
        steep = slope * (up ? 1 : -1);
    }
    const int rise = (at[end * step] - at[begin * step]) * (up ? 1 : -1);
    if (steep > 0 && (float)rise >= rise_min && inside[end * step])
      out[count++] = (float)rise / (float)steep;
    if (end > i)
      i = end - 1;
  }
  return count;
}

static float edge_width(const struct window *w, bool along_x, float contrast) {
  float width[EDGES_MAX];
  int n = 0;
  const int lines = along_x ? w->height : w->width;
  const int length = along_x ? w->width : w->height, step = along_x ? 1 : w->width;
  // Lines from all over the plate, so that the bound on edges does not favour its top.
  const int skip = lines > 48 ? lines / 48 : 1;
  for (int i = 0; i < lines; i += skip) {
    const int at = along_x ? i * w->width : i;
    n = edges_of_line(w->luma + at, w->inside + at, length, step, RISE_MIN * contrast, width, n);
  }
  return n >= 4 ? median(width, n) : 0.0f;
}

static float strokes(const struct window *w, float contrast) {
  float width[EDGES_MAX];
  int n = 0, lines = 0;
  for (int y = w->height / 4; y < w->height * 3 / 4; y += 2, lines++) {
    const int at = y * w->width;
    n += edges_of_line(w->luma + at, w->inside + at, w->width, 1, RISE_MIN * contrast, width, 0);
  }
  return lines ? (float)n / (float)lines : 0.0f;
}

// Is each pixel within r of (x, y) saturated?
static bool all_saturated(const struct window *w, int x, int y, int r) {
  for (int j = y - r; j <= y + r; j++) {
    for (int i = x - r; i <= x + r; i++) {
      if (i >= 0 && j >= 0 && i < w->width && j < w->height &&
          w->luma[j * w->width + i] < SATURATED)
        return false;
    }
  }
  return true;
}

static float glare_part(const struct window *w, float height) {
  int all = 0, lost = 0, reach = (int)ceilf(height / (float)STROKE);
  if (reach < 1)
    reach = 1;
  for (int y = 0; y < w->height; y += 2) {
    for (int x = 0; x < w->width; x += 2) {
      if (!w->inside[y * w->width + x])
        continue;
      all++;
      lost += w->luma[y * w->width + x] >= SATURATED && all_saturated(w, x, y, reach);
    }
  }
  return all ? (float)lost / (float)all : 0.0f;
}

static float slant(const struct quad *q, float ratio) {
  const struct point *c = q->corner;
  // The affine picture of a plate `ratio` wide and 1 high: columns are the mean edges.
  const float ax = 0.5f * (c[1].x - c[0].x + c[2].x - c[3].x) / ratio;
  const float ay = 0.5f * (c[1].y - c[0].y + c[2].y - c[3].y) / ratio;
  const float bx = 0.5f * (c[3].x - c[0].x + c[2].x - c[1].x);
  const float by = 0.5f * (c[3].y - c[0].y + c[2].y - c[1].y);
  // Singular values of a 2 x 2 matrix from its square's trace and determinant.
  const float trace = ax * ax + ay * ay + bx * bx + by * by, det = ax * by - ay * bx;
  const float root = sqrtf(fmaxf(0.0f, trace * trace - 4.0f * det * det));
  const float large = 0.5f * (trace + root), small = 0.5f * (trace - root);
  return large > 0.0f ? DEGREES * acosf(fminf(1.0f, sqrtf(fmaxf(0.0f, small) / large))) : 0.0f;
}

bool aim_plate_measure(const struct image_view *frame, const struct quad *quad,
                       enum plate_type type, struct aim_plate *out) {
  struct window w; // 300 KB: commissioning's thread and the tests have that
  const struct point *c = quad->corner;
  *out = (struct aim_plate){.width = quad_width(quad), .height = quad_height(quad)};
  if (!usable(frame) || !(out->width >= 8.0f) || !(out->height >= 4.0f) || !cut(frame, quad, &w))
    return false;
  out->roll_deg =
      DEGREES * atan2f(c[1].y - c[0].y + c[2].y - c[3].y, c[1].x - c[0].x + c[2].x - c[3].x);
  out->slant_deg = slant(quad, proportion(type));
  float low, high;
  percentiles(&w, &low, &high);
  out->contrast = high - low;
  out->peak = high;
  if (out->contrast >= CONTRAST_MIN) {
    out->edge_x = edge_width(&w, true, out->contrast);
    out->edge_y = edge_width(&w, false, out->contrast);
    out->strokes = strokes(&w, out->contrast);
  }
  out->glare = glare_part(&w, out->height);
  return true;
}

float aim_smear(const struct aim_plate *p, float vx, float vy) {
  const float speed = hypotf(vx, vy);
  if (!(speed > 0.0f) || p->edge_x <= 0.0f || p->edge_y <= 0.0f)
    return 0.0f;
  const float ux = vx / speed, uy = vy / speed, along = ux * ux - uy * uy;
  const float x2 = p->edge_x * p->edge_x, y2 = p->edge_y * p->edge_y;
  if (fabsf(along) >= 0.5f)
    return sqrtf(fmaxf(0.0f, (x2 - y2) / along));
  return sqrtf(fmaxf(0.0f, x2 + y2 - 2.0f * AIM_EDGE_SHARP * AIM_EDGE_SHARP));
}

bool aim_light_measure(const struct image_view *frame, const struct zone *zone,
                       struct aim_light *out) {
  uint64_t sum = 0;
  unsigned all = 0, bright = 0, dark = 0;
  *out = (struct aim_light){0};
  if (!usable(frame))
    return false;
  for (int y = LIGHT_STEP / 2; y < frame->height; y += LIGHT_STEP) {
    for (int x = LIGHT_STEP / 2; x < frame->width; x += LIGHT_STEP) {
      if (zone && zone->points > 0 &&
          !zone_contains(zone, ((float)x + 0.5f) / (float)frame->width,
                         ((float)y + 0.5f) / (float)frame->height))
        continue;
      const int v = aim_luma(frame, x, y);
      sum += (unsigned)v;
      all++;
      bright += v >= SATURATED;
      dark += v <= BLACK;
    }
  }
  if (all == 0)
    return false;
  out->mean = (float)sum / (float)all;
  out->bright = (float)bright / (float)all;
  out->dark = (float)dark / (float)all;
  return true;
}
