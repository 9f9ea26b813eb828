// SPDX-License-Identifier: Apache-2.0
#include "tools/eval_set.h"

#include "tools/picture.h"
#include "vision/detector.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// A picture without places is a plate already cut out when it is as small and flat as one, or when
// read as one it is at least this sure.
#define CROP_SURE 0.5f

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool has_place(const struct seen *p) {
  for (int t = 0; t < p->truths; t++) {
    if (p->truth[t].has_box || p->truth[t].has_corners)
      return true;
  }
  return false;
}

static bool is_crop(struct eval_set *s, const struct seen *p, const struct image_view *v,
                    struct plate_finder *f, const struct eval_options *o, bool *crop,
                    struct err *e) {
  *crop = false;
  if (o->plate_free || has_place(p) || o->kind == EVAL_SCENES)
    return true;
  if (o->kind == EVAL_CROPS) {
    *crop = true;
    return true;
  }
  const int w = v->width, h = v->height;
  if ((w <= 320 && h <= 160) || (h <= 400 && 5 * w >= 11 * h)) {
    *crop = true;
  } else if (5 * w >= 6 * h) {
    struct found_plates read;
    if (!plate_finder_read_crop(f, v, &read, e))
      return false;
    *crop = read.n > 0 && read.plate[0].confidence >= CROP_SURE;
  }
  s->guessed_crops += *crop;
  s->guessed_scenes += !*crop;
  return true;
}

static bool keep(struct seen *p, const struct found_plates *read, const struct detection *d, int n,
                 struct err *e) {
  p->read = read->n ? malloc((size_t)read->n * sizeof *p->read) : NULL;
  p->detection = n ? malloc((size_t)n * sizeof *p->detection) : NULL;
  if ((read->n && !p->read) || (n && !p->detection))
    return err_set(e, ERR_NOMEM, "out of memory for reads");
  p->reads = read->n;
  p->detections = n;
  for (int i = 0; i < read->n; i++)
    p->read[i] = read->plate[i];
  for (int i = 0; i < n; i++)
    p->detection[i] = d[i].quad;
  return true;
}

static bool look(struct eval_set *s, struct seen *p, const char *path, struct plate_finder *f,
                 const struct eval_options *o, struct err *e) {
  struct picture pic;
  struct found_plates read = {0};
  const double t0 = now_ms();
  if (!picture_load(&pic, path, e))
    return false;
  const double t1 = now_ms();
  (void)snprintf(p->error, sizeof p->error, "%s", pic.damage);
  bool ok = is_crop(s, p, &pic.view, f, o, &p->crop, e);
  const double t2 = now_ms();
  ok = ok && (p->crop || plate_finder_find(f, &pic.view, e));
  const double t3 = now_ms();
  ok = ok && (p->crop ? plate_finder_read_crop(f, &pic.view, &read, e)
                      : plate_finder_read(f, &pic.view, &read, e));
  const double t4 = now_ms();
  picture_free(&pic);
  if (!ok)
    return false;
  p->decode_ms = t1 - t0;
  p->detect_ms = p->crop ? 0.0 : t3 - t2;
  p->read_ms = t4 - t3;
  int n = 0;
  const struct detection *d = plate_finder_detections(f, &n);
  return keep(p, &read, d, p->crop ? 0 : n, e);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *v, size_t n) {
  if (n == 0)
    return 0.0;
  qsort(v, n, sizeof *v, by_value);
  return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

static bool times(struct eval_set *s, struct err *e) {
  double *v = malloc((s->n + 1) * sizeof *v);
  if (!v)
    return err_set(e, ERR_NOMEM, "out of memory for times");
  double *const out[4] = {&s->decode_ms, &s->detect_ms, &s->read_ms, &s->all_ms};
  for (int k = 0; k < 4; k++) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
      const struct seen *p = &s->picture[i].seen;
      const double each[4] = {p->decode_ms, p->detect_ms, p->read_ms,
                              p->decode_ms + p->detect_ms + p->read_ms};
      if (!p->failed)
        v[n++] = each[k];
    }
    *out[k] = median(v, n);
  }
  free(v);
  return true;
}

// The labels' pictures, or all pictures of a plate-free folder.
static bool pictures(struct eval_set *s, const char *dir, const struct eval_options *o,
                     struct err *e) {
  if (o->plate_free ? !inputs_add(&s->inputs, dir, e)
                    : !labels_load(&s->labels, dir, stderr, e) ||
                          (o->only && !labels_only(&s->labels, o->only, e)))
    return false;
  const size_t room = o->plate_free ? s->inputs.n : s->labels.n;
  s->picture = calloc(room + 1, sizeof *s->picture);
  if (!s->picture)
    return err_set(e, ERR_NOMEM, "out of memory for %zu pictures", room);
  for (size_t i = 0; i < room;) {
    struct eval_picture *p = &s->picture[s->n++];
    if (o->plate_free) {
      p->path = strdup(s->inputs.file[i++].path);
    } else {
      const struct label *first = &s->labels.row[i];
      p->seen.truth = first;
      for (; i < room && s->labels.row[i].first == first->first; i++)
        p->seen.truths++;
      if (first->path[0] == '/')
        p->path = strdup(first->path);
      else if (asprintf(&p->path, "%s/%s", dir, first->path) < 0)
        p->path = NULL;
    }
    if (!p->path)
      return err_set(e, ERR_NOMEM, "out of memory for a file name");
  }
  return s->n > 0 ? true
                  : err_set(e, ERR_FORMAT, "%s: holds no %s", dir,
                            o->plate_free ? "picture" : "picture with a label to score");
}

static void tell(const struct eval_set *s, const char *dir, const struct eval_options *o) {
  if (s->labels.odd)
    (void)fprintf(stderr,
                  "bayplate-eval: %s/labels.csv: %ld texts stand on no plate that the grammar "
                  "knows, the first in line %ld; they count as not read\n",
                  dir, s->labels.odd, s->labels.odd_line);
  if (s->form == BOX_CENTRE && o->boxes == EVAL_BOXES_FOUND)
    (void)fprintf(stderr,
                  "bayplate-eval: %s: its boxes hold the plate's centre and centre + size, and are "
                  "taken so (--boxes corners: as they stand)\n",
                  dir);
  if (s->guessed_scenes)
    (void)fprintf(stderr,
                  "bayplate-eval: %s: %ld pictures without a plate's place were taken for scenes, "
                  "%ld for plates cut out (--scenes, --crops: all of them)\n",
                  dir, s->guessed_scenes, s->guessed_crops);
}

static bool form_of(struct eval_set *s, const struct eval_options *o, struct err *e) {
  s->form = o->boxes == EVAL_BOXES_CENTRE ? BOX_CENTRE : BOX_CORNERS;
  if (o->boxes != EVAL_BOXES_FOUND)
    return true;
  struct seen *all = calloc(s->n + 1, sizeof *all);
  if (!all)
    return err_set(e, ERR_NOMEM, "out of memory");
  for (size_t i = 0; i < s->n; i++)
    all[i] = s->picture[i].seen;
  s->form = score_box_form(all, s->n);
  free(all);
  return true;
}

bool eval_set_run(struct eval_set *s, struct plate_finder *f, const char *dir,
                  const struct eval_options *o, struct err *e) {
  *s = (struct eval_set){0};
  if (!pictures(s, dir, o, e)) {
    eval_set_free(s);
    return false;
  }
  for (size_t i = 0; i < s->n; i++) {
    struct seen *p = &s->picture[i].seen;
    struct err pe = {0};
    if (!look(s, p, s->picture[i].path, f, o, &pe)) {
      p->failed = true;
      (void)snprintf(p->error, sizeof p->error, "%s", pe.text);
    }
    if (p->error[0])
      (void)fprintf(stderr, "bayplate-eval: %s: %s\n", s->picture[i].path, p->error);
  }
  if (!form_of(s, o, e) || !times(s, e)) {
    eval_set_free(s);
    return false;
  }
  for (size_t i = 0; i < s->n; i++) {
    struct eval_picture *p = &s->picture[i];
    score_pair(&p->seen, s->form, &p->pair);
    score_picture(&s->score, &p->seen, &p->pair, s->form);
  }
  tell(s, dir, o);
  return true;
}

void eval_set_free(struct eval_set *s) {
  for (size_t i = 0; i < s->n; i++) {
    free(s->picture[i].path);
    free(s->picture[i].seen.read);
    free(s->picture[i].seen.detection);
  }
  free(s->picture);
  labels_free(&s->labels);
  inputs_free(&s->inputs);
  *s = (struct eval_set){0};
}
