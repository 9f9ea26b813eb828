// SPDX-License-Identifier: Apache-2.0
#include "vision/ocv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ocv_work *work;

static int setup(void **state) {
  (void)state;
  struct err e = {0};
  return ocv_work_new(&work, &e) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  ocv_work_free(work);
  return 0;
}

static void i420_of_any_parity_becomes_bgr(void **state) {
  (void)state;
  // Limited range: Y 81, U 90, V 240 is pure red (BT.601).
  uint8_t y[7 * 5], u[4 * 3], v[4 * 3], out[7 * 5 * 3];
  memset(y, 81, sizeof y);
  memset(u, 90, sizeof u);
  memset(v, 240, sizeof v);
  const struct image_view i420 = {IMAGE_I420, 7, 5, {y, u, v}, {7, 4, 4}};
  struct err e = {0};
  assert_true(ocv_to_bgr(work, &i420, NULL, out, 21, sizeof out, &e));
  for (int i = 0; i < 7 * 5; i++) {
    assert_in_range(out[3 * i], 0, 4);
    assert_in_range(out[3 * i + 1], 0, 4);
    assert_in_range(out[3 * i + 2], 250, 255);
  }
  const struct image_rect r = {3, 1, 3, 3};
  assert_true(ocv_to_bgr(work, &i420, &r, out, 9, 27, &e));
  assert_in_range(out[2], 250, 255);
}

static void letterbox_scales_and_pads(void **state) {
  (void)state;
  uint8_t bgr[4 * 2 * 3];
  for (int i = 0; i < 8; i++)
    memcpy(bgr + 3 * i, (const uint8_t[3]){255, 51, 0}, 3);
  const struct image_view v = {IMAGE_BGR24, 4, 2, {bgr, NULL, NULL}, {12, 0, 0}};
  const struct ocv_box box = {OCV_VERSION, 2, 1, 3, 2, 102};
  uint8_t out[18];
  struct err e = {0};
  assert_true(ocv_letterbox(work, &v, NULL, &box, out, 18, &e));
  for (int i = 0; i < 6; i++)
    assert_memory_equal(
        out + 3 * i, i < 2 ? ((const uint8_t[3]){255, 51, 0}) : ((const uint8_t[3]){102, 102, 102}),
        3);
  assert_false(ocv_letterbox(work, &v, NULL, &box, out, 17, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  struct ocv_box other = box;
  other.version = OCV_VERSION + 1;
  assert_false(ocv_letterbox(work, &v, NULL, &other, out, 18, &e));
}

// Frames of cameras take a way of their own, which must show what the other shows.
static void i420_is_scaled_as_bgr_is(void **state) {
  (void)state;
  enum { W = 151, H = 93, CW = (W + 1) / 2, CH = (H + 1) / 2 };
  static uint8_t y[W * H], u[CW * CH], v[CW * CH], bgr[3 * W * H];
  for (int i = 0; i < W * H; i++)
    y[i] = (uint8_t)(60 + i % W / 2 + i / W);
  for (int i = 0; i < CW * CH; i++) {
    u[i] = (uint8_t)(90 + i % CW);
    v[i] = (uint8_t)(170 - i / CW);
  }
  const struct image_view i420 = {IMAGE_I420, W, H, {y, u, v}, {W, CW, CW}};
  struct err e = {0};
  assert_true(ocv_to_bgr(work, &i420, NULL, bgr, 3 * W, sizeof bgr, &e));
  const struct image_view plain = {IMAGE_BGR24, W, H, {bgr, NULL, NULL}, {3 * W, 0, 0}};
  static const struct image_rect rects[] = {
      {0, 0, W, H}, {0, 0, 128, 64}, {23, 11, 101, 67}, {W - 5, H - 3, 5, 3}};
  static const int size[][2] = {{64, 32}, {100, 60}, {20, 10}, {5, 3}};
  for (size_t i = 0; i < sizeof rects / sizeof *rects; i++) {
    for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
      const struct ocv_box box = {OCV_VERSION, size[k][0], size[k][1], 112, 64, 9};
      static uint8_t a[3 * 112 * 64], b[3 * 112 * 64];
      if (box.in_width > rects[i].width || box.in_height > rects[i].height)
        continue; // not made smaller
      // Halving leaves out odd sides: up to half of a result's pixel. Blue rises by 1.6 a pixel.
      const int factor = rects[i].width / box.in_width;
      const int most = factor >= 4 ? 5 + factor * 8 / 10 : 5;
      assert_true(ocv_letterbox(work, &i420, &rects[i], &box, a, sizeof a, &e));
      assert_true(ocv_letterbox(work, &plain, &rects[i], &box, b, sizeof b, &e));
      for (size_t n = 0; n < sizeof a; n++) {
        if (abs(a[n] - b[n]) > most)
          fail_msg("rectangle %zu, %dx%d: byte %zu is %d, not %d", i, box.in_width, box.in_height,
                   n, a[n], b[n]);
      }
    }
  }
}

static void a_quad_is_rectified(void **state) {
  (void)state;
  // A grey frame with a bright left half of a turned plate.
  enum { W = 60, H = 60 };
  static uint8_t px[W * H];
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      px[y * W + x] = y < 30 ? 200 : 40; // the plate stands upright: its left is the frame's top
  const struct image_view v = {IMAGE_GRAY8, W, H, {px, NULL, NULL}, {W, 0, 0}};
  const struct quad q = {{{40, 10}, {40, 49}, {20, 49}, {20, 10}}};
  uint8_t out[8 * 4 * 3];
  struct err e = {0};
  assert_true(ocv_warp(work, &v, &q, 8, 4, out, 24, sizeof out, &e));
  assert_in_range(out[0], 190, 210);
  assert_in_range(out[3 * 7], 30, 50);
  assert_in_range(out[24 * 3], 190, 210);
  struct quad far = q;
  far.corner[2].x = 1e9f;
  assert_false(ocv_warp(work, &v, &far, 8, 4, out, 24, sizeof out, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(ocv_warp(work, &v, &q, 8, 5, out, 24, sizeof out, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  // Wholly outside the frame: the edge is repeated, no crash.
  const struct quad outside = {{{500, 500}, {540, 500}, {540, 510}, {500, 510}}};
  assert_true(ocv_warp(work, &v, &outside, 8, 4, out, 24, sizeof out, &e));
}

static void luma_of_every_format(void **state) {
  (void)state;
  static uint8_t grey[64 * 48], bgr[64 * 48 * 3];
  memset(grey, 77, sizeof grey);
  memset(bgr, 77, sizeof bgr);
  const struct image_view g = {IMAGE_GRAY8, 64, 48, {grey, NULL, NULL}, {64, 0, 0}};
  const struct image_view b = {IMAGE_BGR24, 64, 48, {bgr, NULL, NULL}, {192, 0, 0}};
  uint8_t out[16 * 9];
  struct err e = {0};
  assert_true(ocv_luma(work, &g, 16, 9, out, sizeof out, &e));
  assert_int_equal(out[70], 77);
  assert_true(ocv_luma(work, &b, 16, 9, out, sizeof out, &e));
  assert_int_equal(out[143], 77);
}

static void impossible_pictures_are_refused(void **state) {
  (void)state;
  uint8_t px[4] = {0}, out[64];
  struct err e = {0};
  struct image_view v = {IMAGE_GRAY8, 0, 2, {px, NULL, NULL}, {2, 0, 0}};
  assert_false(image_check(&v, &e));
  v = (struct image_view){IMAGE_GRAY8, IMAGE_SIDE_MAX + 1, 2, {px, NULL, NULL}, {40000, 0, 0}};
  assert_false(image_check(&v, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  v = (struct image_view){(enum image_format)77, 2, 2, {px, NULL, NULL}, {2, 0, 0}};
  assert_false(image_check(&v, &e));
  v = (struct image_view){IMAGE_BGR24, 2, 2, {px, NULL, NULL}, {2, 0, 0}};
  assert_false(image_check(&v, &e)); // stride below 3 * width
  v = (struct image_view){IMAGE_I420, 2, 2, {px, NULL, px}, {2, 1, 1}};
  assert_false(image_check(&v, &e));
  assert_false(image_check(NULL, &e));
  v = (struct image_view){IMAGE_GRAY8, 2, 2, {px, NULL, NULL}, {2, 0, 0}};
  const struct image_rect r = {1, 1, 2, 1};
  assert_false(ocv_to_bgr(work, &v, &r, out, 6, sizeof out, &e));
  assert_int_equal(e.code, ERR_ARG);
}

static void a_damaged_network_is_an_error(void **state) {
  (void)state;
  static const char junk[] = "this is no network at all, not even nearly";
  struct ocv_net *net = NULL;
  struct err e = {0};
  struct ocv_net_config c = {.version = OCV_VERSION,
                             .name = "junk.onnx",
                             .input = "image",
                             .outputs = 1,
                             .output = {"maps"}};
  assert_false(ocv_net_new(&net, junk, sizeof junk, &c, &e));
  assert_null(net);
  assert_non_null(strstr(e.text, "junk.onnx"));
  assert_false(ocv_net_new(&net, junk, 0, &c, &e));
  c.version = 99;
  assert_false(ocv_net_new(&net, junk, sizeof junk, &c, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(ocv_set_threads(0, &e));
}

static void overlap_of_quads(void **state) {
  (void)state;
  const struct quad a = {{{0, 0}, {10, 0}, {10, 10}, {0, 10}}};
  const struct quad b = {{{5, 0}, {15, 0}, {15, 10}, {5, 10}}};
  const struct quad c = {{{50, 50}, {60, 50}, {60, 60}, {50, 60}}};
  const struct quad bow = {{{0, 0}, {10, 10}, {10, 0}, {0, 10}}};
  assert_float_equal(ocv_quad_overlap(&a, &b), 50.0f, 0.01);
  assert_float_equal(ocv_quad_overlap(&a, &c), 0.0f, 0.01);
  assert_float_equal(ocv_quad_overlap(&a, &bow), 0.0f, 0.01);
  assert_float_equal(ocv_quad_shared(&a, &a), 1.0f, 1e-4);
  assert_float_equal(ocv_quad_shared(&a, &c), 0.0f, 1e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(i420_of_any_parity_becomes_bgr),
      cmocka_unit_test(letterbox_scales_and_pads),
      cmocka_unit_test(i420_is_scaled_as_bgr_is),
      cmocka_unit_test(a_quad_is_rectified),
      cmocka_unit_test(luma_of_every_format),
      cmocka_unit_test(impossible_pictures_are_refused),
      cmocka_unit_test(a_damaged_network_is_an_error),
      cmocka_unit_test(overlap_of_quads),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
