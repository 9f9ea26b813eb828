// SPDX-License-Identifier: Apache-2.0
// Frames take no memory once the first ones have been through: every allocation of our own code is
// counted (the linker puts these functions in the place of the C library's).
#include "vision/detector.h"
#include "vision/motion.h"
#include "vision/net.h"
#include "vision/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MODELS BAYPLATE_SOURCE_DIR "/vision/models"
#define WIDTH 1280
#define HEIGHT 720

static int taken;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__real__Znwm(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);
void *__wrap__Znwm(size_t n); // C++'s new

void *__wrap_malloc(size_t n) {
  taken++;
  return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
  taken++;
  return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
  taken++;
  return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n) {
  taken++;
  return __real_aligned_alloc(alignment, n);
}

void *__wrap__Znwm(size_t n) {
  taken++;
  return __real__Znwm(n);
}

static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];

static void fill(uint32_t seed) {
  for (size_t i = 0; i < sizeof pixels; i++) {
    seed = seed * 1664525u + 1013904223u;
    pixels[i] = (uint8_t)(96 + (seed >> 26));
  }
}

static void frames_take_no_memory(void **state) {
  (void)state;
  struct err e = {0};
  struct motion *motion = NULL;
  struct detector *detector = NULL;
  struct reader *reader = NULL;
  assert_true(net_set_threads(1, &e));
  if (!motion_new(&motion, NULL, &e) || !detector_new(&detector, MODELS, &e) ||
      !reader_new(&reader, MODELS, &e))
    fail_msg("%s", e.text);
  assert_true(taken > 10); // it counts
  const struct image_view v = {IMAGE_I420,
                               WIDTH,
                               HEIGHT,
                               {pixels, pixels + WIDTH * HEIGHT, pixels + WIDTH * HEIGHT * 5 / 4},
                               {WIDTH, WIDTH / 2, WIDTH / 2}};
  const struct image_rect zone = {200, 100, 900, 600};
  const struct image_rect *rects[] = {NULL, &zone};
  detector_set_threshold(detector, 0.01f); // something is found in noise, too
  int before = 0;
  for (int i = 0; i < 6; i++) {
    if (i == 2) // both rectangles have been seen
      before = taken;
    fill((uint32_t)i);
    struct motion_result moved;
    struct detection found[DETECTIONS_MAX];
    struct plate_read read;
    int n = 0;
    assert_true(motion_step(motion, &v, i * INT64_C(40000000), &moved, &e));
    assert_true(detector_find(detector, &v, rects[i % 2], found, &n, &e));
    // Near and far plates of one and two lines.
    const float w = 30.0f + 40.0f * (float)(i % 3);
    struct detection plate = {.quad = {{{600, 300}, {600 + w, 300}, {600 + w, 340}, {600, 340}}},
                              .score = 0.9f,
                              .double_score = 0.5f};
    assert_true(detector_refine(detector, &v, &plate, &e));
    assert_true(reader_read(reader, &v, &plate, &read, &e));
  }
  assert_int_equal(taken, before);
  motion_free(motion);
  detector_free(detector);
  reader_free(reader);
}

// The first frame of a camera's usual size finds all it needs set up at start.
static void the_first_frame_takes_no_memory(void **state) {
  (void)state;
  struct err e = {0};
  struct detector *detector = NULL;
  struct reader *reader = NULL;
  if (!detector_new(&detector, MODELS, &e) || !reader_new(&reader, MODELS, &e))
    fail_msg("%s", e.text);
  const struct image_view v = {IMAGE_I420,
                               WIDTH,
                               HEIGHT,
                               {pixels, pixels + WIDTH * HEIGHT, pixels + WIDTH * HEIGHT * 5 / 4},
                               {WIDTH, WIDTH / 2, WIDTH / 2}};
  struct detection found[DETECTIONS_MAX];
  struct detection plate = {.quad = {{{600, 300}, {700, 300}, {700, 340}, {600, 340}}}};
  struct plate_read read;
  int n = 0;
  fill(7);
  const int before = taken;
  assert_true(detector_find(detector, &v, NULL, found, &n, &e));
  assert_true(detector_refine(detector, &v, &plate, &e));
  assert_true(reader_read(reader, &v, &plate, &read, &e));
  assert_int_equal(taken, before);
  detector_free(detector);
  reader_free(reader);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_take_no_memory),
      cmocka_unit_test(the_first_frame_takes_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
