// SPDX-License-Identifier: Apache-2.0
#include "vision/ctc_reader.h"

#include "vision/confusable.h"
#include "vision/ctc.h"
#include "vision/grammar.h"
#include "vision/model.h"
#include "vision/net.h"
#include "vision/ocv.h"
#include "vision/rectify.h"

#include <math.h>
#include <stdlib.h>

#define SURE 0.93f       // a first look at least this sure is not looked at again
#define LOOKS 5          // looks at one plate at most
#define LOOKS_STRAIGHT 3 // of these without a slant
#define SEEN 0.5f        // straight looks of which one was this sure need no slanted ones
#define BARS 4           // a text with so many ones counts
#define BARS_SURE 0.6f   // from this confidence on
#define GREY 6           // difference of a pixel's colours, both pairs together: less is none
#define DOUBLE_LIKELY 0.8f
#define DOUBLE_UNLIKELY 0.2f

// Corners are never quite where the plate ends, and small errors of theirs make slanted letters. By
// how much of the plate's height each look is wider and higher, and its top is moved right, its
// bottom left.
static const struct rectify_look margin[LOOKS] = {{0.0f, 0.0f, 0.0f},
                                                  {0.08f, 0.06f, 0.0f},
                                                  {-0.05f, -0.03f, 0.0f},
                                                  {0.04f, 0.03f, 0.16f},
                                                  {0.04f, 0.03f, -0.16f}};

struct ctc_reader {
  struct reader_model model;
  struct net *net;
  struct ocv_work *work;
  uint8_t *pixels;
  float *text;
  size_t text_floats;
};

static bool look(struct ctc_reader *r, const struct image_view *frame, const struct quad *plate,
                 int which, bool two_lines, struct ctc_result *out, struct err *e) {
  const struct rectify_shape shape = {r->model.width, r->model.height, r->model.upper,
                                      r->model.upper_width, r->model.upper_inset};
  if (!rectify_line(r->work, frame, plate, &margin[which], two_lines, &shape, r->pixels, e))
    return false;
  const struct net_picture picture = {r->pixels, r->model.width, r->model.height,
                                      3 * r->model.width};
  float types[MODEL_TYPES_MAX];
  struct net_tensor t[2] = {{.version = NET_VERSION, .data = r->text, .capacity = r->text_floats},
                            {.version = NET_VERSION, .data = types, .capacity = MODEL_TYPES_MAX}};
  if (!net_forward(r->net, &picture, t, 2, e))
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

// Fences, grilles and kerbs are rows of strokes, and a row of strokes reads as ones.
static bool is_bars(const char *text, float confidence) {
  int ones = 0;
  for (const char *c = text; *c; c++)
    ones += *c == '1';
  return ones >= BARS && confidence < BARS_SURE;
}

// Without colour a blue plate looks like the old black one with the same texts, which is rare.
static bool is_grey(const struct ctc_reader *r) {
  const int n = r->model.width * r->model.height;
  long sum = 0;
  for (int i = 0; i < n; i++) {
    const uint8_t *p = r->pixels + (size_t)3 * (size_t)i;
    sum += abs(p[0] - p[1]) + abs(p[1] - p[2]);
  }
  return sum < (long)GREY * n;
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
  out->raw = out->confidence = fminf(c->text[0].probability, 1.0f);
  for (int i = 0; i < PLATE_TEXT_MAX; i++)
    out->text[i] = c->text[0].text[i];
  for (int i = 1; i < c->texts && i <= PLATE_ALTERNATIVES; i++) {
    struct plate_alternative *to = &out->alternative[out->alternatives++];
    for (int k = 0; k < PLATE_TEXT_MAX; k++)
      to->text[k] = c->text[i].text[k];
    to->confidence = c->text[i].probability;
  }
  out->raw_second = out->alternatives ? out->alternative[0].confidence : 0.0f;
  calibration_apply(&r->model.calibration, out);
  confusable_rank(out);
  if (out->type == PLATE_BLACK && (grammar_types(out->text) >> PLATE_BLUE & 1) && is_grey(r))
    out->type = PLATE_BLUE;
  if (is_bars(out->text, out->confidence))
    *out = (struct plate_read){.quad = out->quad, .detection = out->detection};
  return true;
}

static void ctc_free(void *self) {
  struct ctc_reader *r = self;
  if (!r)
    return;
  net_free(r->net);
  ocv_work_free(r->work);
  free(r->pixels);
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
  r->text_floats = (size_t)MODEL_STEPS_MAX * (size_t)(r->model.symbols + 1);
  const struct rectify_shape shape = {.width = r->model.width, .height = r->model.height};
  r->pixels = calloc(1, rectify_bytes(&shape));
  r->text = calloc(r->text_floats, sizeof *r->text);
  if (!r->pixels || !r->text) {
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
