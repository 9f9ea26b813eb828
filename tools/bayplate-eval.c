// SPDX-License-Identifier: Apache-2.0
// Scores the reader on folders of labelled pictures.
#include "tools/labels.h"
#include "tools/models.h"
#include "tools/picture.h"
#include "tools/score.h"
#include "vision/ocv.h"

#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "usage: bayplate-eval [--json] [--wrong] [--threads N] [--models DIR] DIR...\n"
    "Scores plate reading on folders with a labels.csv\n"
    "(path,plate,type,x0,y0,x1,y1,c0x,c0y,...,c3x,c3y; empty: unknown).\n"
    "Pictures whose rows have neither box nor corners are plates already cut out.\n\n"
    "  --json         one JSON object instead of tables\n"
    "  --wrong        also a line for each plate that was not read right\n"
    "  --threads N    processor cores to use, 1 to 64; default 1\n" MODELS_HELP
    "  --help         this text\n\n"
    "columns: recall of detection (box overlap of a half), exact texts, exact without the first "
    "character,\nfalse plates a picture, precision and coverage of reads at confidence 0.9, "
    "milliseconds a picture.\n\n"
    "examples:\n"
    "  bayplate-eval ../shared/plates/easypr_scenes\n"
    "  bayplate-eval --json plates/* > scores.json\n\n"
    "exit status: 0 all scored, 1 some pictures could not be read, 2 wrong use, no labels or no "
    "networks\n";

struct options {
  bool json, wrong;
  const char *models;
  long threads;
};

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void tell_wrong(const struct label *truth, int n, const struct found_plates *read,
                       const char *path) {
  for (int t = 0; t < n; t++) {
    bool right = false;
    for (int i = 0; i < read->n; i++)
      right = right || strcmp(read->plate[i].text, truth[t].plate) == 0;
    if (right)
      continue;
    printf("wrong %s %s:", path, truth[t].plate);
    for (int i = 0; i < read->n; i++)
      printf(" %s %.3f", read->plate[i].text, (double)read->plate[i].confidence);
    printf("%s\n", read->n ? "" : " nothing");
  }
}

static bool eval_picture(struct plate_finder *f, struct set_score *s, const char *dir,
                         const struct label *truth, int n, bool wrong, struct err *e) {
  char path[PATH_MAX];
  const int len = snprintf(path, sizeof path, "%s/%s", dir, truth->path);
  if (len < 0 || (size_t)len >= sizeof path)
    return err_set(e, ERR_LIMIT, "%s: name too long", truth->path);
  bool crop = true;
  for (int i = 0; i < n; i++)
    crop = crop && !truth[i].has_box && !truth[i].has_corners;
  struct picture p;
  struct found_plates read = {0};
  double t[4] = {now_ms()};
  if (!picture_load(&p, path, e))
    return err_prefix(e, "%s", path);
  t[1] = now_ms();
  bool ok = crop || plate_finder_find(f, &p.view, e);
  t[2] = now_ms();
  ok = ok && (crop ? plate_finder_read_crop(f, &p.view, &read, e)
                   : plate_finder_read(f, &p.view, &read, e));
  t[3] = now_ms();
  picture_free(&p);
  if (!ok)
    return err_prefix(e, "%s", path);
  int found = 0;
  const struct detection *d = plate_finder_detections(f, &found);
  score_picture(s, truth, n, crop ? NULL : d, crop ? 0 : found, &read);
  s->all.decode_ms += t[1] - t[0];
  s->all.detect_ms += t[2] - t[1];
  s->all.read_ms += t[3] - t[2];
  if (wrong)
    tell_wrong(truth, n, &read, path);
  return true;
}

static bool eval_set(struct plate_finder *f, struct set_score *s, const char *dir, bool wrong,
                     struct err *e) {
  struct labels l;
  if (!labels_load(&l, dir, e))
    return false;
  for (size_t i = 0; i < l.n;) {
    int n = 1; // rows of one picture stand together
    while (i + (size_t)n < l.n && strcmp(l.row[i].path, l.row[i + (size_t)n].path) == 0)
      n++;
    struct err pe = {0};
    if (!eval_picture(f, s, dir, &l.row[i], n, wrong, &pe)) {
      (void)fprintf(stderr, "bayplate-eval: %s\n", pe.text);
      s->all.errors++;
      s->all.pictures++;
      s->all.truths += n;
    }
    i += (size_t)n;
  }
  labels_free(&l);
  // Boxes as they stand match nearly nothing, read the other way most: the whole set is written
  // that way.
  if (s->all.found_other > 4 * s->all.found && 2 * s->all.found_other > s->all.placed) {
    (void)fprintf(stderr,
                  "bayplate-eval: %s: its boxes hold the plate's centre and centre + size; they "
                  "are taken so for the recall\n",
                  dir);
    s->all.found = s->all.found_other;
    for (int i = 0; i < s->groups; i++)
      s->group[i].found = s->group[i].found_other;
  }
  return true;
}

static double ratio(double a, double b) {
  return b > 0 ? a / b : 0.0;
}

static double percent(long a, long b) {
  return 100.0 * ratio((double)a, (double)b);
}

static void print_head(void) {
  printf("%-28s %6s %7s %7s %7s %7s %7s %7s %8s %8s %8s\n", "set", "truths", "recall%", "exact%",
         "noprov%", "false/p", "prec%", "cover%", "decode", "detect", "read ms");
}

static void print_row(const struct score *s, const char *indent) {
  char recall[16] = "-";
  if (s->placed > 0)
    (void)snprintf(recall, sizeof recall, "%.1f", percent(s->found, s->placed));
  printf("%s%-*s %6ld %7s %7.1f %7.1f ", indent, 28 - (int)strlen(indent), s->name, s->truths,
         recall, percent(s->exact, s->truths), percent(s->no_province, s->truths));
  if (s->pictures == 0) { // types and provinces share pictures
    printf("%7s %7.1f %7.1f\n", "", percent(s->sure_right, s->sure), percent(s->sure, s->truths));
    return;
  }
  const double n = (double)s->pictures;
  printf("%7.3f %7.1f %7.1f %8.2f %8.2f %8.2f\n", ratio((double)s->false_plates, n),
         percent(s->sure_right, s->sure), percent(s->sure_right, s->truths), s->decode_ms / n,
         s->detect_ms / n, s->read_ms / n);
}

static json_t *json_score(const struct score *s) {
  json_t *o = json_pack("{s:s,s:I,s:f,s:f,s:f,s:f}", "name", s->name, "truths",
                        (json_int_t)s->truths, "exact", ratio((double)s->exact, (double)s->truths),
                        "exact_without_province", ratio((double)s->no_province, (double)s->truths),
                        "precision_at_alert", ratio((double)s->sure_right, (double)s->sure),
                        "coverage_at_alert", ratio((double)s->sure_right, (double)s->truths));
  if (s->placed > 0)
    (void)json_object_set_new(o, "detection_recall",
                              json_real(ratio((double)s->found, (double)s->placed)));
  if (s->pictures > 0) {
    const double n = (double)s->pictures;
    (void)json_object_update_new(
        o, json_pack("{s:I,s:I,s:f,s:f,s:{s:f,s:f,s:f}}", "pictures", (json_int_t)s->pictures,
                     "errors", (json_int_t)s->errors, "false_plates_per_picture",
                     (double)s->false_plates / n, "false_alerts_per_picture",
                     (double)s->false_sure / n, "ms", "decode", s->decode_ms / n, "detect",
                     s->detect_ms / n, "read", s->read_ms / n));
  }
  return o;
}

static json_t *json_set(const struct set_score *s) {
  json_t *o = json_score(&s->all), *types = json_array(), *provinces = json_array();
  for (int i = 0; i < s->groups; i++)
    (void)json_array_append_new(s->group[i].name[0] == 't' ? types : provinces,
                                json_score(&s->group[i]));
  (void)json_object_set_new(o, "types", types);
  (void)json_object_set_new(o, "provinces", provinces);
  return o;
}

static void print_set(const struct set_score *s) {
  print_row(&s->all, "");
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < s->groups; i++) {
      if ((s->group[i].name[0] == 't') == (pass == 0))
        print_row(&s->group[i], "  ");
    }
  }
}

static int run(const struct options *o, char **dir, int n) {
  struct err e = {0};
  struct plate_finder *f = NULL;
  if (!ocv_set_threads((int)o->threads, &e) || !plate_finder_new(&f, models_dir(o->models), &e)) {
    (void)fprintf(stderr, "bayplate-eval: %s\n", e.text);
    return 2;
  }
  struct set_score *s = malloc(sizeof *s);
  json_t *sets = json_array();
  struct score total = {.name = "all"};
  int rc = s && sets ? 0 : 2;
  if (!o->json)
    print_head();
  for (int i = 0; i < n && rc != 2; i++) {
    *s = (struct set_score){0};
    size_t length = strlen(dir[i]);
    while (length > 1 && dir[i][length - 1] == '/')
      dir[i][--length] = '\0';
    const char *base = strrchr(dir[i], '/');
    (void)snprintf(s->all.name, sizeof s->all.name, "%s", base && base[1] ? base + 1 : dir[i]);
    if (!eval_set(f, s, dir[i], o->wrong && !o->json, &e)) {
      (void)fprintf(stderr, "bayplate-eval: %s\n", e.text);
      rc = 2;
      break;
    }
    if (s->all.errors)
      rc = 1;
    score_add(&total, &s->all);
    if (o->json)
      (void)json_array_append_new(sets, json_set(s));
    else
      print_set(s);
    (void)fflush(stdout);
  }
  if (rc != 2 && o->json) {
    json_t *root = json_pack("{s:f,s:O,s:o}", "alert_threshold", (double)SCORE_ALERT, "sets", sets,
                             "all", json_score(&total));
    if (!root || json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0 ||
        puts("") < 0)
      rc = 2;
    json_decref(root);
  } else if (rc != 2 && n > 1) {
    print_row(&total, "");
  }
  json_decref(sets);
  free(s);
  plate_finder_free(f);
  return rc;
}

static int usage(const char *what, const char *about) {
  (void)fprintf(stderr, "bayplate-eval: %s%s\nTry: bayplate-eval --help\n", what, about);
  return 2;
}

int main(int argc, char **argv) {
  static const struct option known[] = {
      {"json", no_argument, NULL, 'j'},          {"wrong", no_argument, NULL, 'w'},
      {"threads", required_argument, NULL, 't'}, {"models", required_argument, NULL, 'm'},
      {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
  struct options o = {.threads = 1};
  char *end = NULL;
  int c;
  while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (c) {
    case 'j':
      o.json = true;
      break;
    case 'w':
      o.wrong = true;
      break;
    case 'm':
      o.models = optarg;
      break;
    case 't':
      o.threads = strtol(optarg, &end, 10);
      if (!*optarg || *end || o.threads < 1 || o.threads > 64)
        return usage("--threads must be 1 to 64, not ", optarg);
      break;
    case 'h':
      return fputs(help, stdout) < 0 ? 1 : 0;
    default:
      return usage("", "this option is not known");
    }
  }
  if (optind == argc)
    return usage("no folder given", "");
  return run(&o, argv + optind, argc - optind);
}
