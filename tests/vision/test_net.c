// SPDX-License-Identifier: Apache-2.0
// Both engines on the project's networks: the same outputs, at every size and in any order of
// sizes.
#include "vision/net.h"

#include "vision/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODELS BAYPLATE_SOURCE_DIR "/vision/models"
#define SEEDS BAYPLATE_SOURCE_DIR "/tests/fuzz/seeds/fuzz_onnx"
#define FLOATS (11 * 80 * 80) // of the largest output here

static float got[NET_OUTPUTS_MAX][FLOATS], want[NET_OUTPUTS_MAX][FLOATS];
static uint8_t pixels[640 * 640 * 3];
static uint32_t seed = 1;

static struct net *load(const char *dir, const char *file, int outputs, const char *a,
                        const char *b, enum net_engine engine) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  struct net *n = NULL;
  struct err e = {0};
  const struct net_config c = {NET_VERSION, file, "image", outputs, {a, b}, engine};
  if (!model_read_file(dir, file, NET_BYTES_MAX, &data, &bytes, &e) ||
      !net_new(&n, data, bytes, &c, &e))
    fail_msg("%s", e.text);
  free(data);
  return n;
}

// Smooth waves and noise: what pictures have.
static struct net_picture picture(int width, int height) {
  for (int y = 0; y < height; y++) {
    for (int x = 0; x < width * 3; x++) {
      seed = seed * 1664525u + 1013904223u;
      pixels[y * width * 3 + x] = (uint8_t)(((x / 3 * y / 64) & 127) + (int)(seed >> 25));
    }
  }
  return (struct net_picture){pixels, width, height, 3 * width};
}

static void run(struct net *n, const struct net_picture *p, float out[][FLOATS],
                struct net_tensor *t, int outputs) {
  struct err e = {0};
  for (int i = 0; i < outputs; i++)
    t[i] = (struct net_tensor){.version = NET_VERSION, .data = out[i], .capacity = FLOATS};
  if (!net_forward(n, p, t, outputs, &e))
    fail_msg("%s at %dx%d: %s", net_engine(n), p->width, p->height, e.text);
}

static void same(struct net *x, struct net *o, int width, int height, int outputs) {
  const struct net_picture p = picture(width, height);
  struct net_tensor a[NET_OUTPUTS_MAX], b[NET_OUTPUTS_MAX];
  run(x, &p, got, a, outputs);
  run(o, &p, want, b, outputs);
  for (int i = 0; i < outputs; i++) {
    size_t n = 1;
    float most = 0.0f;
    assert_int_equal(a[i].dims, b[i].dims);
    for (int d = 0; d < a[i].dims; d++) {
      assert_int_equal(a[i].shape[d], b[i].shape[d]);
      n *= (size_t)a[i].shape[d];
    }
    for (size_t k = 0; k < n; k++) {
      most = fmaxf(most, fabsf(want[i][k]));
      if (!(fabsf(got[i][k] - want[i][k]) < 1e-3f))
        fail_msg("%dx%d: output %d differs at %zu: %g, not %g", width, height, i, k,
                 (double)got[i][k], (double)want[i][k]);
    }
    assert_true(most > 0.1f); // compared something
  }
}

static void engines_agree_on_the_detector(void **state) {
  (void)state;
  struct net *x = load(MODELS, "detector.onnx", 1, "maps", NULL, NET_XNNPACK);
  struct net *o = load(MODELS, "detector.onnx", 1, "maps", NULL, NET_OPENCV);
  assert_string_equal(net_engine(x), "xnnpack");
  assert_string_equal(net_engine(o), "opencv");
  // More sizes than stay set up, larger ones after smaller ones, and all of them again.
  static const int size[][2] = {{192, 128}, {640, 384}, {192, 128}, {320, 192}, {64, 64},
                                {640, 640}, {32, 32},   {192, 128}, {640, 384}, {96, 416}};
  for (size_t i = 0; i < 2 * sizeof size / sizeof *size; i++) {
    const int *s = size[i % (sizeof size / sizeof *size)];
    same(x, o, s[0], s[1], 1);
  }
  net_free(x);
  net_free(o);
}

static void engines_agree_on_the_second_look(void **state) {
  (void)state;
  struct net *x = load(MODELS, "near.onnx", 1, "plate", NULL, NET_XNNPACK);
  struct net *o = load(MODELS, "near.onnx", 1, "plate", NULL, NET_OPENCV);
  for (int i = 0; i < 4; i++)
    same(x, o, 128, 80, 1);
  net_free(x);
  net_free(o);
}

static void engines_agree_on_the_reader(void **state) {
  (void)state;
  struct net *x = load(MODELS, "reader.onnx", 2, "text", "type", NET_XNNPACK);
  struct net *o = load(MODELS, "reader.onnx", 2, "text", "type", NET_OPENCV);
  for (int i = 0; i < 4; i++)
    same(x, o, 128, 32, 2);
  net_free(x);
  net_free(o);
}

static void several_threads_give_the_same(void **state) {
  (void)state;
  struct err e = {0};
  struct net *one = load(MODELS, "detector.onnx", 1, "maps", NULL, NET_XNNPACK);
  assert_true(net_set_threads(3, &e));
  struct net *three = load(MODELS, "detector.onnx", 1, "maps", NULL, NET_XNNPACK);
  assert_true(net_set_threads(1, &e));
  same(three, one, 320, 192, 1);
  same(three, one, 192, 128, 1);
  net_free(one);
  net_free(three);
  assert_false(net_set_threads(0, &e));
  assert_false(net_set_threads(65, &e));
}

static void the_fastest_is_taken_and_can_be_forbidden(void **state) {
  (void)state;
  struct net *n = load(MODELS, "detector.onnx", 1, "maps", NULL, NET_BEST);
  assert_string_equal(net_engine(n), "xnnpack");
  assert_true(net_multiply_adds(n, 640, 384) > 1e8);
  net_free(n);
  net_prefer(NET_OPENCV);
  n = load(MODELS, "detector.onnx", 1, "maps", NULL, NET_BEST);
  net_prefer(NET_BEST);
  assert_string_equal(net_engine(n), "opencv");
  net_free(n);
}

// Two channels: B + G + R + 0.5, and 0 (all below 0); their mean over 2 x 2 is added again.
static void a_small_network_gives_what_paper_gives(void **state) {
  (void)state;
  struct net *n = load(SEEDS, "small.onnx", 2, "mean", "last", NET_XNNPACK);
  uint8_t px[2 * 16] = {0}; // rows have a gap
  static const uint8_t level[4] = {0, 51, 102, 255};
  for (int i = 0; i < 4; i++)
    memset(px + i / 2 * 16 + i % 2 * 3, level[i], 3);
  const struct net_picture p = {px, 2, 2, 16};
  struct net_tensor t[2];
  run(n, &p, got, t, 2);
  assert_int_equal(t[1].dims, 4);
  assert_int_equal(t[1].shape[3], 2);
  float sum = 0.0f;
  for (int i = 0; i < 4; i++)
    sum += 3.0f * (float)level[i] / 255.0f + 0.5f;
  for (int i = 0; i < 4; i++) {
    assert_true(fabsf(got[1][2 * i] - (3.0f * (float)level[i] / 255.0f + 0.5f + sum / 4)) < 1e-5f);
    assert_true(fabsf(got[1][2 * i + 1]) < 1e-5f);
  }
  assert_true(fabsf(got[0][0] - sum / 2) < 1e-5f);
  net_free(n);
}

static void what_cannot_be_run_is_refused(void **state) {
  (void)state;
  struct err e = {0};
  struct net *n = NULL;
  struct net_config c = {NET_VERSION, "junk.onnx", "image", 1, {"maps"}, NET_BEST};
  static const uint8_t junk[64] = "nothing that is a network";
  assert_false(net_new(&n, junk, sizeof junk, &c, &e));
  assert_null(n);
  assert_non_null(strstr(e.text, "junk.onnx"));
  assert_false(net_new(&n, junk, 0, &c, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  c.version++;
  assert_false(net_new(&n, junk, sizeof junk, &c, &e));

  n = load(MODELS, "reader.onnx", 2, "text", "type", NET_BEST);
  float small[8];
  struct net_tensor t[2] = {{NET_VERSION, 0, {0}, small, 8}, {NET_VERSION, 0, {0}, small, 8}};
  struct net_picture p = picture(128, 32);
  assert_false(net_forward(n, &p, t, 2, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_false(net_forward(n, &p, t, 1, &e));
  t[0].version++;
  assert_false(net_forward(n, &p, t, 2, &e));
  t[0] = (struct net_tensor){NET_VERSION, 0, {0}, got[0], FLOATS};
  p = picture(96, 32); // another number of columns than the text has
  assert_false(net_forward(n, &p, t, 2, &e));
  assert_non_null(strstr(e.text, "reader.onnx"));
  p.stride = 3 * 96 - 1;
  assert_false(net_forward(n, &p, t, 2, &e));
  p = picture(128, 32);
  assert_true(net_forward(n, &p, t, 2, &e)); // and goes on
  net_free(n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(engines_agree_on_the_detector),
      cmocka_unit_test(engines_agree_on_the_second_look),
      cmocka_unit_test(engines_agree_on_the_reader),
      cmocka_unit_test(several_threads_give_the_same),
      cmocka_unit_test(the_fastest_is_taken_and_can_be_forbidden),
      cmocka_unit_test(a_small_network_gives_what_paper_gives),
      cmocka_unit_test(what_cannot_be_run_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
