// SPDX-License-Identifier: Apache-2.0
#include "tools/bench_stages.h"

#include "tools/picture.h"
#include "vision/ctc.h"
#include "vision/detector.h"
#include "vision/model.h"
#include "vision/motion.h"
#include "vision/net.h"
#include "vision/ocv.h"
#include "vision/reader.h"
#include "vision/rectify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH 1280 // of every frame; pictures of other sizes are fitted in
#define HEIGHT 720
#define WARM_RUNS 5

static const char *const names[BENCH_STAGES] = {
    "decode file",       "motion gate",          "detect",         "  scale",
    "  network",         "refine, a plate",      "  network",      "read, a plate",
    "  rectify, a look", "  network, a look",    "  text, a look", "detect+refine+read",
    "  networks",        "reference resize+blur"};

struct moment {
  double wall, processor; // ms
};

// What the networks did since it was cleared; the linker puts __wrap_net_forward() in the place of
// net_forward() everywhere in this program.
static struct {
  int calls;
  double processor, multiply_adds;
} network;

bool __real_net_forward(struct net *n, const struct net_picture *p, struct net_tensor *outputs,
                        int count, struct err *e);
bool __wrap_net_forward(struct net *n, const struct net_picture *p, struct net_tensor *outputs,
                        int count, struct err *e);

struct bench {
  const struct bench_options *o;
  struct picture picture; // as decoded, fitted to the frame
  struct image_view frame;
  uint8_t *i420;
  struct motion *motion;
  struct detector *detector;
  struct reader *reader;
  struct ocv_work *work;
  struct detector_model detector_model;
  struct reader_model reader_model;
  struct net *detector_net, *reader_net; // for the parts alone
  uint8_t *input, *line;
  size_t input_bytes;
  float *maps, *text;
  struct detection plate; // the one that is refined and read
  struct plate_read read;
  double *ms, *cpu;                   // runs of each stage
  int looks;                          // of the reader, in the last run
  double multiply_adds[BENCH_STAGES]; // in the last run
};

const char *bench_stage_name(enum bench_stage s) {
  return names[s];
}

static struct moment now(void) {
  struct timespec w, c;
  (void)clock_gettime(CLOCK_MONOTONIC, &w); // neither can fail for these clocks
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &c);
  return (struct moment){(double)w.tv_sec * 1e3 + (double)w.tv_nsec * 1e-6,
                         (double)c.tv_sec * 1e3 + (double)c.tv_nsec * 1e-6};
}

bool __wrap_net_forward(struct net *n, const struct net_picture *p, struct net_tensor *outputs,
                        int count, struct err *e) {
  const double from = now().processor;
  const bool ok = __real_net_forward(n, p, outputs, count, e);
  network.processor += now().processor - from;
  network.multiply_adds += net_multiply_adds(n, p->width, p->height);
  network.calls++;
  return ok;
}

static void note(struct bench *b, enum bench_stage s, int run, struct moment from) {
  const struct moment to = now();
  const size_t at = (size_t)s * BENCH_RUNS_MAX + (size_t)run;
  b->ms[at] = to.wall - from.wall;
  b->cpu[at] = to.processor - from.processor;
}

// Networks within a whole step: their processor time stands for both.
static void note_network(struct bench *b, enum bench_stage s, int run, double ms) {
  const size_t at = (size_t)s * BENCH_RUNS_MAX + (size_t)run;
  b->ms[at] = b->cpu[at] = ms;
}

// BT.601 in video range, as cameras send it (ITU-R BT.601-7, 8 bit); colour from every other pixel.
static void to_i420(const struct picture *p, uint8_t *out) {
  uint8_t *y = out, *u = y + WIDTH * HEIGHT, *v = u + WIDTH * HEIGHT / 4;
  for (int i = 0; i < WIDTH * HEIGHT; i++) {
    const uint8_t *px = p->pixels + 3 * (size_t)i;
    const int b = px[0], g = px[1], r = px[2];
    y[i] = (uint8_t)((66 * r + 129 * g + 25 * b + 128) / 256 + 16);
    if (i / WIDTH % 2 == 0 && i % 2 == 0) {
      *u++ = (uint8_t)((-38 * r - 74 * g + 112 * b + 32896) / 256);
      *v++ = (uint8_t)((112 * r - 94 * g - 18 * b + 32896) / 256);
    }
  }
}

static bool load_picture(struct bench *b, struct err *e) {
  struct picture p;
  if (!picture_load(&p, b->o->picture, e))
    return err_prefix(e, "%s", b->o->picture);
  const float sx = (float)WIDTH / (float)p.view.width, sy = (float)HEIGHT / (float)p.view.height;
  const float s = fminf(sx, sy);
  const struct ocv_box box = {OCV_VERSION,
                              (int)fmaxf(1.0f, (float)p.view.width * s),
                              (int)fmaxf(1.0f, (float)p.view.height * s),
                              WIDTH,
                              HEIGHT,
                              114};
  const size_t bytes = 3u * WIDTH * HEIGHT;
  const bool ok = picture_new(&b->picture, WIDTH, HEIGHT, e) &&
                  ocv_letterbox(b->work, &p.view, NULL, &box, b->picture.pixels, bytes, e);
  picture_free(&p);
  if (!ok)
    return false;
  b->frame = b->picture.view;
  if (b->o->bgr)
    return true;
  b->i420 = malloc(WIDTH * HEIGHT * 3 / 2);
  if (!b->i420)
    return err_set(e, ERR_NOMEM, "out of memory");
  to_i420(&b->picture, b->i420);
  b->frame =
      (struct image_view){IMAGE_I420,
                          WIDTH,
                          HEIGHT,
                          {b->i420, b->i420 + WIDTH * HEIGHT, b->i420 + WIDTH * HEIGHT * 5 / 4},
                          {WIDTH, WIDTH / 2, WIDTH / 2}};
  return true;
}

static struct ocv_box detector_box(const struct bench *b) {
  const int side = b->detector_model.input, k = b->detector_model.multiple;
  const int h = (side * HEIGHT + WIDTH / 2) / WIDTH;
  return (struct ocv_box){OCV_VERSION,
                          side,
                          h,
                          (side + k - 1) / k * k,
                          (h + k - 1) / k * k,
                          (uint8_t)b->detector_model.pad};
}

static bool load(struct bench *b, struct err *e) {
  static const char *const maps[] = {"maps"}, *const text[] = {"text", "type"};
  const char *dir = b->o->models;
  if (!net_set_threads(b->o->threads, e) || !ocv_work_new(&b->work, e) || !load_picture(b, e) ||
      !motion_new(&b->motion, NULL, e) || !detector_new(&b->detector, dir, e) ||
      !reader_new(&b->reader, dir, e) || !model_load_detector(&b->detector_model, dir, e) ||
      !model_load_reader(&b->reader_model, dir, e) ||
      !model_load_net(&b->detector_net, dir, "detector.onnx", maps, 1, e) ||
      !model_load_net(&b->reader_net, dir, "reader.onnx", text, 2, e))
    return false;
  const struct ocv_box box = detector_box(b);
  const struct rectify_shape line = {.width = b->reader_model.width,
                                     .height = b->reader_model.height};
  b->input_bytes = 3 * (size_t)box.width * (size_t)box.height;
  b->input = malloc(b->input_bytes);
  b->maps = malloc(b->input_bytes * sizeof *b->maps); // more than the maps of any stride
  b->text = malloc(MODEL_STEPS_MAX * MODEL_CLASSES_MAX * sizeof *b->text);
  b->line = malloc(rectify_bytes(&line));
  b->ms = malloc(BENCH_STAGES * BENCH_RUNS_MAX * sizeof *b->ms);
  b->cpu = malloc(BENCH_STAGES * BENCH_RUNS_MAX * sizeof *b->cpu);
  if (!b->input || !b->maps || !b->text || !b->line || !b->ms || !b->cpu)
    return err_set(e, ERR_NOMEM, "out of memory");
  return true;
}

static void unload(struct bench *b) {
  motion_free(b->motion);
  detector_free(b->detector);
  reader_free(b->reader);
  ocv_work_free(b->work);
  net_free(b->detector_net);
  net_free(b->reader_net);
  picture_free(&b->picture);
  free(b->i420);
  free(b->input);
  free(b->line);
  free(b->maps);
  free(b->text);
  free(b->ms);
  free(b->cpu);
}

// Where nothing is found the middle of the frame stands in for a plate.
static const struct detection stand_in = {
    .quad = {{{570, 338}, {710, 338}, {710, 382}, {570, 382}}}, .score = 1.0f};

static bool whole(struct bench *b, int run, struct err *e) {
  struct motion_result moved;
  struct detection found[DETECTIONS_MAX];
  int n = 0;
  struct moment t = now(), begin;
  if (!motion_step(b->motion, &b->frame, (int64_t)run * 40000000, &moved, e))
    return false;
  note(b, BENCH_MOTION, run, t);
  network.calls = 0;
  network.processor = network.multiply_adds = 0.0;
  begin = t = now();
  if (!detector_find(b->detector, &b->frame, NULL, found, &n, e))
    return false;
  note(b, BENCH_DETECT, run, t);
  b->multiply_adds[BENCH_DETECT] = network.multiply_adds;
  b->plate = n > 0 ? found[0] : stand_in;
  const double detecting = network.processor;
  t = now();
  if (!detector_refine(b->detector, &b->frame, &b->plate, e))
    return false;
  note(b, BENCH_REFINE, run, t);
  b->multiply_adds[BENCH_REFINE] = network.multiply_adds - b->multiply_adds[BENCH_DETECT];
  note_network(b, BENCH_REFINE_NETWORK, run, network.processor - detecting);
  const double before = network.multiply_adds;
  const int calls = network.calls;
  t = now();
  if (!reader_read(b->reader, &b->frame, &b->plate, &b->read, e))
    return false;
  note(b, BENCH_READ, run, t);
  note(b, BENCH_FRAME, run, begin);
  b->looks = network.calls - calls;
  b->multiply_adds[BENCH_READ] = network.multiply_adds - before;
  b->multiply_adds[BENCH_FRAME] = network.multiply_adds;
  note_network(b, BENCH_NETWORKS, run, network.processor);
  return true;
}

static bool parts(struct bench *b, int run, struct err *e) {
  const struct ocv_box box = detector_box(b);
  const struct reader_model *r = &b->reader_model;
  struct moment t = now();
  if (!ocv_letterbox(b->work, &b->frame, NULL, &box, b->input, b->input_bytes, e))
    return false;
  note(b, BENCH_DETECT_SCALE, run, t);
  struct net_tensor maps = {.version = NET_VERSION, .data = b->maps, .capacity = b->input_bytes};
  struct net_picture in = {b->input, box.width, box.height, 3 * box.width};
  t = now();
  if (!net_forward(b->detector_net, &in, &maps, 1, e))
    return false;
  note(b, BENCH_DETECT_NETWORK, run, t);
  const struct rectify_shape shape = {r->width, r->height, r->upper, r->upper_width,
                                      r->upper_inset};
  const bool two_lines = b->plate.double_score > 0.5f;
  t = now();
  if (!rectify_line(b->work, &b->frame, &b->plate.quad, NULL, two_lines, &shape, b->line, e))
    return false;
  note(b, BENCH_RECTIFY, run, t);
  float types[MODEL_TYPES_MAX];
  struct net_tensor out[2] = {
      {.version = NET_VERSION, .data = b->text, .capacity = MODEL_STEPS_MAX * MODEL_CLASSES_MAX},
      {.version = NET_VERSION, .data = types, .capacity = MODEL_TYPES_MAX}};
  in = (struct net_picture){b->line, r->width, r->height, 3 * r->width};
  t = now();
  if (!net_forward(b->reader_net, &in, out, 2, e))
    return false;
  note(b, BENCH_READ_NETWORK, run, t);
  struct ctc_result text;
  t = now();
  ctc_decode(r, b->text, out[0].shape[1], types, &text);
  note(b, BENCH_TEXT, run, t);
  return true;
}

static bool around(struct bench *b, int run, struct err *e) {
  struct picture p;
  struct moment t = now();
  if (!picture_load(&p, b->o->picture, e))
    return false;
  note(b, BENCH_DECODE, run, t);
  picture_free(&p);
  t = now();
  if (!ocv_reference(b->work, &b->picture.view, e))
    return false;
  note(b, BENCH_REFERENCE, run, t);
  return true;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void sum_up(struct bench *b, struct bench_result *out) {
  const size_t n = (size_t)b->o->runs;
  for (size_t s = 0; s < BENCH_STAGES; s++) {
    double *ms = b->ms + s * BENCH_RUNS_MAX, *cpu = b->cpu + s * BENCH_RUNS_MAX;
    qsort(ms, n, sizeof *ms, by_value);
    qsort(cpu, n, sizeof *cpu, by_value);
    out->stage[s] = (struct bench_stage_result){
        .median = ms[n / 2], .best = ms[0], .p95 = ms[n * 95 / 100], .processor = cpu[n / 2]};
  }
  const struct ocv_box box = detector_box(b);
  for (size_t i = 0; i < BENCH_STAGES; i++)
    out->stage[i].multiply_adds = b->multiply_adds[i];
  out->stage[BENCH_NETWORKS].multiply_adds = b->multiply_adds[BENCH_FRAME];
  out->stage[BENCH_REFINE_NETWORK].multiply_adds = b->multiply_adds[BENCH_REFINE];
  out->stage[BENCH_DETECT_NETWORK].multiply_adds =
      net_multiply_adds(b->detector_net, box.width, box.height);
  out->stage[BENCH_READ_NETWORK].multiply_adds =
      net_multiply_adds(b->reader_net, b->reader_model.width, b->reader_model.height);
  out->looks = b->looks;
  out->width = b->frame.width;
  out->height = b->frame.height;
  out->engine = net_engine(b->detector_net);
  memcpy(out->text, b->read.text, sizeof out->text);
  out->confidence = b->read.confidence;
}

bool bench_run(const struct bench_options *o, struct bench_result *out, struct err *e) {
  struct bench b = {.o = o};
  *out = (struct bench_result){0};
  bool ok = load(&b, e) && whole(&b, 0, e);
  if (ok)
    out->first_ms = b.cpu[(size_t)BENCH_FRAME * BENCH_RUNS_MAX];
  for (int i = 0; i < WARM_RUNS + o->runs && ok; i++) {
    const int run = i < WARM_RUNS ? 0 : i - WARM_RUNS;
    ok = whole(&b, run, e) && parts(&b, run, e) && around(&b, run, e);
  }
  if (ok)
    sum_up(&b, out);
  unload(&b);
  return ok;
}
