// SPDX-License-Identifier: Apache-2.0
// The real motion gate on frames made in memory; the detector and the reader are played by this
// program (its detector_find() takes the library's place at linking, so that no network is needed).
#include "tests/vision/visit_world.h"
#include "vision/analyser.h"
#include "vision/detector.h"
#include "vision/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define W 320
#define H 180
#define NOISE_PHASES 997

static struct {
  bool plate, fails;
  float x, y, w; // of the plate, pixels of a W x H frame
  const char *text;
  int finds, follows, reads, allocations;
  struct image_rect rect;
} stage;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n) {
  stage.allocations++;
  return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
  stage.allocations++;
  return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
  stage.allocations++;
  return __real_realloc(p, n);
}

bool detector_refine(struct detector *d, const struct image_view *frame, struct detection *plate,
                     struct err *e) {
  (void)d, (void)frame, (void)plate, (void)e;
  return true;
}

bool detector_follow(struct detector *d, const struct image_view *frame, const struct quad *where,
                     struct detection *out, bool *found, struct err *e) {
  (void)d;
  stage.follows++;
  *found = false;
  if (stage.fails)
    return err_set(e, ERR_FORMAT, "the network answered nonsense");
  if (!stage.plate)
    return true;
  float k = (float)frame->width / W;
  struct plate_read r = world_read("", 0, stage.x * k, stage.y * k, stage.w * k);
  *out = (struct detection){.quad = r.quad, .score = 0.9f};
  float dx = where->corner[0].x - r.quad.corner[0].x, dy = where->corner[0].y - r.quad.corner[0].y;
  *found = dx * dx + dy * dy < 0.25f * stage.w * k * stage.w * k;
  return true;
}

bool detector_find(struct detector *d, const struct image_view *frame,
                   const struct image_rect *rect, struct detection *out, int *n, struct err *e) {
  (void)d;
  stage.finds++;
  stage.rect = rect ? *rect : (struct image_rect){0, 0, 0, 0};
  *n = 0;
  if (stage.fails)
    return err_set(e, ERR_FORMAT, "the network answered nonsense");
  if (!stage.plate)
    return true;
  float k = (float)frame->width / W;
  struct plate_read r = world_read("", 0, stage.x * k, stage.y * k, stage.w * k);
  out[0] = (struct detection){.quad = r.quad, .score = 0.9f};
  *n = 1;
  return true;
}

static bool fake_read(void *self, const struct image_view *frame, const struct detection *plate,
                      struct plate_read *out, struct err *e) {
  (void)self, (void)frame, (void)plate, (void)e;
  stage.reads++;
  (void)snprintf(out->text, sizeof out->text, "%s", stage.text);
  out->confidence = 0.97f;
  out->type = PLATE_BLUE;
  return true;
}

static void fake_free(void *self) {
  (void)self;
}

struct world {
  struct analyser *a;
  struct reader *reader;
  uint8_t *px;
  int width, height;
  int64_t t;
  int opened, closed, other;
  struct visit_event last;
};

static void note(void *ctx, const struct visit_event *event) {
  struct world *w = ctx;
  w->opened += event->kind == VISIT_OPENED;
  w->closed += event->kind == VISIT_CLOSED;
  w->other += event->kind != VISIT_OPENED && event->kind != VISIT_CLOSED;
  w->last = *event;
}

static struct world start(const struct analyser_config *config) {
  static const struct reader_ops ops = {.name = "fake", .read = fake_read, .free = fake_free};
  memset(&stage, 0, sizeof stage);
  stage.text = "粤A12345";
  struct world w = {.width = W, .height = H, .t = SECOND_NS};
  struct err e;
  assert_true(reader_from_ops(&w.reader, &ops, &stage, &e));
  struct analyser_config c;
  analyser_config_default(&c);
  assert_true(analyser_new(&w.a, config ? config : &c, NULL, w.reader, &e));
  w.px = malloc(4 * W * H);
  assert_non_null(w.px);
  return w;
}

static void finish(struct world *w) {
  analyser_free(w->a);
  reader_free(w->reader);
  free(w->px);
}

// Draws a floor with a little noise and, round the plate, a striped car; looks at it.
static bool frame(struct world *w, struct err *e) {
  static uint8_t floor_noise[4 * W * H + NOISE_PHASES];
  if (floor_noise[0] == 0) {
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof floor_noise; i++) {
      seed = seed * 1664525u + 1013904223u;
      floor_noise[i] = (uint8_t)(110 + (seed >> 30));
    }
  }
  memcpy(w->px, floor_noise + w->t / 1000000 % NOISE_PHASES, (size_t)w->width * (size_t)w->height);
  if (stage.plate) {
    float k = (float)w->width / W;
    int x0 = (int)((stage.x - 2.1f * stage.w) * k), x1 = (int)((stage.x + 2.1f * stage.w) * k);
    int y0 = (int)((stage.y - 2.5f * stage.w) * k), y1 = (int)((stage.y + 1.0f * stage.w) * k);
    for (int y = y0 < 0 ? 0 : y0; y < y1 && y < w->height; y++)
      for (int x = x0 < 0 ? 0 : x0; x < x1 && x < w->width; x++)
        w->px[y * w->width + x] = (uint8_t)(((x - x0) / 6 + (y - y0) / 6) % 2 ? 30 : 220);
  }
  struct image_view v = {IMAGE_GRAY8, w->width, w->height, {w->px, NULL, NULL}, {w->width, 0, 0}};
  bool ok = analyser_step(w->a, &v, w->t, note, w, e);
  w->t += FRAME_NS;
  return ok;
}

static void run(struct world *w, int frames) {
  struct err e;
  for (int i = 0; i < frames; i++)
    assert_true(frame(w, &e));
}

static void arrive(struct world *w) {
  struct err e;
  stage.plate = true;
  for (int i = 0; i < 40; i++) {
    stage.x = 160, stage.y = 65 + 1.5f * (float)i, stage.w = 12 + 0.4f * (float)i;
    assert_true(frame(w, &e));
  }
}

static void an_idle_scene_costs_a_look_in_two_seconds(void **state) {
  (void)state;
  struct world w = start(NULL);
  run(&w, 25);
  int before = stage.finds;
  run(&w, 250); // ten seconds
  assert_in_range(stage.finds - before, 4, 6);
  assert_int_equal(w.opened, 0);
  struct analyser_stats s;
  analyser_get_stats(w.a, &s);
  assert_int_equal(s.frames, 275);
  assert_int_equal(s.gated, s.frames - s.detector_runs);
  finish(&w);
}

static void an_arrival_is_looked_at_in_every_frame(void **state) {
  (void)state;
  struct world w = start(NULL);
  run(&w, 50);
  int finds = stage.finds, follows = stage.follows, reads = stage.reads;
  int64_t came = w.t;
  arrive(&w);
  struct analyser_stats s;
  analyser_get_stats(w.a, &s);
  assert_true(s.car_frames >= 38);
  assert_int_equal(s.car_looked, s.car_frames);
  // Where the plate should be in each frame, everywhere in one of three, and read where it is news.
  assert_true(stage.follows - follows >= 36);
  assert_in_range(stage.finds - finds, 12, 18);
  assert_in_range(stage.reads - reads, 8, 25);
  assert_int_equal(w.opened, 1);
  assert_true(w.last.first_read_ns - came <= 2 * FRAME_NS);
  assert_string_equal(w.last.best.text, "粤A12345");
  assert_int_equal(w.last.direction, DIRECTION_IN);
  run(&w, 25); // it stands
  assert_int_equal(w.last.certainty, VISIT_CERTAIN);
  finish(&w);
}

static void a_parked_car_is_followed_cheaply(void **state) {
  (void)state;
  struct world w = start(NULL);
  run(&w, 50);
  arrive(&w);
  run(&w, 50);
  int finds = stage.finds, follows = stage.follows, reads = stage.reads;
  run(&w, 250); // ten seconds
  assert_int_equal(stage.follows - follows, 250);
  assert_in_range(stage.finds - finds, 15, 30);
  assert_in_range(stage.reads - reads, 20, 30);
  assert_int_equal(w.opened, 1);
  assert_int_equal(w.closed, 0);
  stage.plate = false; // gone
  run(&w, 150);
  assert_int_equal(w.opened, 1);
  assert_int_equal(w.closed, 1);
  finish(&w);
}

static void a_car_that_stands_there_at_the_start_is_found(void **state) {
  (void)state;
  struct world w = start(NULL);
  stage.plate = true, stage.x = 160, stage.y = 120, stage.w = 25;
  run(&w, 50);
  assert_int_equal(w.opened, 1);
  finish(&w);
}

static void a_lost_camera_replays_nothing(void **state) {
  (void)state;
  struct world w = start(NULL);
  run(&w, 25);
  arrive(&w);
  run(&w, 50);
  analyser_camera_lost(w.a);
  for (int i = 0; i < 10; i++)
    analyser_idle(w.a, w.t += SECOND_NS, note, &w);
  assert_int_equal(w.closed, 0);
  w.width = 2 * W, w.height = 2 * H; // back with another size
  run(&w, 100);
  assert_int_equal(w.opened, 1);
  assert_int_equal(w.closed, 0);
  finish(&w);
}

static void plates_outside_the_zone_or_too_small_are_nothing(void **state) {
  (void)state;
  struct analyser_config c;
  analyser_config_default(&c);
  c.zone_points = 4;
  c.zone[0] = (struct point){0.6f, 0};
  c.zone[1] = (struct point){1, 0};
  c.zone[2] = (struct point){1, 1};
  c.zone[3] = (struct point){0.6f, 1};
  struct world w = start(&c);
  run(&w, 10);
  arrive(&w); // in the middle, left of the zone
  run(&w, 100);
  assert_int_equal(w.opened, 0);
  assert_true(stage.rect.x > W / 2 && stage.rect.width < W / 2);
  finish(&w);
  analyser_config_default(&c);
  c.min_plate_height = 0.2f;
  w = start(&c);
  stage.plate = true, stage.x = 160, stage.y = 120, stage.w = 25;
  run(&w, 60);
  assert_int_equal(w.opened, 0);
  finish(&w);
}

static void a_sign_is_seldom_read_and_never_followed(void **state) {
  (void)state;
  struct world w = start(NULL);
  stage.plate = true, stage.x = 160, stage.y = 120, stage.w = 25;
  stage.text = "";
  run(&w, 100);
  int follows = stage.follows, reads = stage.reads;
  run(&w, 250); // ten seconds
  assert_int_equal(stage.follows, follows);
  assert_in_range(stage.reads - reads, 4, 11);
  assert_int_equal(w.opened, 0);
  finish(&w);
}

static void another_zone_is_taken_over(void **state) {
  (void)state;
  struct analyser_config c;
  struct err e;
  analyser_config_default(&c);
  c.zone_points = 4;
  c.zone[0] = (struct point){0.6f, 0};
  c.zone[1] = (struct point){1, 0};
  c.zone[2] = (struct point){1, 1};
  c.zone[3] = (struct point){0.6f, 1};
  struct world w = start(&c);
  run(&w, 25);
  arrive(&w); // left of the zone
  stage.plate = false;
  run(&w, 100);
  assert_int_equal(w.opened, 0);
  c.zone_points = 2;
  assert_false(analyser_configure(w.a, &c, &e));
  assert_int_equal(e.code, ERR_ARG);
  c.zone_points = 0;
  assert_true(analyser_configure(w.a, &c, &e));
  arrive(&w);
  assert_int_equal(w.opened, 1);
  finish(&w);
}

static void faults_are_told(void **state) {
  (void)state;
  struct world w = start(NULL);
  struct err e;
  run(&w, 5);
  w.t -= SECOND_NS;
  assert_false(frame(&w, &e));
  assert_int_equal(e.code, ERR_ARG);
  w.t += 3 * SECOND_NS;
  stage.fails = true;
  assert_false(frame(&w, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, "nonsense"));
  stage.fails = false;
  run(&w, 5); // and it goes on
  finish(&w);
  struct analyser *a = NULL;
  struct analyser_config c;
  analyser_config_default(&c);
  c.zone_points = 2;
  assert_false(analyser_new(&a, &c, NULL, NULL, &e));
  assert_int_equal(e.code, ERR_ARG);
}

static void frames_take_no_memory(void **state) {
  (void)state;
  struct world w = start(NULL);
  run(&w, 25);
  arrive(&w); // warm
  int before = stage.allocations;
  run(&w, 100);
  stage.plate = false;
  run(&w, 150);
  stage.text = "京C88888";
  arrive(&w);
  assert_int_equal(w.opened, 2);
  assert_int_equal(stage.allocations, before);
  finish(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_idle_scene_costs_a_look_in_two_seconds),
      cmocka_unit_test(an_arrival_is_looked_at_in_every_frame),
      cmocka_unit_test(a_parked_car_is_followed_cheaply),
      cmocka_unit_test(a_car_that_stands_there_at_the_start_is_found),
      cmocka_unit_test(a_lost_camera_replays_nothing),
      cmocka_unit_test(plates_outside_the_zone_or_too_small_are_nothing),
      cmocka_unit_test(a_sign_is_seldom_read_and_never_followed),
      cmocka_unit_test(another_zone_is_taken_over),
      cmocka_unit_test(faults_are_told),
      cmocka_unit_test(frames_take_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
