// SPDX-License-Identifier: Apache-2.0
// Decoding as vision/models/detector.md says; tools/train/detector_net.py holds the same in Python.
#include "vision/detector.h"

#include "vision/model.h"
#include "vision/net.h"
#include "vision/ocv.h"
#include "vision/second_look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MIN 64
#define SIDE_MAX 2048
#define CHANNELS 11
#define CANDIDATES_MAX 256 // before suppression; the best ones are kept
#define STILL_ENLARGE 1.5f // a still is not looked at enlarged by more
#define FINE_FACTOR 2 // scales finer than this many times the middle one: only where all found none
#define SAME_PLATE 0.5f       // share of their union from which two scales' quads are one plate
#define CLEAR_SCORE 0.75f     // plates surer than this, and so wide in the middle scale,
#define CLEAR_WIDTH_MIN 40.0f // need no other scale
#define CLEAR_WIDTH_MAX 260.0f
#define FOLLOW_INPUT_WIDTH 192 // window of the near look for a plate that is followed
#define FOLLOW_INPUT_HEIGHT 128
#define FOLLOW_PLATE 96.0f  // its plate's width there
#define FOLLOW_OVERLAP 0.3f // of the two places, or they are not the same plate
#define FOLLOW_SCORE 0.2f   // smallest score of a plate that is followed

struct detector {
  struct detector_model model;
  struct net *net; // keeps what it needs for each of the last few sizes of input
  struct second_look *near;
  struct ocv_work *work;
  float threshold;
  int input;
  uint8_t *pixels;
  float *maps;
  size_t pixels_bytes, maps_floats;
  int candidates;
  struct detection candidate[CANDIDATES_MAX];
};

static float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

// Room for an input of width x height and its maps. Grows once a size; the frame path then
// allocates nothing.
static bool reserve(struct detector *d, int width, int height, struct err *e) {
  const size_t pixels = (size_t)3 * (size_t)width * (size_t)height;
  const size_t maps =
      CHANNELS * (size_t)(width / d->model.stride) * (size_t)(height / d->model.stride);
  if (pixels > d->pixels_bytes) {
    uint8_t *p = realloc(d->pixels, pixels);
    if (!p)
      return err_set(e, ERR_NOMEM, "detector: out of memory for %dx%d", width, height);
    d->pixels = p;
    d->pixels_bytes = pixels;
  }
  if (maps > d->maps_floats) {
    float *p = realloc(d->maps, maps * sizeof *p);
    if (!p)
      return err_set(e, ERR_NOMEM, "detector: out of memory for %dx%d", width, height);
    d->maps = p;
    d->maps_floats = maps;
  }
  return true;
}

// Keeps the list sorted by score, best first; a full list drops its worst.
static void keep(struct detector *d, const struct detection *p) {
  int i = d->candidates;
  if (i == CANDIDATES_MAX) {
    if (d->candidate[i - 1].score >= p->score)
      return;
    i--;
  } else {
    d->candidates++;
  }
  for (; i > 0 && d->candidate[i - 1].score < p->score; i--)
    d->candidate[i] = d->candidate[i - 1];
  d->candidate[i] = *p;
}

// From input pixels to the frame's: x * scale + shift.
struct mapping {
  float sx, sy, ox, oy;
};

static void decode(struct detector *d, int mw, int mh, const struct mapping *to) {
  const struct detector_model *m = &d->model;
  const size_t n = (size_t)mw * (size_t)mh;
  const float limit = logf(d->threshold / (1.0f - d->threshold));
  for (int y = 0; y < mh; y++) {
    for (int x = 0; x < mw; x++) {
      const float *v = d->maps + (size_t)y * (size_t)mw + (size_t)x;
      if (!(v[0] >= limit))
        continue;
      bool peak = true;
      for (int b = y > 0 ? -1 : 0; b <= (y < mh - 1 ? 1 : 0) && peak; b++)
        for (int a = x > 0 ? -1 : 0; a <= (x < mw - 1 ? 1 : 0); a++)
          peak = peak && v[b * mw + a] <= v[0];
      if (!peak)
        continue;
      const float w = m->unit * expf(fminf(fmaxf(v[10 * n], m->log_min), m->log_max));
      const float s = (float)m->stride;
      const float cx = ((float)x + 0.5f) * s - 0.5f, cy = ((float)y + 0.5f) * s - 0.5f;
      struct detection p = {.score = sigmoid(v[0]), .double_score = sigmoid(v[9 * n])};
      for (size_t i = 0; i < 4; i++) {
        const float px = cx + v[(1 + 2 * i) * n] * w, py = cy + v[(2 + 2 * i) * n] * w;
        p.quad.corner[i] = (struct point){(px + 0.5f) * to->sx - 0.5f + to->ox,
                                          (py + 0.5f) * to->sy - 0.5f + to->oy};
      }
      if (quad_is_clockwise(&p.quad))
        keep(d, &p);
    }
  }
}

static void suppress(const struct detector *d, struct detection *out, int *n) {
  *n = 0;
  for (int i = 0; i < d->candidates && *n < DETECTIONS_MAX; i++) {
    const struct detection *p = &d->candidate[i];
    bool alone = true;
    for (int k = 0; k < *n && alone; k++) {
      const float a = quad_area(&p->quad), b = quad_area(&out[k].quad);
      const float both = ocv_quad_overlap(&p->quad, &out[k].quad);
      alone = both <= d->model.overlap * (a + b - both) && both <= d->model.inside * fminf(a, b);
    }
    if (alone)
      out[(*n)++] = *p;
  }
}

// Runs the network on a rectangle scaled into a box; candidates are added.
static bool pass(struct detector *d, const struct image_view *frame, const struct image_rect *r,
                 const struct ocv_box *box, struct err *e) {
  if (!reserve(d, box->width, box->height, e) ||
      !ocv_letterbox(d->work, frame, r, box, d->pixels, d->pixels_bytes, e))
    return false;
  const struct net_picture picture = {d->pixels, box->width, box->height, 3 * box->width};
  struct net_tensor maps = {.version = NET_VERSION, .data = d->maps, .capacity = d->maps_floats};
  if (!net_forward(d->net, &picture, &maps, 1, e))
    return false;
  const int mw = box->width / d->model.stride, mh = box->height / d->model.stride;
  if (maps.dims != 4 || maps.shape[1] != CHANNELS || maps.shape[2] != mh || maps.shape[3] != mw)
    return err_set(e, ERR_FORMAT, "detector.onnx: its maps are not %dx%dx%d as detector.json says",
                   CHANNELS, mh, mw);
  const struct mapping to = {(float)r->width / (float)box->in_width,
                             (float)r->height / (float)box->in_height, (float)r->x, (float)r->y};
  decode(d, mw, mh, &to);
  return true;
}

// One pass over a rectangle with its longer side scaled to `side`.
static bool look(struct detector *d, const struct image_view *frame, const struct image_rect *rect,
                 int side, struct err *e) {
  const struct image_rect all = {0, 0, frame->width, frame->height};
  const struct image_rect *r = rect ? rect : &all;
  const float s = (float)side / (float)(r->width > r->height ? r->width : r->height);
  struct ocv_box box = {.version = OCV_VERSION, .pad = (uint8_t)d->model.pad};
  box.in_width = (int)fmaxf(1.0f, roundf((float)r->width * s));
  box.in_height = (int)fmaxf(1.0f, roundf((float)r->height * s));
  const int k = d->model.multiple;
  box.width = (box.in_width + k - 1) / k * k;
  box.height = (box.in_height + k - 1) / k * k;
  return pass(d, frame, r, &box, e);
}

// From x0 to x1, at least a pixel, inside 0..size.
static void span(float x0, float x1, int size, int *at, int *length) {
  const float top = (float)size;
  const int a = (int)floorf(fminf(fmaxf(x0, 0.0f), top - 1.0f));
  const int b = (int)ceilf(fminf(fmaxf(x1, 0.0f), top));
  *at = a;
  *length = b > a ? b - a : 1;
}

// The window round a quad through the network; *best: the plate there that overlaps it most, or
// NULL.
static bool near_look(struct detector *d, const struct image_view *frame, const struct quad *q,
                      const struct detection **best, struct err *e) {
  const float w = quad_width(q);
  *best = NULL;
  if (!image_check(frame, e))
    return err_prefix(e, "detector");
  float cx = 0.5f, cy = 0.5f; // pixel centres to edges
  for (int i = 0; i < 4; i++) {
    cx += 0.25f * q->corner[i].x;
    cy += 0.25f * q->corner[i].y;
  }
  const float s = FOLLOW_PLATE / w, rw = 0.5f * FOLLOW_INPUT_WIDTH / s,
              rh = 0.5f * FOLLOW_INPUT_HEIGHT / s;
  struct image_rect r;
  span(cx - rw, cx + rw, frame->width, &r.x, &r.width);
  span(cy - rh, cy + rh, frame->height, &r.y, &r.height);
  struct ocv_box box = {.version = OCV_VERSION,
                        .pad = (uint8_t)d->model.pad,
                        .width = FOLLOW_INPUT_WIDTH,
                        .height = FOLLOW_INPUT_HEIGHT};
  box.in_width = (int)fminf(fmaxf(1.0f, roundf((float)r.width * s)), FOLLOW_INPUT_WIDTH);
  box.in_height = (int)fminf(fmaxf(1.0f, roundf((float)r.height * s)), FOLLOW_INPUT_HEIGHT);
  const float threshold = d->threshold;
  d->candidates = 0;
  d->threshold = FOLLOW_SCORE;
  const bool ok = pass(d, frame, &r, &box, e);
  d->threshold = threshold;
  if (!ok)
    return err_prefix(e, "detector");
  float top = FOLLOW_OVERLAP;
  for (int i = 0; i < d->candidates; i++) {
    const struct detection *p = &d->candidate[i];
    const float both = ocv_quad_overlap(&p->quad, q);
    const float overlap = both / (quad_area(q) + quad_area(&p->quad) - both);
    if (overlap > top) {
      top = overlap;
      *best = p;
    }
  }
  return true;
}

bool detector_refine(struct detector *d, const struct image_view *frame, struct detection *plate,
                     struct err *e) {
  if (!second_look_at(d->near, frame, plate, e))
    return false;
  if (plate->score < d->threshold)
    plate->score = 0.0f;
  return true;
}

bool detector_follow(struct detector *d, const struct image_view *frame, const struct quad *where,
                     struct detection *out, bool *found, struct err *e) {
  const struct detection *best = NULL;
  *found = false;
  if (quad_width(where) >= 1.0f && !near_look(d, frame, where, &best, e))
    return false;
  if (!best)
    return true;
  *out = *best;
  *found = true;
  return second_look_at(d->near, frame, out, e);
}

// One frame as cameras send it through all that a frame goes through: memory is taken now, and a
// wrong shape is told at start.
static bool warm_up(struct detector *d, struct err *e) {
  enum { WIDTH = 1280, HEIGHT = 720 };
  uint8_t *grey = malloc(WIDTH * HEIGHT);
  if (!grey)
    return err_set(e, ERR_NOMEM, "detector: out of memory");
  memset(grey, 114, WIDTH * HEIGHT);
  const struct image_view v = {
      IMAGE_I420, WIDTH, HEIGHT, {grey, grey, grey}, {WIDTH, WIDTH / 2, WIDTH / 2}};
  struct detection found[DETECTIONS_MAX];
  int n = 0;
  struct detection one = {.quad = {{{600, 340}, {740, 340}, {740, 384}, {600, 384}}}}, there;
  bool seen;
  const bool ok = detector_find(d, &v, NULL, found, &n, e) && detector_refine(d, &v, &one, e) &&
                  detector_follow(d, &v, &one.quad, &there, &seen, e);
  free(grey);
  return ok;
}

bool detector_new(struct detector **out, const char *dir, struct err *e) {
  static const char *const outputs[] = {"maps"};
  *out = NULL;
  struct detector *d = calloc(1, sizeof *d);
  if (!d)
    return err_set(e, ERR_NOMEM, "detector: out of memory");
  if (!model_load_detector(&d->model, dir, e) ||
      !model_load_net(&d->net, dir, "detector.onnx", outputs, 1, e) ||
      !second_look_new(&d->near, dir, e) || !ocv_work_new(&d->work, e))
    goto fail;
  d->threshold = d->model.threshold;
  d->input = d->model.input;
  if (!warm_up(d, e)) {
    (void)err_prefix(e, "%s", dir); // already failing
    goto fail;
  }
  *out = d;
  return true;
fail:
  detector_free(d);
  return false;
}

void detector_free(struct detector *d) {
  if (!d)
    return;
  net_free(d->net);
  second_look_free(d->near);
  ocv_work_free(d->work);
  free(d->pixels);
  free(d->maps);
  free(d);
}

void detector_set_threshold(struct detector *d, float score) {
  d->threshold = fminf(fmaxf(score, 0.01f), 0.99f);
}

void detector_set_input(struct detector *d, int pixels) {
  d->input = pixels < SIDE_MIN ? SIDE_MIN : pixels > SIDE_MAX ? SIDE_MAX : pixels;
}

bool detector_find(struct detector *d, const struct image_view *frame,
                   const struct image_rect *rect, struct detection *out, int *n, struct err *e) {
  *n = 0;
  d->candidates = 0;
  if (!image_check(frame, e) || !look(d, frame, rect, d->input, e))
    return err_prefix(e, "detector");
  suppress(d, out, n);
  return true;
}

// Looks once more at each candidate of the passes since `d->candidates` was last 0 (but at those
// that were found in another scale), drops those that are no longer likely, adds the others to out.
static bool second_looks(struct detector *d, const struct image_view *picture,
                         struct detection *out, int *n, struct err *e) {
  struct detection new[DETECTIONS_MAX];
  int found = 0;
  suppress(d, new, &found);
  d->candidates = 0;
  for (int i = 0; i < *n; i++)
    keep(d, &out[i]);
  for (int i = 0; i < found; i++) {
    bool known = false;
    for (int k = 0; k < *n && !known; k++)
      known = ocv_quad_shared(&new[i].quad, &out[k].quad) > SAME_PLATE;
    if (known)
      continue;
    if (!detector_refine(d, picture, &new[i], e))
      return false;
    if (new[i].score > 0.0f)
      keep(d, &new[i]);
  }
  suppress(d, out, n);
  d->candidates = 0;
  return true;
}

// Whether the passes so far leave no doubt: something certain was found, and none of it is so small
// or so large in the middle scale that another scale is likely to show more.
static bool is_clear(const struct detector *d, const struct detection *found, int n, int longer) {
  const float scale = (float)d->model.input / (float)longer;
  bool clear = n > 0;
  for (int i = 0; i < n && clear; i++) {
    const float w = quad_width(&found[i].quad) * scale;
    clear = found[i].score >= CLEAR_SCORE && w >= CLEAR_WIDTH_MIN && w <= CLEAR_WIDTH_MAX;
  }
  return clear;
}

bool detector_find_still(struct detector *d, const struct image_view *picture,
                         struct detection *out, int *n, struct err *e) {
  *n = 0;
  d->candidates = 0;
  if (!image_check(picture, e))
    return err_prefix(e, "detector");
  const int longer = picture->width > picture->height ? picture->width : picture->height;
  const float threshold = d->threshold;
  d->threshold = fminf(threshold, d->model.candidate_threshold);
  bool ok = look(d, picture, NULL, d->model.input, e);
  d->threshold = threshold;
  if (!ok || !second_looks(d, picture, out, n, e))
    return err_prefix(e, "detector");
  if (is_clear(d, out, *n, longer))
    return true;
  for (int i = 0; i < d->model.widths; i++) {
    const int side = d->model.width[i];
    if (side == d->model.input || (float)side > STILL_ENLARGE * (float)longer ||
        (side > FINE_FACTOR * d->model.input && *n > 0))
      continue;
    d->threshold = fminf(threshold, d->model.candidate_threshold);
    ok = look(d, picture, NULL, side, e);
    d->threshold = threshold;
    if (!ok || !second_looks(d, picture, out, n, e))
      return err_prefix(e, "detector");
  }
  return true;
}
