// SPDX-License-Identifier: Apache-2.0
// The project's own second look on a plate painted here, and on what is none.
#include "vision/second_look.h"

#include "vision/model.h"
#include "vision/net.h"
#include "vision/ocv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODELS BAYPLATE_SOURCE_DIR "/vision/models"
#define W 400
#define H 240

static struct second_look *look;
static uint8_t px[3 * W * H];
static const struct image_view frame = {IMAGE_BGR24, W, H, {px, NULL, NULL}, {3 * W, 0, 0}};

static int setup(void **state) {
  (void)state;
  struct err e = {0};
  return net_set_threads(1, &e) && second_look_new(&look, MODELS, &e) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  second_look_free(look);
  return 0;
}

static void box(int x0, int y0, int x1, int y1, uint8_t b, uint8_t g, uint8_t r) {
  for (int y = y0; y < y1; y++) {
    for (int x = x0; x < x1; x++) {
      uint8_t *p = px + 3 * (y * W + x);
      p[0] = b, p[1] = g, p[2] = r;
    }
  }
}

// A blue plate of 220x70 at (90, 85) on a grey car: seven white letters as blocks with a hole.
static void paint(void) {
  box(0, 0, W, H, 96, 98, 100);
  box(0, 0, W, 60, 60, 60, 62);
  box(90, 85, 310, 155, 168, 52, 12);
  for (int i = 0; i < 7; i++) {
    const int x = 90 + 8 + i * 29 + (i > 1 ? 6 : 0);
    box(x, 98, x + 21, 143, 245, 245, 245);
    box(x + 6, 105, x + 15, 117, 168, 52, 12);
    box(x + 6, 123, x + 15, 136, 168, 52, 12);
  }
}

static const struct quad truth = {
    {{89.5f, 84.5f}, {309.5f, 84.5f}, {309.5f, 154.5f}, {89.5f, 154.5f}}};

static float farthest(const struct quad *q) {
  float far = 0.0f;
  for (int i = 0; i < 4; i++)
    far =
        fmaxf(far, hypotf(q->corner[i].x - truth.corner[i].x, q->corner[i].y - truth.corner[i].y));
  return far;
}

static void corners_that_are_off_come_home(void **state) {
  (void)state;
  paint();
  static const struct quad off[] = {
      {{{80, 78}, {318, 90}, {316, 164}, {82, 150}}},
      {{{104, 92}, {300, 88}, {298, 146}, {100, 150}}},
      {{{112, 80}, {334, 84}, {330, 158}, {110, 152}}},
      {{{70, 96}, {292, 98}, {290, 176}, {72, 170}}},
  };
  for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
    struct detection d = {.quad = off[i], .score = 0.5f, .double_score = 0.9f};
    struct err e = {0};
    assert_true(second_look_at(look, &frame, &d, &e));
    if (!(farthest(&d.quad) < 9.0f) || !(farthest(&d.quad) < farthest(&off[i])))
      fail_msg("quad %zu: still off by %.1f px, before by %.1f", i, (double)farthest(&d.quad),
               (double)farthest(&off[i]));
    assert_true(d.score > 0.5f);
    assert_true(d.double_score < 0.5f);
  }
}

static void a_wall_is_no_plate(void **state) {
  (void)state;
  box(0, 0, W, H, 96, 98, 100);
  for (int y = 0; y < H; y += 24)
    box(0, y, W, y + 3, 150, 150, 150);
  struct detection d = {.quad = truth, .score = 0.5f};
  struct err e = {0};
  assert_true(second_look_at(look, &frame, &d, &e));
  assert_true(d.score < 0.35f);
}

static void a_network_of_another_shape_is_refused(void **state) {
  (void)state;
  char dir[] = "/tmp/bayplate-near-XXXXXX", path[64];
  assert_non_null(mkdtemp(dir));
  struct second_look *s = NULL;
  struct err e = {0};
  assert_false(second_look_new(&s, dir, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_non_null(strstr(e.text, "near.onnx"));
  uint8_t *data = NULL;
  size_t bytes = 0;
  assert_true(model_read_file(MODELS, "detector.onnx", NET_BYTES_MAX, &data, &bytes, &e));
  assert_true(snprintf(path, sizeof path, "%s/near.onnx", dir) < (int)sizeof path);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, bytes, f), bytes);
  assert_int_equal(fclose(f), 0);
  free(data);
  assert_false(second_look_new(&s, dir, &e));
  assert_non_null(strstr(e.text, "near.onnx"));
  assert_null(s);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(dir), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(corners_that_are_off_come_home),
      cmocka_unit_test(a_wall_is_no_plate),
      cmocka_unit_test(a_network_of_another_shape_is_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
