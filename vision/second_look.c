// SPDX-License-Identifier: Apache-2.0
// tools/train/detector_near.py holds the same in Python and trains the network.
#include "vision/second_look.h"

#include "vision/model.h"
#include "vision/net.h"
#include "vision/ocv.h"

#include <math.h>
#include <stdlib.h>

#define WIDE 128 // the window
#define HIGH 80
#define PLATE_WIDE 88.0f // the plate in it is at most so large
#define PLATE_HIGH 54.0f
#define OUTPUTS 10  // corners TL TR BR BL (x, y), plate, two lines
#define AGAIN 0.6f  // two looks' corners that share less of their union are looked at once more
#define LOOKS_MAX 2 // at one plate

struct second_look {
  struct net *net;
  struct ocv_work *work;
  uint8_t pixels[3 * WIDE * HIGH];
};

static float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

// The rotated rectangle shown of a quad: around its centre, its mean level made horizontal. Pixels.
struct window {
  struct point centre, along, down; // along and down: each one window width long
};

static bool window_of(const struct quad *q, struct window *w) {
  const struct point *p = q->corner;
  const float ax = 0.5f * (p[1].x - p[0].x + p[2].x - p[3].x);
  const float ay = 0.5f * (p[1].y - p[0].y + p[2].y - p[3].y);
  const float dx = 0.5f * (p[3].x - p[0].x + p[2].x - p[1].x);
  const float dy = 0.5f * (p[3].y - p[0].y + p[2].y - p[1].y);
  const float wide = hypotf(ax, ay);
  if (!(wide >= 1.0f) || !isfinite(wide) || !isfinite(dx) || !isfinite(dy))
    return false;
  const float ux = ax / wide, uy = ay / wide, high = fmaxf(fabsf(ux * dy - uy * dx), 1e-3f);
  const float length = (float)WIDE / fminf(PLATE_WIDE / wide, PLATE_HIGH / high);
  w->centre = (struct point){0.25f * (p[0].x + p[1].x + p[2].x + p[3].x),
                             0.25f * (p[0].y + p[1].y + p[2].y + p[3].y)};
  w->along = (struct point){ux * length, uy * length};
  w->down = (struct point){-uy * length, ux * length};
  return length < (float)IMAGE_SIDE_MAX;
}

// A place in window widths from the centre -> pixels of the frame.
static struct point place(const struct window *w, float u, float v) {
  return (struct point){w->centre.x + u * w->along.x + v * w->down.x,
                        w->centre.y + u * w->along.y + v * w->down.y};
}

// Runs the network on a window. value: OUTPUTS raw values.
static bool run(struct second_look *s, const struct image_view *frame, const struct window *w,
                float *value, struct err *e) {
  const float v = 0.5f * (float)HIGH / (float)WIDE;
  const struct quad q = {
      {place(w, -0.5f, -v), place(w, 0.5f, -v), place(w, 0.5f, v), place(w, -0.5f, v)}};
  if (!ocv_warp(s->work, frame, &q, WIDE, HIGH, s->pixels, 3 * WIDE, sizeof s->pixels, e))
    return false;
  const struct net_picture picture = {s->pixels, WIDE, HIGH, 3 * WIDE};
  struct net_tensor out = {.version = NET_VERSION, .data = value, .capacity = OUTPUTS};
  if (!net_forward(s->net, &picture, &out, 1, e))
    return false;
  int n = 1;
  for (int i = 0; i < out.dims; i++)
    n *= out.shape[i];
  return n == OUTPUTS || err_set(e, ERR_FORMAT, "near.onnx: gives %d values, not %d", n, OUTPUTS);
}

bool second_look_at(struct second_look *s, const struct image_view *frame, struct detection *plate,
                    struct err *e) {
  struct quad q = plate->quad;
  struct window w;
  float value[OUTPUTS];
  if (!image_check(frame, e))
    return err_prefix(e, "second look");
  if (!window_of(&q, &w))
    return true;
  bool seen = false;
  for (int look = 0; look < LOOKS_MAX && (look == 0 || window_of(&q, &w)); look++) {
    if (!run(s, frame, &w, value, e))
      return err_prefix(e, "second look");
    struct quad next;
    for (size_t i = 0; i < 4; i++)
      next.corner[i] = place(&w, value[2 * i], value[2 * i + 1]);
    seen = quad_is_clockwise(&next);
    if (!seen)
      break;
    const float moved = ocv_quad_shared(&q, &next);
    q = next;
    if (moved >= AGAIN)
      break;
  }
  if (!seen) { // corners that no plate can have
    plate->score *= 0.5f;
    return true;
  }
  plate->quad = q;
  plate->score = sqrtf(plate->score * sigmoid(value[8]));
  plate->double_score = sigmoid(value[9]);
  return true;
}

bool second_look_new(struct second_look **out, const char *dir, struct err *e) {
  static const char *const outputs[] = {"plate"};
  *out = NULL;
  struct second_look *s = calloc(1, sizeof *s);
  if (!s)
    return err_set(e, ERR_NOMEM, "second look: out of memory");
  uint8_t pixels[3 * 4 * 4] = {0};
  const struct image_view v = {IMAGE_BGR24, 4, 4, {pixels, NULL, NULL}, {3 * 4, 0, 0}};
  struct detection d = {.quad = {{{0, 0}, {3, 0}, {3, 1}, {0, 1}}}, .score = 1.0f};
  if (!model_load_net(&s->net, dir, "near.onnx", outputs, 1, e) || !ocv_work_new(&s->work, e))
    goto fail;
  if (!second_look_at(s, &v, &d,
                      e)) {         // its memory is taken now, and a wrong shape is told at start
    (void)err_prefix(e, "%s", dir); // already failing
    goto fail;
  }
  *out = s;
  return true;
fail:
  second_look_free(s);
  return false;
}

void second_look_free(struct second_look *s) {
  if (!s)
    return;
  net_free(s->net);
  ocv_work_free(s->work);
  free(s);
}
