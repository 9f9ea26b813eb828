// SPDX-License-Identifier: Apache-2.0
#include "vision/plate_finder.h"

#include "vision/detector.h"
#include "vision/reader.h"

#include <stdlib.h>
#include <string.h>

#define CONFIDENCE_MIN 0.03f // a text less sure than this is no plate

struct plate_finder {
  struct detector *detector;
  struct reader *reader;
  int n;
  struct detection found[DETECTIONS_MAX];
};

bool plate_finder_new(struct plate_finder **out, const char *dir, struct err *e) {
  *out = NULL;
  struct plate_finder *f = calloc(1, sizeof *f);
  if (!f)
    return err_set(e, ERR_NOMEM, "plate finder: out of memory");
  if (!detector_new(&f->detector, dir, e) || !reader_new(&f->reader, dir, e)) {
    plate_finder_free(f);
    return false;
  }
  *out = f;
  return true;
}

void plate_finder_free(struct plate_finder *f) {
  if (!f)
    return;
  reader_free(f->reader);
  detector_free(f->detector);
  free(f);
}

bool plate_finder_find(struct plate_finder *f, const struct image_view *picture, struct err *e) {
  return detector_find_still(f->detector, picture, f->found, &f->n, e);
}

bool plate_finder_read(struct plate_finder *f, const struct image_view *picture,
                       struct found_plates *out, struct err *e) {
  out->n = 0;
  for (int i = 0; i < f->n && out->n < PLATES_MAX; i++) {
    struct plate_read *p = &out->plate[out->n];
    if (!reader_read(f->reader, picture, &f->found[i], p, e))
      return false;
    if (p->text[0] && p->confidence >= CONFIDENCE_MIN)
      out->n++;
  }
  return true;
}

const struct detection *plate_finder_detections(const struct plate_finder *f, int *n) {
  *n = f->n;
  return f->found;
}

bool plate_finder_read_crop(struct plate_finder *f, const struct image_view *picture,
                            struct found_plates *out, struct err *e) {
  if (!reader_read_crop(f->reader, picture, &out->plate[0], e))
    return false;
  out->n = out->plate[0].text[0] ? 1 : 0;
  return true;
}
