// SPDX-License-Identifier: Apache-2.0
#include "vision/plate_finder.h"

#include "vision/detector.h"
#include "vision/reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A text less sure than this is no plate: of eight such reads none was right.
#define CONFIDENCE_MIN 0.1f
#define SURE 0.9f       // a plate read less surely is looked at again,
#define LOOKS_AGAIN 2   // at most so often; another text has to be
#define OTHER_TEXT 3.0f // so many times as likely as the first one
#define CUT_OFF 0.16f   // of its width, a character's place, may be missing at a plate's left
#define LEFT_SURE 0.2f  // a text with one symbol more there counts from this confidence on

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

static float odds(const struct plate_read *p) {
  return p->confidence / fmaxf(1.0f - p->confidence, 1e-6f);
}

// Where a text is unsure the corners are likely to be wrong: the near look goes on from where they
// are, and the surest of all reads counts.
static bool look_again(struct plate_finder *f, const struct image_view *picture, struct detection d,
                       struct plate_read *best, struct err *e) {
  for (int look = 0; look < LOOKS_AGAIN && best->confidence < SURE; look++) {
    struct plate_read p;
    if (!detector_refine(f->detector, picture, &d, e))
      return false;
    if (d.score <= 0.0f)
      break;
    if (!reader_read(f->reader, picture, &d, &p, e))
      return false;
    if (p.text[0] && p.confidence > best->confidence &&
        (strcmp(p.text, best->text) == 0 || odds(&p) > OTHER_TEXT * odds(best)))
      *best = p;
  }
  return true;
}

// A green plate whose left end was cut off reads as a military one, which has no province: whether
// one stands there is seen by a look that reaches farther left.
static bool look_left(struct plate_finder *f, const struct image_view *picture,
                      struct plate_read *best, struct err *e) {
  if (best->type != PLATE_WHITE || best->text[0] < 'A' || best->text[0] > 'Z')
    return true;
  struct detection d = {.quad = best->quad, .score = best->detection};
  struct point *c = d.quad.corner;
  c[0] = (struct point){c[0].x - CUT_OFF * (c[1].x - c[0].x), c[0].y - CUT_OFF * (c[1].y - c[0].y)};
  c[3] = (struct point){c[3].x - CUT_OFF * (c[2].x - c[3].x), c[3].y - CUT_OFF * (c[2].y - c[3].y)};
  struct plate_read p;
  if (!reader_read(f->reader, picture, &d, &p, e))
    return false;
  const size_t n = strlen(p.text), m = strlen(best->text);
  if (n > m && strcmp(p.text + n - m, best->text) == 0 && p.confidence >= LEFT_SURE)
    *best = p;
  return true;
}

bool plate_finder_read(struct plate_finder *f, const struct image_view *picture,
                       struct found_plates *out, struct err *e) {
  out->n = 0;
  for (int i = 0; i < f->n && out->n < PLATES_MAX; i++) {
    struct plate_read *p = &out->plate[out->n];
    if (!reader_read(f->reader, picture, &f->found[i], p, e) ||
        !look_again(f, picture, f->found[i], p, e) || !look_left(f, picture, p, e))
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
  // Cut out loosely, a plate seen aslant stands turned in its picture.
  struct plate_read *p = &out->plate[0];
  const float w = (float)picture->width - 0.5f, h = (float)picture->height - 0.5f;
  const struct detection whole = {.quad = {{{-0.5f, -0.5f}, {w, -0.5f}, {w, h}, {-0.5f, h}}},
                                  .score = 1.0f};
  if (!reader_read_crop(f->reader, picture, p, e) || !look_again(f, picture, whole, p, e))
    return false;
  out->n = out->plate[0].text[0] ? 1 : 0;
  return true;
}
