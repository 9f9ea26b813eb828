// SPDX-License-Identifier: Apache-2.0
#include "vision/model.h"

#include "vision/detector.h"
#include "vision/ocv.h"
#include "vision/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODELS BAYPLATE_SOURCE_DIR "/vision/models"

static char dir[] = "/tmp/bayplate-model-XXXXXX";

static int setup(void **state) {
  (void)state;
  return mkdtemp(dir) ? 0 : -1;
}

static void path_of(const char *name, char *out, size_t room) {
  assert_true(snprintf(out, room, "%s/%s", dir, name) < (int)room);
}

static void put(const char *name, const void *data, size_t bytes) {
  char path[256];
  path_of(name, path, sizeof path);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, bytes, f), bytes);
  assert_int_equal(fclose(f), 0);
}

static void gone(const char *name) {
  char path[256];
  path_of(name, path, sizeof path);
  (void)unlink(path); // may not be there
}

static int teardown(void **state) {
  (void)state;
  gone("reader.json");
  gone("detector.json");
  gone("reader.onnx");
  gone("detector.onnx");
  return rmdir(dir);
}

// Puts a copy of the real file, with the first `from` in it replaced by `to` (same place, any
// length).
static void put_changed(const char *name, const char *from, const char *to) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  struct err e = {0};
  assert_true(model_read_file(MODELS, name, MODEL_JSON_BYTES_MAX, &data, &bytes, &e));
  char *text = malloc(bytes + 1), *out = malloc(bytes + strlen(to) + 1);
  assert_non_null(text);
  assert_non_null(out);
  memcpy(text, data, bytes);
  text[bytes] = '\0';
  const char *at = strstr(text, from);
  assert_non_null(at);
  const size_t before = (size_t)(at - text), after = bytes - before - strlen(from);
  memcpy(out, text, before);
  memcpy(out + before, to, strlen(to));
  memcpy(out + before + strlen(to), at + strlen(from), after);
  put(name, out, before + strlen(to) + after);
  free(out);
  free(text);
  free(data);
}

static void the_models_of_the_project_load(void **state) {
  (void)state;
  struct err e = {0};
  struct reader_model r;
  struct detector_model d;
  assert_true(model_load_reader(&r, MODELS, &e));
  assert_true(model_load_detector(&d, MODELS, &e));
  assert_int_equal(r.symbols, GRAMMAR_SYMBOLS - 1); // a seen 0 is the letter O, too
  for (int i = 0; i < r.symbols; i++)
    assert_true(r.symbol[i] >= 0);
  assert_true(d.stride > 0 && d.widths > 0);
}

static void refused(const char *file, const char *says) {
  struct err e = {0};
  struct reader_model r;
  struct detector_model d;
  const bool reader = file[0] == 'r';
  assert_false(reader ? model_load_reader(&r, dir, &e) : model_load_detector(&d, dir, &e));
  if (!strstr(e.text, file) || !strstr(e.text, says))
    fail_msg("\"%s\" does not name %s and \"%s\"", e.text, file, says);
}

static void missing_and_damaged_json_is_named(void **state) {
  (void)state;
  refused("reader.json", "No such file");
  refused("detector.json", "No such file");
  put("reader.json", "", 0);
  refused("reader.json", "is empty");
  put("reader.json", "{\"format\":1,", 12);
  refused("reader.json", "line 1");
  put("reader.json", "[1]", 3);
  refused("reader.json", "no JSON object");
  put("detector.json", "{}", 2);
  refused("detector.json", "\"format\"");
}

static void another_format_is_refused_by_number(void **state) {
  (void)state;
  put_changed("reader.json", "\"format\": 1", "\"format\": 2");
  refused("reader.json", "format 2");
  put_changed("detector.json", "\"format\": 1", "\"format\": 7");
  refused("detector.json", "format 7");
}

static void impossible_fields_are_named(void **state) {
  (void)state;
  put_changed("detector.json", "\"stride\": 8", "\"stride\": 0");
  refused("detector.json", "stride");
  put_changed("detector.json", "\"tlx\"", "\"spare\"");
  refused("detector.json", "channel 1");
  put_changed("reader.json", "\"width\": 128", "\"width\": \"128\"");
  refused("reader.json", "width");
  put_changed("reader.json", "\"blue\"", "\"pink\"");
  refused("reader.json", "pink");
  put_changed("reader.json", "\"temperature\":", "\"temperature\": -1, \"t\":");
  refused("reader.json", "temperature");
  put_changed("reader.json",
              "\"upper\":", "\"upper_inset\": 0.6, \"upper\":"); // both sides overlap
  refused("reader.json", "upper_inset");
}

static void networks_missing_or_damaged_are_named(void **state) {
  (void)state;
  struct err e = {0};
  struct detector *d = NULL;
  struct reader *r = NULL;
  put_changed("detector.json", "\"format\"", "\"format\"");
  put_changed("reader.json", "\"format\"", "\"format\"");
  assert_false(detector_new(&d, dir, &e));
  assert_non_null(strstr(e.text, "detector.onnx"));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  put("detector.onnx", "damaged beyond repair", 21);
  assert_false(detector_new(&d, dir, &e));
  assert_non_null(strstr(e.text, "detector.onnx"));
  assert_int_equal(e.code, ERR_FORMAT);
  uint8_t *data = NULL;
  size_t bytes = 0;
  assert_true(model_read_file(MODELS, "reader.onnx", OCV_MODEL_BYTES_MAX, &data, &bytes, &e));
  put("reader.onnx", data, bytes / 2);
  assert_false(reader_new(&r, dir, &e));
  assert_non_null(strstr(e.text, "reader.onnx"));
  // The other network under this name: it has not the outputs.
  put("detector.onnx", data, bytes);
  free(data);
  assert_false(detector_new(&d, dir, &e));
  assert_non_null(strstr(e.text, "no output named \"maps\""));
  assert_null(d);
  assert_null(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_models_of_the_project_load),
      cmocka_unit_test(missing_and_damaged_json_is_named),
      cmocka_unit_test(another_format_is_refused_by_number),
      cmocka_unit_test(impossible_fields_are_named),
      cmocka_unit_test(networks_missing_or_damaged_are_named),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
