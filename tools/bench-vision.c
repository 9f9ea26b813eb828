// SPDX-License-Identifier: Apache-2.0
// How long each step of vision takes on this machine: medians over many runs on one frame.
#include "tools/models.h"
#include "tools/picture.h"
#include "vision/detector.h"
#include "vision/motion.h"
#include "vision/net.h"
#include "vision/reader.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_MAX 10000

static const char help[] = "usage: bench-vision [--runs N] [--threads N] [--models DIR] [PICTURE]\n"
                           "Prints the median, best and 95th percentile of each step in "
                           "milliseconds, on a picture or on a\n"
                           "grey 1280x720 frame.\n\n"
                           "  --runs N       1 to 10000; default 50\n"
                           "  --threads N    processor cores, 1 to 64; default 1\n" MODELS_HELP
                           "  --help         this text\n\n"
                           "example:\n  bench-vision --runs 200 gate.jpg\n\n"
                           "exit status: 0, 1 a step failed, 2 wrong use or no networks\n";

enum step { MOTION, DETECT, REFINE, READ, STEPS };
static const char *const names[STEPS] = {"motion gate", "detect", "refine, a plate",
                                         "read, a plate"};

struct bench {
  struct motion *motion;
  struct detector *detector;
  struct reader *reader;
  int runs;
  double ms[STEPS][RUNS_MAX];
};

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool one_run(struct bench *b, const struct image_view *v, int i, struct err *e) {
  struct motion_result moved;
  struct detection found[DETECTIONS_MAX];
  struct plate_read read;
  int n = 0;
  double t[STEPS + 1] = {now_ms()};
  if (!motion_step(b->motion, v, (int64_t)i * 40000000, &moved, e))
    return false;
  t[1] = now_ms();
  if (!detector_find(b->detector, v, NULL, found, &n, e))
    return false;
  t[2] = now_ms();
  if (n == 0) { // nothing there: the middle of the frame stands in for a plate
    const float x = 0.5f * (float)v->width, y = 0.5f * (float)v->height;
    found[0] = (struct detection){
        .quad = {{{x - 70, y - 22}, {x + 70, y - 22}, {x + 70, y + 22}, {x - 70, y + 22}}},
        .score = 1.0f};
  }
  if (!detector_refine(b->detector, v, &found[0], e))
    return false;
  t[3] = now_ms();
  if (!reader_read(b->reader, v, &found[0], &read, e))
    return false;
  t[4] = now_ms();
  for (int s = 0; s < STEPS; s++)
    b->ms[s][i] = t[s + 1] - t[s];
  return true;
}

static void print_figures(struct bench *b) {
  printf("%-18s %9s %9s %9s\n", "ms", "median", "best", "p95");
  const size_t n = (size_t)b->runs;
  for (int s = 0; s < STEPS; s++) {
    qsort(b->ms[s], n, sizeof b->ms[s][0], by_value);
    printf("%-18s %9.2f %9.2f %9.2f\n", names[s], b->ms[s][n / 2], b->ms[s][0],
           b->ms[s][n * 95 / 100]);
  }
}

static int run(struct bench *b, const struct image_view *v, const char *models, int threads) {
  struct err e = {0};
  int rc = 2;
  if (!net_set_threads(threads, &e) || !motion_new(&b->motion, NULL, &e) ||
      !detector_new(&b->detector, models, &e) || !reader_new(&b->reader, models, &e))
    goto done;
  rc = 1;
  if (!one_run(b, v, 0, &e)) // the size of this frame is new to the networks
    goto done;
  for (int i = 0; i < b->runs; i++) {
    if (!one_run(b, v, i, &e))
      goto done;
  }
  printf("%dx%d, %d threads, %d runs\n", v->width, v->height, threads, b->runs);
  print_figures(b);
  rc = 0;
done:
  if (rc)
    (void)fprintf(stderr, "bench-vision: %s\n", e.text);
  motion_free(b->motion);
  detector_free(b->detector);
  reader_free(b->reader);
  return rc;
}

static int usage(const char *what) {
  (void)fprintf(stderr, "bench-vision: %s\nTry: bench-vision --help\n", what);
  return 2;
}

int main(int argc, char **argv) {
  static const struct option known[] = {{"runs", required_argument, NULL, 'r'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"models", required_argument, NULL, 'm'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  long runs = 50, threads = 1;
  const char *models = NULL;
  int c;
  while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (c) {
    case 'r':
      runs = strtol(optarg, NULL, 10);
      break;
    case 't':
      threads = strtol(optarg, NULL, 10);
      break;
    case 'm':
      models = optarg;
      break;
    case 'h':
      return fputs(help, stdout) < 0 ? 1 : 0;
    default:
      return usage("this option is not known");
    }
  }
  if (runs < 1 || runs > RUNS_MAX || threads < 1 || threads > 64 || optind + 1 < argc)
    return usage("runs must be 1 to 10000, threads 1 to 64, and one picture at most");
  struct picture p;
  struct err e = {0};
  bool ok;
  if (optind < argc) {
    ok = picture_load(&p, argv[optind], &e);
  } else {
    ok = picture_new(&p, 1280, 720, &e);
    if (ok)
      memset(p.pixels, 114, 3u * 1280u * 720u);
  }
  struct bench *b = ok ? calloc(1, sizeof *b) : NULL;
  if (!b) {
    (void)fprintf(stderr, "bench-vision: %s\n", ok ? "out of memory" : e.text);
    return 2;
  }
  b->runs = (int)runs;
  const int rc = run(b, &p.view, models_dir(models), (int)threads);
  free(b);
  picture_free(&p);
  return rc;
}
