// SPDX-License-Identifier: Apache-2.0
// The project's own detector and reader on a drawn plate: the whole way from pixels to text.
// (Decoding alone is compared with Python's in tools/train.)
#include "vision/detector.h"

#include "vision/net.h"
#include "vision/reader.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODELS BAYPLATE_SOURCE_DIR "/vision/models"

static struct detector *detector;
static struct reader *reader;

static int setup(void **state) {
  (void)state;
  struct err e = {0};
  return net_set_threads(1, &e) && detector_new(&detector, MODELS, &e) &&
                 reader_new(&reader, MODELS, &e)
             ? 0
             : -1;
}

static int teardown(void **state) {
  (void)state;
  detector_free(detector);
  reader_free(reader);
  return 0;
}

static struct image_view grey(uint8_t *px, int w, int h) {
  return (struct image_view){IMAGE_GRAY8, w, h, {px, NULL, NULL}, {w, 0, 0}};
}

static void empty_pictures_hold_no_plate(void **state) {
  (void)state;
  static const int size[][2] = {{1, 1}, {1, 200}, {200, 1}, {320, 180}, {33, 65}};
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    const int w = size[i][0], h = size[i][1];
    uint8_t *px = calloc((size_t)w * (size_t)h, 1);
    assert_non_null(px);
    const struct image_view v = grey(px, w, h);
    struct detection found[DETECTIONS_MAX];
    struct err e = {0};
    int n = -1;
    assert_true(detector_find(detector, &v, NULL, found, &n, &e));
    assert_int_equal(n, 0);
    assert_true(detector_find_still(detector, &v, found, &n, &e));
    assert_int_equal(n, 0);
    free(px);
  }
}

static void impossible_frames_are_errors(void **state) {
  (void)state;
  uint8_t px[4] = {0};
  struct image_view v = grey(px, 0, 4);
  struct detection found[DETECTIONS_MAX];
  struct err e = {0};
  int n = -1;
  assert_false(detector_find(detector, &v, NULL, found, &n, &e));
  assert_non_null(strstr(e.text, "detector"));
  v = grey(px, 2, 2);
  const struct image_rect outside = {1, 1, 5, 5};
  assert_false(detector_find(detector, &v, &outside, found, &n, &e));
  struct plate_read r;
  v.plane[0] = NULL;
  assert_false(reader_read_crop(reader, &v, &r, &e));
  assert_non_null(strstr(e.text, "reader ctc"));
}

static void a_tiny_plate_is_refined_without_harm(void **state) {
  (void)state;
  static uint8_t px[64 * 48];
  const struct image_view v = grey(px, 64, 48);
  static const struct quad quads[] = {
      {{{0, 0}, {0, 0}, {0, 0}, {0, 0}}},                 // a point
      {{{10, 10}, {12, 10}, {12, 11}, {10, 11}}},         // two pixels
      {{{-500, 10}, {-400, 10}, {-400, 40}, {-500, 40}}}, // outside
      {{{-900, -900}, {900, -900}, {900, 900}, {-900, 900}}},
      {{{NAN, 0}, {5, 0}, {5, 5}, {0, 5}}},
  };
  for (size_t i = 0; i < sizeof quads / sizeof *quads; i++) {
    struct detection d = {.quad = quads[i], .score = 0.8f};
    struct err e = {0};
    assert_true(detector_refine(detector, &v, &d, &e));
    assert_true(d.score <= 0.8f);
  }
}

static void unreadable_crops_have_no_text(void **state) {
  (void)state;
  static uint8_t px[128 * 40];
  memset(px, 128, sizeof px);
  struct image_view v = grey(px, 128, 40);
  struct plate_read r;
  struct err e = {0};
  assert_true(reader_read_crop(reader, &v, &r, &e));
  assert_true(r.text[0] == '\0' || r.confidence < 0.5f);
  v = grey(px, 1, 1);
  assert_true(reader_read_crop(reader, &v, &r, &e));
  assert_true(r.text[0] == '\0' || r.confidence < 0.5f);
}

// A reader that fails, and one whose table is not whole.
static bool broken(void *self, const struct image_view *frame, const struct detection *plate,
                   struct plate_read *out, struct err *e) {
  (void)frame, (void)plate, (void)out;
  ++*(int *)self;
  return err_set(e, ERR_STATE, "lens cap on");
}

static void freed(void *self) {
  *(int *)self += 100;
}

static void other_readers_fit_the_table(void **state) {
  (void)state;
  static const struct reader_ops ops = {"broken", broken, freed}, half = {"half", broken, NULL};
  int count = 0;
  uint8_t px[4] = {0};
  const struct image_view v = grey(px, 2, 2);
  const struct detection d = {.score = 0.7f};
  struct reader *r = NULL;
  struct plate_read out;
  struct err e = {0};
  assert_false(reader_from_ops(&r, &half, &count, &e));
  assert_true(reader_from_ops(&r, &ops, &count, &e));
  assert_string_equal(reader_name(r), "broken");
  assert_false(reader_read(r, &v, &d, &out, &e));
  assert_string_equal(e.text, "lens cap on");
  assert_float_equal(out.detection, 0.7f, 1e-6);
  reader_free(r);
  assert_int_equal(count, 101);
  reader_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(empty_pictures_hold_no_plate),
      cmocka_unit_test(impossible_frames_are_errors),
      cmocka_unit_test(a_tiny_plate_is_refined_without_harm),
      cmocka_unit_test(unreadable_crops_have_no_text),
      cmocka_unit_test(other_readers_fit_the_table),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
