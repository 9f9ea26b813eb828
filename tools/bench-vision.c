// SPDX-License-Identifier: Apache-2.0
// How long each step of vision takes on this machine, and what that lets one expect of a small
// board.
#include "tools/bench_stages.h"
#include "tools/models.h"
#include "vision/net.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What a quad Cortex-A72 is taken to do. Networks: XNNPACK's README measured MobileNet v1 1.0 (569
// million multiply-adds: Howard et al. 2017, table 8) in 75 ms on the four cores of a Raspberry Pi
// 4: 7.6 thousand million a second. A network of plain convolutions does better than one of
// depthwise ones, so this is the low end. The rest runs on one core, whose speed beside this
// machine's nobody has measured here: a factor that must be given, and is not a measurement.
#define BOARD_MACS_PER_MS 7.6e6
#define BOARD_CORES_USED 4
#define BOARD_SLOWER 12.0
#define TARGET_MS 20.0     // detection and reading of a frame on one thread
#define BOARD_TARGET_HZ 10 // frames a second

static const char help[] =
    "usage: bench-vision [--runs N] [--threads N] [--engine NAME] [--bgr] [--slower X] [--json]\n"
    "                    [--models DIR] PICTURE...\n"
    "Times each step of vision on 1280x720 frames made of the pictures: medians over many runs, "
    "and beside\n"
    "them a plain resize and blur of the same frame, so that the ratio holds on any machine. "
    "Prints "
    "the networks'\n"
    "multiply-adds, and from them an estimate for a quad Cortex-A72 board.\n\n"
    "  --runs N       1 to 10000; default 100\n"
    "  --threads N    processor cores, 1 to 64; default 1\n"
    "  --engine NAME  xnnpack or opencv; default: the faster\n"
    "  --bgr          frames as BGR pixels; default I420, which cameras give\n"
    "  --slower X     how many times slower a core of the board does what is not a network; "
    "default 12\n"
    "  --json         one JSON line a picture\n" MODELS_HELP "  --help         this text\n\n"
    "examples:\n"
    "  bench-vision gate.jpg\n"
    "  bench-vision --runs 300 --engine opencv --json gate.jpg | jq .stages\n\n"
    "exit status: 0, 1 a step failed, 2 wrong use\n";

struct estimate {
  double networks, rest, frame, hz; // ms, ms, ms, frames a second
};

// Every frame passes the motion gate; this one holds a plate, so all of it is done.
static struct estimate board(const struct bench_result *r, double slower) {
  const struct bench_stage_result *t = r->stage;
  const double own = t[BENCH_FRAME].processor - t[BENCH_NETWORKS].processor;
  struct estimate b = {.networks = t[BENCH_FRAME].multiply_adds / BOARD_MACS_PER_MS};
  b.rest = slower * ((own > 0.0 ? own : 0.0) + t[BENCH_MOTION].processor);
  b.frame = b.networks + b.rest;
  b.hz = b.frame > 0.0 ? 1000.0 / b.frame : 0.0;
  return b;
}

// One thread's processor time does not count what else runs on the machine; of several threads only
// the wall clock tells what they take together.
static double cost(const struct bench_result *r, const struct bench_options *o,
                   enum bench_stage s) {
  return o->threads == 1 ? r->stage[s].processor : r->stage[s].median;
}

static void print_text(const struct bench_result *r, const struct bench_options *o, double slower) {
  printf("%s: %dx%d %s, %s, %d thread%s, %d runs, read \"%s\" (%.3f) in %d look%s\n", o->picture,
         r->width, r->height, o->bgr ? "BGR" : "I420", r->engine, o->threads,
         o->threads == 1 ? "" : "s", o->runs, r->text, (double)r->confidence, r->looks,
         r->looks == 1 ? "" : "s");
  printf("%-22s %8s %8s %8s %9s %9s %8s\n", "ms", "median", "best", "p95", "processor", "M mul-add",
         "G/s");
  for (enum bench_stage s = 0; s < BENCH_STAGES; s++) {
    const struct bench_stage_result *t = &r->stage[s];
    printf("%-22s %8.3f %8.3f %8.3f %9.3f", bench_stage_name(s), t->median, t->best, t->p95,
           t->processor);
    if (t->multiply_adds > 0.0)
      printf(" %9.1f %8.1f", t->multiply_adds * 1e-6, t->multiply_adds * 1e-6 / t->processor);
    (void)putchar('\n');
  }
  const bool alone = o->threads == 1;
  const double frame = cost(r, o, BENCH_FRAME);
  printf(
      "detect+refine+read: %.2f ms %s, %.1f times the reference; the very first frame %.2f ms of "
      "processor; aim %.0f ms: %s\n",
      frame, alone ? "of processor" : "of wall clock", frame / cost(r, o, BENCH_REFERENCE),
      r->first_ms, TARGET_MS, frame <= TARGET_MS ? "met" : "missed");
  if (strcmp(r->engine, "xnnpack") == 0) { // whose speed is known there
    const struct estimate b = board(r, slower);
    printf(
        "quad Cortex-A72, estimated: networks %.0f ms (%.1f M at %.1f G/s on %d cores), the rest "
        "%.0f ms (one core, %.0f times slower): %.1f frames a second; aim %d: %s\n",
        b.networks, r->stage[BENCH_FRAME].multiply_adds * 1e-6, BOARD_MACS_PER_MS * 1e-6,
        BOARD_CORES_USED, b.rest, slower, b.hz, BOARD_TARGET_HZ,
        b.hz >= BOARD_TARGET_HZ ? "met" : "missed");
  }
}

static bool print_json(const struct bench_result *r, const struct bench_options *o, double slower) {
  const struct estimate b = board(r, slower);
  json_t *stages = json_array();
  for (enum bench_stage s = 0; s < BENCH_STAGES; s++) {
    const struct bench_stage_result *t = &r->stage[s];
    const char *name = bench_stage_name(s);
    (void)json_array_append_new(
        stages, json_pack("{s:s,s:b,s:f,s:f,s:f,s:f,s:f}", "name", name + strspn(name, " "), "part",
                          name[0] == ' ', "median_ms", t->median, "best_ms", t->best, "p95_ms",
                          t->p95, "processor_ms", t->processor, "multiply_adds", t->multiply_adds));
  }
  json_t *line = json_pack(
      "{s:s,s:i,s:i,s:s,s:s,s:i,s:i,s:s,s:f,s:i,s:f,s:f,s:o,s:{s:f,s:f,s:f,s:f,s:f}}", "picture",
      o->picture, "width", r->width, "height", r->height, "format", o->bgr ? "BGR" : "I420",
      "engine", r->engine, "threads", o->threads, "runs", o->runs, "plate", r->text, "confidence",
      (double)r->confidence, "looks", r->looks, "first_processor_ms", r->first_ms,
      "times_reference", r->stage[BENCH_FRAME].median / r->stage[BENCH_REFERENCE].median, "stages",
      stages, "cortex_a72_estimate", "networks_ms", b.networks, "rest_ms", b.rest, "frame_ms",
      b.frame, "frames_per_second", b.hz, "core_times_slower", slower);
  const bool ok = line && json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0;
  json_decref(line);
  return ok && putchar('\n') != EOF;
}

static int usage(const char *what) {
  (void)fprintf(stderr, "bench-vision: %s\nTry: bench-vision --help\n", what);
  return 2;
}

int main(int argc, char **argv) {
  static const struct option known[] = {{"runs", required_argument, NULL, 'r'},
                                        {"threads", required_argument, NULL, 't'},
                                        {"engine", required_argument, NULL, 'e'},
                                        {"models", required_argument, NULL, 'm'},
                                        {"slower", required_argument, NULL, 's'},
                                        {"bgr", no_argument, NULL, 'b'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  long runs = 100, threads = 1;
  double slower = BOARD_SLOWER;
  const char *models = NULL;
  bool json = false, bgr = false;
  int c;
  while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (c) {
    case 'r':
      runs = strtol(optarg, NULL, 10);
      break;
    case 't':
      threads = strtol(optarg, NULL, 10);
      break;
    case 's':
      slower = strtod(optarg, NULL);
      break;
    case 'm':
      models = optarg;
      break;
    case 'e':
      if (strcmp(optarg, "xnnpack") != 0 && strcmp(optarg, "opencv") != 0)
        return usage("--engine must be xnnpack or opencv");
      net_prefer(optarg[0] == 'x' ? NET_XNNPACK : NET_OPENCV);
      break;
    case 'b':
      bgr = true;
      break;
    case 'j':
      json = true;
      break;
    case 'h':
      return fputs(help, stdout) < 0 ? 1 : 0;
    default:
      return usage("this option is not known");
    }
  }
  if (runs < 1 || runs > BENCH_RUNS_MAX || threads < 1 || threads > 64)
    return usage("--runs must be 1 to 10000, --threads 1 to 64");
  if (!(slower >= 0.1 && slower <= 1000.0))
    return usage("--slower must be 0.1 to 1000");
  if (optind == argc)
    return usage("no picture given");
  for (int i = optind; i < argc; i++) {
    const struct bench_options o = {argv[i], models_dir(models), bgr, (int)threads, (int)runs};
    struct bench_result r;
    struct err e = {0};
    if (!bench_run(&o, &r, &e)) {
      (void)fprintf(stderr, "bench-vision: %s\n", e.text);
      return 1;
    }
    if (!json)
      print_text(&r, &o, slower);
    else if (!print_json(&r, &o, slower))
      return 1;
  }
  return 0;
}
