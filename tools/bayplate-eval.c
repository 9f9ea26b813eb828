// SPDX-License-Identifier: Apache-2.0
// Scores the reader on folders of labelled pictures.
#include "tools/eval_report.h"
#include "tools/eval_set.h"
#include "tools/models.h"
#include "tools/sheet.h"
#include "vision/net.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: bayplate-eval [OPTION...] DIR...\n"
    "Scores plate reading on folders with a labels.csv: a line that names the columns\n"
    "(path,plate,type,x0,y0,x1,y1,c0x,c0y,...,c3x,c3y in any order; path and plate must be "
    "there),\n"
    "then a row a plate; an empty field is unknown. Paths are relative to the folder, or "
    "absolute.\n\n"
    "  --json           one JSON object instead of tables\n"
    "  --reads          in it, each picture with its plates and reads too\n"
    "  --wrong          also a line for each plate not read right and each false one\n"
    "  --sheet FILE     also writes these as a picture (PNG): crop, label, read, confidence, file\n"
    "  --only FILE      score only plates whose text the file lists, one a line\n"
    "  --plate-free     the folders' pictures hold no plate and need no labels: count false ones\n"
    "  --crops          pictures whose plates have no known place are plates already cut out\n"
    "  --scenes         ... are scenes. Default: by each picture's size and look\n"
    "  --boxes FORM     corners: x0,y0 is the top left, x1,y1 the bottom right corner;\n"
    "                   centre: x0,y0 is the centre, x1-x0 and y1-y0 the size.\n"
    "                   Default: corners, unless the pictures show the other beyond doubt\n"
    "  --threads N      processor cores to use, 1 to 64; default 1\n"
    "  --models DIR     networks; default: $BAYPLATE_MODELS, the installed ones, the source "
    "tree's\n"
    "  --help           this text\n\n"
    "columns: plates with known text; detected (box overlap of a half) of those with a known "
    "place;\n"
    "exact texts; exact but for the first character; right types of those read; false plates a\n"
    "picture; of the reads at confidence 0.9 or more the right ones, and the share of plates that\n"
    "these are; medians of milliseconds a picture. Sets, then types, then provinces.\n\n"
    "examples:\n"
    "  bayplate-eval --sheet /tmp/wrong.png ../shared/plates/easypr_scenes\n"
    "  bayplate-eval --json plates/* > scores.json\n"
    "  bayplate-eval --plate-free pictures/of/grilles\n\n"
    "exit status: 0 all scored, 1 some pictures or rows could not be read (told on stderr), 2 "
    "wrong\n"
    "use, a folder that cannot be scored, or no networks\n";

struct options {
  bool json, reads, wrong;
  const char *models, *sheet;
  long threads;
  struct eval_options eval;
};

// The folder's own name.
static void name_set(struct score *s, char *dir) {
  size_t length = strlen(dir);
  while (length > 1 && dir[length - 1] == '/')
    dir[--length] = '\0';
  const char *base = strrchr(dir, '/');
  (void)snprintf(s->name, sizeof s->name, "%s", base && base[1] ? base + 1 : dir);
}

static bool one_set(const struct options *o, struct plate_finder *f, char *dir, struct sheet *sheet,
                    json_t *sets, struct score *total, bool *incomplete, struct err *e) {
  struct eval_set s;
  if (!eval_set_run(&s, f, dir, &o->eval, e))
    return false;
  name_set(&s.score.all, dir);
  *incomplete = *incomplete || s.score.all.errors || s.labels.left_out;
  score_add(total, &s.score.all);
  bool ok = !sheet || sheet_add(sheet, &s, e);
  if (o->json) {
    json_t *j = report_json(&s, o->reads);
    if (!j || json_array_append_new(sets, j) != 0)
      ok = err_set(e, ERR_NOMEM, "out of memory for JSON");
  } else {
    report_set(&s);
    if (o->wrong)
      report_wrong(&s);
    (void)fflush(stdout); // the next set may take long; failures show at the end
  }
  eval_set_free(&s);
  return ok;
}

static bool finish(const struct options *o, int n, const struct sheet *sheet, json_t *sets,
                   const struct score *total, struct err *e) {
  if (sheet && !sheet_write(sheet, o->sheet, e))
    return false;
  if (!o->json) {
    if (n > 1)
      report_all(total);
  } else {
    json_t *root = json_pack("{s:f,s:O,s:o}", "alert_threshold", (double)SCORE_ALERT, "sets", sets,
                             "all", report_json_all(total));
    const bool ok =
        root &&
        json_dumpf(root, stdout,
                   (o->reads ? JSON_COMPACT : JSON_INDENT(1)) | JSON_REAL_PRECISION(6)) == 0 &&
        puts("") >= 0;
    json_decref(root);
    if (!ok)
      return err_set(e, ERR_IO, "JSON cannot be written");
  }
  if (fflush(stdout) != 0 || ferror(stdout))
    return err_set(e, ERR_IO, "standard output cannot be written");
  return true;
}

static int run(const struct options *o, char **dir, int n) {
  struct err e = {0};
  struct plate_finder *f = NULL;
  struct sheet *sheet = NULL;
  json_t *sets = json_array();
  struct score total = {.name = "all"};
  bool incomplete = false;
  int rc = 0;
  if (!sets || !net_set_threads((int)o->threads, &e) ||
      !plate_finder_new(&f, models_dir(o->models), &e) || (o->sheet && !sheet_new(&sheet, &e))) {
    (void)fprintf(stderr, "bayplate-eval: %s\n", e.text);
    n = 0;
    rc = 2;
  } else if (!o->json) {
    report_head();
  }
  for (int i = 0; i < n; i++) {
    if (!one_set(o, f, dir[i], sheet, sets, &total, &incomplete, &e)) {
      (void)fprintf(stderr, "bayplate-eval: %s\n", e.text);
      rc = 2;
    }
  }
  if (n > 0 && !finish(o, n, sheet, sets, &total, &e)) {
    (void)fprintf(stderr, "bayplate-eval: %s\n", e.text);
    rc = 2;
  }
  json_decref(sets);
  sheet_free(sheet);
  plate_finder_free(f);
  return rc == 0 && incomplete ? 1 : rc;
}

static int usage(const char *what, const char *about) {
  (void)fprintf(stderr, "bayplate-eval: %s%s\nTry: bayplate-eval --help\n", what, about);
  return 2;
}

static bool boxes(struct options *o, const char *form) {
  o->eval.boxes = strcmp(form, "centre") == 0    ? EVAL_BOXES_CENTRE
                  : strcmp(form, "corners") == 0 ? EVAL_BOXES_CORNERS
                                                 : EVAL_BOXES_FOUND;
  return o->eval.boxes != EVAL_BOXES_FOUND;
}

int main(int argc, char **argv) {
  static const struct option known[] = {{"json", no_argument, NULL, 'j'},
                                        {"reads", no_argument, NULL, 'r'},
                                        {"wrong", no_argument, NULL, 'w'},
                                        {"sheet", required_argument, NULL, 's'},
                                        {"only", required_argument, NULL, 'o'},
                                        {"plate-free", no_argument, NULL, 'f'},
                                        {"crops", no_argument, NULL, 'C'},
                                        {"scenes", no_argument, NULL, 'S'},
                                        {"boxes", required_argument, NULL, 'b'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"models", required_argument, NULL, 'm'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct options o = {.threads = 1};
  char *end = NULL;
  int c;
  while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (c) {
    case 'j':
      o.json = true;
      break;
    case 'r':
      o.reads = true;
      break;
    case 'w':
      o.wrong = true;
      break;
    case 's':
      o.sheet = optarg;
      break;
    case 'o':
      o.eval.only = optarg;
      break;
    case 'f':
      o.eval.plate_free = true;
      break;
    case 'C':
      o.eval.kind = EVAL_CROPS;
      break;
    case 'S':
      o.eval.kind = EVAL_SCENES;
      break;
    case 'b':
      if (!boxes(&o, optarg))
        return usage("--boxes must be corners or centre, not ", optarg);
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
  if (o.reads && !o.json)
    return usage("--reads needs --json", "");
  if (o.eval.plate_free && o.eval.only)
    return usage("--only picks labels, --plate-free has none", "");
  return run(&o, argv + optind, argc - optind);
}
