// SPDX-License-Identifier: Apache-2.0
// What ONNX files become, and how files that are not as ours are refused.
#include "vision/net_graph.h"

#include "vision/model.h"
#include "vision/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char seeds[] = BAYPLATE_SOURCE_DIR "/tests/fuzz/seeds/fuzz_onnx";
static const struct net_config config = {.version = NET_VERSION,
                                         .name = "small.onnx",
                                         .input = "image",
                                         .outputs = 2,
                                         .output = {"mean", "last"}};
static uint8_t *file;
static size_t size;

static int setup(void **state) {
  (void)state;
  struct err e = {0};
  return model_read_file(seeds, "small.onnx", NET_BYTES_MAX, &file, &size, &e) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  free(file);
  return 0;
}

// The file with the first `from` (n bytes) made `to` must be refused with words that say so.
static void refused(const void *from, const void *to, size_t n, const char *says) {
  uint8_t *changed = malloc(size);
  assert_non_null(changed);
  memcpy(changed, file, size);
  uint8_t *at = NULL;
  for (size_t i = 0; i + n <= size && !at; i++)
    at = memcmp(changed + i, from, n) == 0 ? changed + i : NULL;
  if (!at) {
    free(changed);
    fail_msg("the file does not hold what is to be changed");
    return;
  }
  memcpy(at, to, n);
  struct net_graph *g = NULL;
  struct err e = {0};
  const bool made = net_graph_new(&g, changed, size, &config, &e);
  net_graph_free(g);
  free(changed);
  assert_false(made);
  if (strncmp(e.text, "small.onnx: ", 12) != 0 || !strstr(e.text, says))
    fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void refused_text(const char *from, const char *to, const char *says) {
  assert_int_equal(strlen(from), strlen(to));
  refused(from, to, strlen(from), says);
}

static void a_network_becomes_a_few_operators(void **state) {
  (void)state;
  struct net_graph *g = NULL;
  struct err e = {0};
  if (!net_graph_new(&g, file, size, &config, &e))
    fail_msg("%s", e.text);
  static const enum net_op_kind kinds[] = {NET_CONV, NET_CONV, NET_ADD_UP2, NET_MEAN};
  assert_int_equal(g->ops, 4);
  for (int i = 0; i < 4; i++)
    assert_int_equal(g->op[i].kind, kinds[i]);
  assert_true(g->op[0].relu);
  assert_false(g->op[1].relu);
  assert_int_equal(g->op[2].a, g->op[0].out); // whole size
  assert_int_equal(g->op[2].b, g->op[1].out); // half
  // Weights turned to out, height, width, in; a bias left out is 0.
  static const float kernel[16] = {.25f, 0,    .25f, 0,    .25f, 0,    .25f, 0,
                                   0,    .25f, 0,    .25f, 0,    .25f, 0,    .25f};
  assert_memory_equal(g->op[1].conv.kernel, kernel, sizeof kernel);
  assert_true(g->op[0].conv.bias[0] > 0.4f && g->op[1].conv.bias[1] < 0.1f);

  static struct net_shape shape[NET_VALUES_MAX];
  struct net_layout l;
  assert_true(net_graph_shapes(g, 6, 4, shape, &e));
  assert_int_equal(shape[g->op[1].out].height, 2);
  assert_int_equal(shape[g->op[1].out].width, 3);
  assert_true(net_graph_multiply_adds(g, shape) > 239.0 &&
              net_graph_multiply_adds(g, shape) < 241.0); // 24 * 6 + 6 * 16
  assert_true(net_graph_layout(g, 0, shape, &l, &e));
  assert_int_equal(l.dims, 2);
  assert_int_equal(l.shape[1], 2);
  assert_true(net_graph_layout(g, 1, shape, &l, &e));
  assert_int_equal(l.dims, 4);
  assert_int_equal(l.shape[1], 4);
  assert_int_equal(l.shape[2], 6);
  assert_int_equal(l.shape[3], 2);
  assert_int_equal(l.stride[3], 1); // as it lies in memory
  // Odd sides do not fit what is doubled.
  assert_false(net_graph_shapes(g, 5, 4, shape, &e));
  assert_non_null(strstr(e.text, "5x4"));
  assert_false(net_graph_shapes(g, 0, 4, shape, &e));
  assert_false(net_graph_shapes(g, NET_SIDE_MAX + 2, 4, shape, &e));
  net_graph_free(g);
}

static void what_is_not_known_is_refused_by_name(void **state) {
  (void)state;
  refused_text("Relu", "Tanh", "Tanh that makes \"r0\": this operator is not known here");
  refused_text("nearest", "cubical", "Resize that makes \"u\"");
  refused_text("asymmetric", "half_pixel", "Resize");
  refused_text("ReduceMean", "ReduceProd", "ReduceProd");
}

static void impossible_numbers_are_refused(void **state) {
  (void)state;
  // strides 2, 2 (field 8, varint) to 0, 2; to 99, 2.
  refused("strides\x40\x02", "strides\x40\x00", 9, "strides");
  refused("strides\x40\x02", "strides\x40\x63", 9, "strides");
  refused("group\x18\x01", "group\x18\x02", 7, "groups");
  refused("perm\x40\x00\x40\x02", "perm\x40\x02\x40\x02", 8, "permutation");
  refused("axes\x40\x02", "axes\x40\x01", 6, "mean");
  // dims of w: 2 x 3 x 1 x 1 to 2 x 3 x 1 x 2: bytes are missing.
  refused("\x08\x02\x08\x03\x08\x01\x08\x01", "\x08\x02\x08\x03\x08\x01\x08\x02", 8,
          "\"w\" has 24 bytes instead of 48");
  // 3 x 2: fits its bytes, not the picture's three channels.
  refused("\x08\x02\x08\x03\x08\x01\x08\x01", "\x08\x03\x08\x02\x08\x01\x08\x01", 8,
          "impossible shape");
}

static void input_and_outputs_must_be_there(void **state) {
  (void)state;
  struct net_config c = config;
  c.output[1] = "lost";
  struct net_graph *g = NULL;
  struct err e = {0};
  assert_false(net_graph_new(&g, file, size, &c, &e));
  assert_non_null(strstr(e.text, "has no output named \"lost\""));
  c = config;
  c.input = "photo";
  assert_false(net_graph_new(&g, file, size, &c, &e));
  assert_non_null(strstr(e.text, "its input is \"image\" instead of \"photo\""));
}

// A value from before its ReLU is gone: who asks for it is told, not given something else.
static void the_value_before_a_relu_is_gone(void **state) {
  (void)state;
  struct net_config c = config;
  c.output[1] = "c0";
  struct net_graph *g = NULL;
  struct err e = {0};
  assert_false(net_graph_new(&g, file, size, &c, &e));
  assert_non_null(strstr(e.text, "c0"));
}

static void cut_files_are_refused(void **state) {
  (void)state;
  for (size_t n = 0; n + 4 < size; n++) {
    uint8_t *part = malloc(n + 1); // its own block, so that the sanitizer sees reads beyond it
    assert_non_null(part);
    memcpy(part, file, n);
    struct net_graph *g = NULL;
    struct err e = {0};
    const bool made = net_graph_new(&g, part, n, &config, &e);
    // Cut between the last fields of the file, it is whole but for its version.
    if (made)
      assert_true(n + 10 > size);
    else
      assert_non_null(strstr(e.text, "small.onnx"));
    net_graph_free(g);
    free(part);
  }
}

static void the_networks_of_the_project_are_known(void **state) {
  (void)state;
  static const struct {
    const char *file;
    struct net_config c;
    int width, height;
  } net[] = {{"detector.onnx", {NET_VERSION, "d", "image", 1, {"maps"}, NET_BEST}, 640, 384},
             {"near.onnx", {NET_VERSION, "n", "image", 1, {"plate"}, NET_BEST}, 128, 80},
             {"reader.onnx", {NET_VERSION, "r", "image", 2, {"text", "type"}, NET_BEST}, 128, 32}};
  for (size_t i = 0; i < sizeof net / sizeof *net; i++) {
    uint8_t *d = NULL;
    size_t n = 0;
    struct err e = {0};
    struct net_graph *g = NULL;
    static struct net_shape shape[NET_VALUES_MAX];
    assert_true(model_read_file(BAYPLATE_SOURCE_DIR "/vision/models", net[i].file, NET_BYTES_MAX,
                                &d, &n, &e));
    if (!net_graph_new(&g, d, n, &net[i].c, &e) ||
        !net_graph_shapes(g, net[i].width, net[i].height, shape, &e))
      fail_msg("%s: %s", net[i].file, e.text);
    for (int k = 0; k < g->outputs; k++) {
      struct net_layout l;
      assert_true(net_graph_layout(g, k, shape, &l, &e));
    }
    net_graph_free(g);
    free(d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_network_becomes_a_few_operators),
      cmocka_unit_test(what_is_not_known_is_refused_by_name),
      cmocka_unit_test(impossible_numbers_are_refused),
      cmocka_unit_test(input_and_outputs_must_be_there),
      cmocka_unit_test(the_value_before_a_relu_is_gone),
      cmocka_unit_test(cut_files_are_refused),
      cmocka_unit_test(the_networks_of_the_project_are_known),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
