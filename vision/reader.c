// SPDX-License-Identifier: Apache-2.0
#include "vision/reader.h"

#include "vision/ctc_reader.h"
#include "vision/ocv.h"

#include <stdlib.h>

#define SINGLE_ASPECT                                                                              \
  2.7f // crops at least this wide for their height have one line (440:140 is 3.1)
#define DOUBLE_ASPECT 1.8f // at most this: two lines (220:140 is 1.6)

struct reader {
  const struct reader_ops *ops;
  void *self;
};

bool reader_from_ops(struct reader **out, const struct reader_ops *ops, void *self, struct err *e) {
  *out = NULL;
  if (!ops || !ops->name || !ops->read || !ops->free)
    return err_set(e, ERR_ARG, "reader: its ops table is not complete");
  struct reader *r = malloc(sizeof *r);
  if (!r)
    return err_set(e, ERR_NOMEM, "reader %s: out of memory", ops->name);
  *r = (struct reader){ops, self};
  *out = r;
  return true;
}

bool reader_new(struct reader **out, const char *dir, struct err *e) {
  return ctc_reader_new(out, dir, e);
}

void reader_free(struct reader *r) {
  if (!r)
    return;
  r->ops->free(r->self);
  free(r);
}

const char *reader_name(const struct reader *r) {
  return r->ops->name;
}

bool reader_read(struct reader *r, const struct image_view *frame, const struct detection *plate,
                 struct plate_read *out, struct err *e) {
  *out = (struct plate_read){.quad = plate->quad, .detection = plate->score};
  if (!image_check(frame, e))
    return err_prefix(e, "reader %s", r->ops->name);
  return r->ops->read(r->self, frame, plate, out, e);
}

bool reader_read_crop(struct reader *r, const struct image_view *picture, struct plate_read *out,
                      struct err *e) {
  *out = (struct plate_read){0};
  if (!image_check(picture, e))
    return err_prefix(e, "reader %s", r->ops->name);
  const float w = (float)picture->width, h = (float)picture->height;
  struct detection d = {.score = 1.0f, .double_score = 0.5f};
  d.quad =
      (struct quad){{{-0.5f, -0.5f}, {w - 0.5f, -0.5f}, {w - 0.5f, h - 0.5f}, {-0.5f, h - 0.5f}}};
  if (w >= SINGLE_ASPECT * h)
    d.double_score = 0.0f;
  else if (w <= DOUBLE_ASPECT * h)
    d.double_score = 1.0f;
  return reader_read(r, picture, &d, out, e);
}
