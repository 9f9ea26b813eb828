// SPDX-License-Identifier: Apache-2.0
// What both readers say about labelled plates, one JSON line each: the ground of every table that
// weighs one against the other (tools/train/tess_opinion.py).
#include "tools/labels.h"
#include "tools/models.h"
#include "tools/picture.h"
#include "vision/detector.h"
#include "vision/fuse.h"
#include "vision/ocv.h"
#include "vision/reader.h"
#include "vision/tess_reader.h"

#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: opinion-eval [--visits] [--models DIR] DIR...\n"
    "Reads the plates of folders with a labels.csv by both readers and prints one JSON line a "
    "plate:"
    "\n{\"set\",\"path\",\"truth\",\"type\",\"first\":{\"text\",\"confidence\",\"alternatives\"},"
    "\"second\":{...},\"ms\":[first,second]}.\n"
    "Pictures whose rows have neither box nor corners are plates already cut out; in others the\n"
    "detected plate nearest to the label is read.\n\n"
    "  --visits       pictures in one folder below DIR are the frames of one car, cut out: its "
    "line\n"
    "                 tells what all its reads together say, and the second reader on the "
    "best\n" MODELS_HELP "  --help         this text\n\n"
    "example: opinion-eval ../shared/plates/easypr_toll_crops > reads.jsonl\n\n"
    "exit status: 0 all read, 1 some pictures could not be read, 2 wrong use or no networks\n";

struct readers {
  struct detector *detector;
  struct reader *first, *second;
};

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static json_t *told(const struct plate_read *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->alternatives; i++)
    if (json_array_append_new(list, json_pack("[s,f]", r->alternative[i].text,
                                              (double)r->alternative[i].confidence)) != 0)
      break; // the line as a whole then fails below
  return json_pack("{s:s,s:f,s:o}", "text", r->text, "confidence", (double)r->confidence,
                   "alternatives", list);
}

static void centre(const struct label *l, float *x, float *y) {
  *x = *y = 0.0f;
  if (l->has_corners) {
    for (int i = 0; i < 4; i++) {
      *x += l->corners.corner[i].x / 4.0f;
      *y += l->corners.corner[i].y / 4.0f;
    }
  } else {
    *x = (l->box[0] + l->box[2]) / 2.0f;
    *y = (l->box[1] + l->box[3]) / 2.0f;
  }
}

static const struct detection *nearest(const struct detection *d, int n, const struct label *l) {
  const struct detection *best = NULL;
  float x, y, least = INFINITY;
  centre(l, &x, &y);
  for (int i = 0; i < n; i++) {
    float dx = -x, dy = -y;
    for (int k = 0; k < 4; k++) {
      dx += d[i].quad.corner[k].x / 4.0f;
      dy += d[i].quad.corner[k].y / 4.0f;
    }
    if (hypotf(dx, dy) < least) {
      least = hypotf(dx, dy);
      best = &d[i];
    }
  }
  return best && least < 2.0f * quad_width(&best->quad) ? best : NULL;
}

static bool tell(const char *dir, const struct label *l, const struct plate_read *a,
                 const struct plate_read *b, double ms_a, double ms_b, struct err *e) {
  json_t *o =
      json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:[f,f]}", "set", dir, "path", l->path, "truth", l->plate,
                "type", l->type, "first", told(a), "second", told(b), "ms", ms_a, ms_b);
  if (!o)
    return err_set(e, ERR_NOMEM, "out of memory");
  const bool ok =
      json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0 && puts("") >= 0;
  json_decref(o);
  return ok || err_set(e, ERR_IO, "standard output cannot be written");
}

static bool read_picture(struct readers *r, const char *dir, const struct label *l, int n,
                         struct err *e) {
  char path[PATH_MAX];
  const int len = snprintf(path, sizeof path, "%s/%s", dir, l->path);
  if (len < 0 || (size_t)len >= sizeof path)
    return err_set(e, ERR_LIMIT, "%s: name too long", l->path);
  const bool crop = !l->has_box && !l->has_corners;
  struct picture p;
  struct detection d[DETECTIONS_MAX];
  int found = 0;
  if (!picture_load(&p, path, e))
    return err_prefix(e, "%s", path);
  bool ok = crop || detector_find_still(r->detector, &p.view, d, &found, e);
  for (int i = 0; i < found && ok; i++)
    ok = detector_refine(r->detector, &p.view, &d[i], e);
  for (int i = 0; i < n && ok; i++) {
    const struct detection *at = crop ? NULL : nearest(d, found, &l[i]);
    struct plate_read a = {0}, b = {0};
    const double t0 = now_ms();
    ok = crop ? reader_read_crop(r->first, &p.view, &a, e)
              : !at || reader_read(r->first, &p.view, at, &a, e);
    const double t1 = now_ms();
    ok = ok && (crop ? reader_read_crop(r->second, &p.view, &b, e)
                     : !at || reader_read(r->second, &p.view, at, &b, e));
    ok = ok && tell(dir, &l[i], &a, &b, t1 - t0, now_ms() - t1, e);
  }
  picture_free(&p);
  return ok || err_prefix(e, "%s", path);
}

static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) : 0;
}

static bool load_crop(struct picture *p, const char *dir, const struct label *l, struct err *e) {
  char path[PATH_MAX];
  const int len = snprintf(path, sizeof path, "%s/%s", dir, l->path);
  if (len < 0 || (size_t)len >= sizeof path)
    return err_set(e, ERR_LIMIT, "%s: name too long", l->path);
  return picture_load(p, path, e) || err_prefix(e, "%s", path);
}

// As vision/visit.c: reads are fused, the second reader looks at the heaviest read of the text.
static bool read_visit(struct readers *r, const char *dir, const struct label *l, int n,
                       struct err *e) {
  struct fuse f = {0};
  struct fuse_result fused;
  struct plate_read reads[LABELS_A_PICTURE_MAX], second = {0};
  const double t0 = now_ms();
  for (int i = 0; i < n; i++) {
    struct picture p;
    if (!load_crop(&p, dir, &l[i], e))
      return false;
    const bool ok = reader_read_crop(r->first, &p.view, &reads[i], e);
    picture_free(&p);
    if (!ok)
      return false;
    fuse_add(&f, &reads[i]);
  }
  fuse_result(&f, &fused);
  const double t1 = now_ms();
  int best = -1;
  for (int i = 0; i < n; i++)
    if (fused.text[0] && strcmp(reads[i].text, fused.text) == 0 &&
        (best < 0 || fuse_weight(&reads[i]) > fuse_weight(&reads[best])))
      best = i;
  if (best >= 0) {
    struct picture p;
    if (!load_crop(&p, dir, &l[best], e))
      return false;
    const bool ok = reader_read_crop(r->second, &p.view, &second, e);
    picture_free(&p);
    if (!ok)
      return false;
  }
  struct plate_read all = {.confidence = fused.confidence, .alternatives = fused.alternatives};
  memcpy(all.text, fused.text, sizeof all.text);
  memcpy(all.alternative, fused.alternative, sizeof all.alternative);
  return tell(dir, l, &all, &second, t1 - t0, now_ms() - t1, e);
}

static bool read_set(struct readers *r, const char *dir, bool visits, bool *all) {
  struct labels l;
  struct err e = {0};
  if (!labels_load(&l, dir, stderr, &e)) {
    (void)fprintf(stderr, "opinion-eval: %s\n", e.text);
    return false;
  }
  for (size_t i = 0; i < l.n;) {
    int n = 1; // rows of one picture stand together
    const size_t folder = folder_length(l.row[i].path);
    while (i + (size_t)n < l.n && n < LABELS_A_PICTURE_MAX &&
           (visits ? folder == folder_length(l.row[i + (size_t)n].path) &&
                         strncmp(l.row[i].path, l.row[i + (size_t)n].path, folder + 1) == 0
                   : strcmp(l.row[i].path, l.row[i + (size_t)n].path) == 0))
      n++;
    if (!(visits ? read_visit : read_picture)(r, dir, &l.row[i], n, &e)) {
      (void)fprintf(stderr, "opinion-eval: %s\n", e.text);
      *all = false;
    }
    i += (size_t)n;
  }
  labels_free(&l);
  return true;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"visits", no_argument, NULL, 'v'},
                                        {"models", required_argument, NULL, 'm'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  const char *models = NULL;
  bool visits = false;
  int c;
  while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
    if (c == 'h')
      return fputs(help, stdout) >= 0 ? 0 : 1;
    if (c == 'v') {
      visits = true;
      continue;
    }
    if (c != 'm') {
      (void)fputs(help, stderr);
      return 2;
    }
    models = optarg;
  }
  if (optind == argc) {
    (void)fputs(help, stderr);
    return 2;
  }
  struct readers r = {0};
  struct err e = {0};
  bool all = true, ok = true;
  const char *dir = models_dir(models);
  if (!ocv_set_threads(1, &e) || !detector_new(&r.detector, dir, &e) ||
      !reader_new(&r.first, dir, &e) || !tess_reader_new(&r.second, dir, NULL, &e)) {
    (void)fprintf(stderr, "opinion-eval: %s\n", e.text);
    ok = false;
  }
  for (int i = optind; i < argc && ok; i++)
    ok = read_set(&r, argv[i], visits, &all);
  reader_free(r.second);
  reader_free(r.first);
  detector_free(r.detector);
  return !ok ? 2 : all ? 0 : 1;
}
