// SPDX-License-Identifier: Apache-2.0
#include "vision/ctc_reader.h"

#include "vision/ctc.h"
#include "vision/model.h"
#include "vision/ocv.h"

#include <math.h>
#include <stdlib.h>

#define SURE 0.93f       // a first look at least this sure is not looked at again
#define LOOKS 5          // looks at one plate at most
#define LOOKS_STRAIGHT 3 // of these without a slant
#define SEEN 0.5f        // straight looks of which one was this sure need no slanted ones
#define DOUBLE_LIKELY 0.8f
#define DOUBLE_UNLIKELY 0.2f

// Corners are never quite where the plate ends, and small errors of theirs make slanted letters. By
// how much of the plate's height each look is wider and higher, and its top is moved right, its
// bottom left.
static const struct {
  float x, y, slant;
} margin[LOOKS] = {{0.0f, 0.0f, 0.0f},
                   {0.08f, 0.06f, 0.0f},
                   {-0.05f, -0.03f, 0.0f},
                   {0.04f, 0.03f, 0.16f},
                   {0.04f, 0.03f, -0.16f}};

struct ctc_reader {
  struct reader_model model;
  struct ocv_net *net;
  struct ocv_work *work;
  uint8_t *pixels;
  float *blob, *text;
  size_t text_floats;
};

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

// The part of a quad between u0..u1 across and v0..v1 down.
static struct quad part(const struct quad *q, float u0, float v0, float u1, float v1) {
  return (struct quad){
      {in_quad(q, u0, v0), in_quad(q, u1, v0), in_quad(q, u1, v1), in_quad(q, u0, v1)}};
}

// tools/train/degrade.py: rectify() does the same arithmetic for training.
static bool rectify(struct ctc_reader *r, const struct image_view *frame, const struct quad *q,
                    bool two_lines, struct err *e) {
  const int w = r->model.width, h = r->model.height, stride = 3 * w;
  const size_t bytes = (size_t)stride * (size_t)h;
  if (!two_lines)
    return ocv_warp(r->work, frame, q, w, h, r->pixels, stride, bytes, e);
  const int left = r->model.upper_width;
  const struct quad upper = part(q, 0.0f, 0.0f, 1.0f, r->model.upper);
  const struct quad lower = part(q, 0.0f, r->model.upper, 1.0f, 1.0f);
  // whole rows.
  return ocv_warp(r->work, frame, &upper, left, h, r->pixels, stride, bytes, e) &&
         ocv_warp(r->work, frame, &lower, w - left, h, r->pixels + 3 * left, stride, bytes, e);
}

static bool look(struct ctc_reader *r, const struct image_view *frame, const struct quad *plate,
                 int which, bool two_lines, struct ctc_result *out, struct err *e) {
  const float width = quad_width(plate), unit = width > 0.0f ? quad_height(plate) / width : 0.0f;
  const float gx = margin[which].x * unit, gy = margin[which].y, s = margin[which].slant * unit;
  const struct quad q = {{in_quad(plate, -gx + s, -gy), in_quad(plate, 1.0f + gx + s, -gy),
                          in_quad(plate, 1.0f + gx - s, 1.0f + gy),
                          in_quad(plate, -gx - s, 1.0f + gy)}};
  if (!rectify(r, frame, &q, two_lines, e))
    return false;
  const size_t area = (size_t)r->model.width * (size_t)r->model.height;
  for (size_t i = 0; i < area; i++) {
    for (size_t c = 0; c < 3; c++)
      r->blob[c * area + i] = (float)r->pixels[3 * i + c] * (1.0f / 255.0f);
  }
  float types[MODEL_TYPES_MAX];
  struct ocv_tensor t[2] = {{.version = OCV_VERSION, .data = r->text, .capacity = r->text_floats},
                            {.version = OCV_VERSION, .data = types, .capacity = MODEL_TYPES_MAX}};
  if (!ocv_net_forward(r->net, r->blob, 3, r->model.height, r->model.width, t, 2, e))
    return false;
  if (t[0].dims != 3 || t[0].shape[2] != r->model.symbols + 1 || t[1].dims != 2 ||
      t[1].shape[1] != r->model.types)
    return err_set(e, ERR_FORMAT,
                   "reader.onnx: its outputs have not the %d symbols and %d types of reader.json",
                   r->model.symbols, r->model.types);
  ctc_decode(&r->model, r->text, t[0].shape[1], types, out);
  return true;
}

static float best(const struct ctc_result *c) {
  return c->texts ? c->text[0].probability : 0.0f;
}

// Looks until one is sure, then mixes all of them. `first` is the straight look, done already.
// Where straight looks see nothing at all there is no plate to look at aslant.
static bool looks(struct ctc_reader *r, const struct image_view *frame, const struct quad *q,
                  bool two_lines, const struct ctc_result *first, struct ctc_result *out,
                  struct err *e) {
  struct ctc_result seen[LOOKS];
  seen[0] = *first;
  int n = 1;
  float top = best(first);
  while (n < LOOKS && top < (n < LOOKS_STRAIGHT ? SURE : SEEN) &&
         (n < LOOKS_STRAIGHT || top > 0.0f)) {
    if (!look(r, frame, q, n, two_lines, &seen[n], e))
      return false;
    top = fmaxf(top, best(&seen[n++]));
  }
  ctc_fuse(seen, n, out);
  return true;
}

static bool ctc_read(void *self, const struct image_view *frame, const struct detection *plate,
                     struct plate_read *out, struct err *e) {
  struct ctc_reader *r = self;
  struct ctc_result a = {0}, b = {0}, fused;
  if (plate->double_score < DOUBLE_LIKELY && !look(r, frame, &plate->quad, 0, false, &a, e))
    return err_prefix(e, "reader");
  if (plate->double_score > DOUBLE_UNLIKELY && !look(r, frame, &plate->quad, 0, true, &b, e))
    return err_prefix(e, "reader");
  // One line or two is decided by the first look of each, or by the detector where both see
  // nothing.
  const bool two_lines = best(&a) == best(&b) ? plate->double_score > 0.5f : best(&b) > best(&a);
  if (!looks(r, frame, &plate->quad, two_lines, two_lines ? &b : &a, &fused, e))
    return err_prefix(e, "reader");
  const struct ctc_result *c = &fused;
  if (c->texts == 0)
    return true;
  out->type = c->text[0].type;
  out->confidence = fminf(c->text[0].probability, 1.0f);
  for (int i = 0; i < PLATE_TEXT_MAX; i++)
    out->text[i] = c->text[0].text[i];
  for (int i = 1; i < c->texts && i <= PLATE_ALTERNATIVES; i++) {
    struct plate_alternative *to = &out->alternative[out->alternatives++];
    for (int k = 0; k < PLATE_TEXT_MAX; k++)
      to->text[k] = c->text[i].text[k];
    to->confidence = c->text[i].probability;
  }
  return true;
}

static void ctc_free(void *self) {
  struct ctc_reader *r = self;
  if (!r)
    return;
  ocv_net_free(r->net);
  ocv_work_free(r->work);
  free(r->pixels);
  free(r->blob);
  free(r->text);
  free(r);
}

static const struct reader_ops ctc_ops = {"ctc", ctc_read, ctc_free};

// One grey plate through the network: its layers get their memory now, and a wrong shape is told at
// start.
static bool warm_up(struct ctc_reader *r, struct err *e) {
  static const uint8_t pixels[16] = {0};
  const struct image_view v = {IMAGE_GRAY8, 8, 2, {pixels, NULL, NULL}, {8, 0, 0}};
  const struct quad q = {{{0.0f, 0.0f}, {7.0f, 0.0f}, {7.0f, 1.0f}, {0.0f, 1.0f}}};
  struct ctc_result c;
  return look(r, &v, &q, 0, false, &c, e);
}

bool ctc_reader_new(struct reader **out, const char *dir, struct err *e) {
  static const char *const outputs[] = {"text", "type"};
  *out = NULL;
  struct ctc_reader *r = calloc(1, sizeof *r);
  if (!r)
    return err_set(e, ERR_NOMEM, "reader: out of memory");
  if (!model_load_reader(&r->model, dir, e) ||
      !model_load_net(&r->net, dir, "reader.onnx", outputs, 2, e) || !ocv_work_new(&r->work, e))
    goto fail;
  const size_t area = (size_t)r->model.width * (size_t)r->model.height;
  r->text_floats = (size_t)MODEL_STEPS_MAX * (size_t)(r->model.symbols + 1);
  r->pixels =
      calloc(area + (size_t)r->model.width, 3); // a row more: the lower line starts within one
  r->blob = calloc(3 * area, sizeof *r->blob);
  r->text = calloc(r->text_floats, sizeof *r->text);
  if (!r->pixels || !r->blob || !r->text) {
    (void)err_set(e, ERR_NOMEM, "reader: out of memory");
    goto fail;
  }
  if (!warm_up(r, e)) {
    (void)err_prefix(e, "%s", dir); // already failing
    goto fail;
  }
  if (reader_from_ops(out, &ctc_ops, r, e))
    return true;
fail:
  ctc_free(r);
  return false;
}
