// SPDX-License-Identifier: Apache-2.0
#include "vision/tess_reader.h"

#include "vision/grammar.h"
#include "vision/model.h"
#include "vision/ocv.h"
#include "vision/rectify.h"
#include "vision/tess_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tesseract/capi.h>

// OpenMP 5.0, 3.2.15; its header comes with one compiler only.
void omp_set_max_active_levels(int max_levels);

#define DATA_BYTES_MAX (8u << 20)
#define LOOKS 2
#define RATING                                                                                     \
  5.0f // Tesseract's lstm_rating_coefficient: confidence is 100 - 5 * (- log of likelihood)
#define SURE 0.9f // a look at least this sure is not looked at again
#define DOUBLE_LIKELY 0.8f
#define DOUBLE_UNLIKELY 0.2f

static const struct rectify_look margin[LOOKS] = {{0.0f, 0.0f, 0.0f}, {0.06f, 0.05f, 0.0f}};

struct tess_reader {
  struct plate_model model;
  struct rectify_shape shape;
  TessBaseAPI *api;
  struct ocv_work *work;
  uint8_t *pixels, *grey;
};

// What Tesseract saw on one line, place by place.
static void collect(TessResultIterator *it, struct tess_text *t) {
  do {
    char *text = TessResultIteratorGetUTF8Text(it, RIL_SYMBOL);
    if (!text) // an empty line: to ask for its choices would end the process
      return;
    TessDeleteText(text);
    struct tess_place *place = tess_text_place(t);
    if (!place) // longer than any plate
      return;
    TessChoiceIterator *c = TessResultIteratorGetChoiceIterator(it);
    if (!c)
      continue;
    do {
      const char *symbol = TessChoiceIteratorGetUTF8Text(c);
      if (symbol)
        tess_place_add(place, symbol, expf((TessChoiceIteratorConfidence(c) - 100.0f) / RATING));
    } while (TessChoiceIteratorNext(c));
    TessChoiceIteratorDelete(c);
  } while (TessResultIteratorNext(it, RIL_SYMBOL));
}

static bool line(struct tess_reader *r, struct tess_text *t, struct err *e) {
  const int w = r->shape.width, h = r->shape.height;
  *t = (struct tess_text){0};
  omp_set_max_active_levels(0); // its loops would take four threads each
  TessBaseAPISetImage(r->api, r->grey, w, h, 1, w);
  TessBaseAPISetSourceResolution(r->api, 300); // or it guesses, and says so on stderr
  if (TessBaseAPIRecognize(r->api, NULL) != 0) {
    TessBaseAPIClear(r->api);
    return err_set(e, ERR_FORMAT, "Tesseract gave up on a line");
  }
  TessResultIterator *it = TessBaseAPIGetIterator(r->api);
  if (it) {
    collect(it, t);
    TessResultIteratorDelete(it);
  }
  TessBaseAPIClear(r->api);
  return true;
}

static bool look(struct tess_reader *r, const struct image_view *frame, const struct quad *plate,
                 int which, bool two_lines, struct plate_read *out, struct err *e) {
  struct tess_text t;
  if (!rectify_line(r->work, frame, plate, &margin[which], two_lines, &r->shape, r->pixels, e))
    return false;
  const size_t area = (size_t)r->shape.width * (size_t)r->shape.height;
  for (size_t i = 0; i < area; i++) { // BT.601, as OpenCV's and training's grey
    const uint8_t *p = r->pixels + 3 * i;
    r->grey[i] = (uint8_t)((p[0] * 1868 + p[1] * 9617 + p[2] * 4899 + 8192) >> 14);
  }
  if (!line(r, &t, e))
    return false;
  tess_text_rank(&t, two_lines, r->model.scale, r->model.offset, out);
  return true;
}

static bool tess_read(void *self, const struct image_view *frame, const struct detection *plate,
                      struct plate_read *out, struct err *e) {
  struct tess_reader *r = self;
  bool done = false;
  // One line or two as the detector says; where it does not know, as gives the better text.
  for (int lines = 1; lines <= 2; lines++) {
    if (lines == 1 ? plate->double_score >= DOUBLE_LIKELY : plate->double_score <= DOUBLE_UNLIKELY)
      continue;
    for (int i = 0; i < LOOKS; i++) {
      struct plate_read seen = {.quad = out->quad, .detection = out->detection};
      if (!look(r, frame, &plate->quad, i, lines == 2, &seen, e))
        return err_prefix(e, "second reader");
      if (!done || seen.confidence > out->confidence)
        *out = seen;
      done = true;
      if (out->confidence >= SURE)
        break;
    }
  }
  return true;
}

static void tess_free(void *self) {
  struct tess_reader *r = self;
  if (!r)
    return;
  if (r->api) {
    TessBaseAPIEnd(r->api);
    TessBaseAPIDelete(r->api);
  }
  ocv_work_free(r->work);
  free(r->pixels);
  free(r->grey);
  free(r);
}

static const struct reader_ops tess_ops = {"tesseract", tess_read, tess_free};

static bool load(struct tess_reader *r, const char *dir, struct err *e) {
  static char silent_key[] = "debug_file", silent[] = "/dev/null";
  static char invert_key[] = "invert_threshold", invert[] = "0.0";
  static char choice_key[] = "lstm_choice_mode", choice[] = "2";
  char *keys[] = {silent_key, invert_key, choice_key}, *values[] = {silent, invert, choice};
  uint8_t *data = NULL;
  size_t bytes = 0;
  if (!model_read_file(dir, "plate.traineddata", DATA_BYTES_MAX, &data, &bytes, e))
    return false;
  if (model_sum(data, bytes) != r->model.sum) { // Tesseract itself ends the process over some
    free(data);                                 // damaged files
    return err_set(e, ERR_FORMAT,
                   "%s/plate.traineddata: is damaged or not the one of plate.json (version %s); "
                   "install the models again",
                   dir, r->model.version);
  }
  r->api = TessBaseAPICreate();
  const bool ok = r->api && TessBaseAPIInit5(r->api, (const char *)data, (int)bytes, "plate",
                                             OEM_LSTM_ONLY, NULL, 0, keys, values, 3, 0) == 0;
  free(data);
  if (!ok)
    return err_set(e, ERR_FORMAT, "%s/plate.traineddata: Tesseract %s cannot use it", dir,
                   TessVersion());
  TessBaseAPISetPageSegMode(r->api, PSM_RAW_LINE);
  return true;
}

bool tess_reader_new(struct reader **out, const char *dir, struct opinion_table *opinion,
                     struct err *e) {
  *out = NULL;
  struct tess_reader *r = calloc(1, sizeof *r);
  struct tess_text t;
  if (!r)
    return err_set(e, ERR_NOMEM, "second reader: out of memory");
  if (!model_load_plate(&r->model, dir, e) || !ocv_work_new(&r->work, e))
    goto fail;
  r->shape = (struct rectify_shape){r->model.width, r->model.height, r->model.upper,
                                    r->model.upper_width, r->model.upper_inset};
  r->pixels = calloc(1, rectify_bytes(&r->shape));
  r->grey = calloc((size_t)r->shape.width, (size_t)r->shape.height);
  if (!r->pixels || !r->grey) {
    (void)err_set(e, ERR_NOMEM, "second reader: out of memory");
    goto fail;
  }
  if (!load(r, dir, e) || !line(r, &t, e) || !reader_from_ops(out, &tess_ops, r, e))
    goto fail;
  if (opinion)
    *opinion = r->model.opinion;
  return true;
fail:
  tess_free(r);
  return false;
}
