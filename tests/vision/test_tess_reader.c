// SPDX-License-Identifier: Apache-2.0
// The second reader's model, and what it does with files and pictures that are not right. What it
// reads on plates: test_second_reader.py.
#include "vision/tess_reader.h"

#include "vision/model.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODELS BAYPLATE_SOURCE_DIR "/vision/models"

static char dir[] = "/tmp/bayplate-tess-XXXXXX";

static int setup(void **state) {
  (void)state;
  return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  char path[256];
  (void)snprintf(path, sizeof path, "%s/plate.json", dir);
  (void)unlink(path);
  (void)snprintf(path, sizeof path, "%s/plate.traineddata", dir);
  (void)unlink(path);
  return rmdir(dir);
}

static void put(const char *name, const void *data, size_t bytes) {
  char path[256];
  assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, bytes, f), bytes);
  assert_int_equal(fclose(f), 0);
}

// Copies of the real files; of plate.json with the first `from` replaced by `to`.
static void put_models(const char *from, const char *to) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  struct err e = {0};
  assert_true(model_read_file(MODELS, "plate.traineddata", 8u << 20, &data, &bytes, &e));
  put("plate.traineddata", data, bytes);
  free(data);
  assert_true(model_read_file(MODELS, "plate.json", MODEL_JSON_BYTES_MAX, &data, &bytes, &e));
  char *text = calloc(1, bytes + 1), *out = calloc(1, bytes + strlen(to) + 1);
  assert_non_null(text);
  assert_non_null(out);
  memcpy(text, data, bytes);
  const char *at = strstr(text, from);
  assert_non_null(at);
  const int n = snprintf(out, bytes + strlen(to) + 1, "%.*s%s%s", (int)(at - text), text, to,
                         at + strlen(from));
  assert_true(n > 0);
  put("plate.json", out, (size_t)n);
  free(out);
  free(text);
  free(data);
}

static void refused(const char *says) {
  struct err e = {0};
  struct reader *r = NULL;
  assert_false(tess_reader_new(&r, dir, NULL, &e));
  assert_null(r);
  if (!strstr(e.text, says))
    fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void files_that_are_not_right_are_named(void **state) {
  (void)state;
  refused("plate.json");
  put_models("\"format\": 1", "\"format\": 9");
  refused("format 9");
  put_models("\"same\"", "\"sane\"");
  refused("opinion.same");
  put_models("\"scale\"", "\"stale\"");
  refused("scale");
  put_models("\"traineddata_fnv1a64\": \"", "\"traineddata_fnv1a64\": \"0");
  refused("16 hexadecimal digits");
}

// Tesseract itself ends the process over some of these.
static void a_damaged_network_is_refused_before_tesseract_sees_it(void **state) {
  (void)state;
  uint8_t *data = NULL;
  size_t bytes = 0;
  struct err e = {0};
  put_models("\"format\": 1", "\"format\": 1");
  assert_true(model_read_file(MODELS, "plate.traineddata", 8u << 20, &data, &bytes, &e));
  data[bytes / 2] ^= 0x40;
  put("plate.traineddata", data, bytes);
  refused("plate.traineddata: is damaged");
  put("plate.traineddata", data, bytes / 3);
  refused("plate.traineddata: is damaged");
  put("plate.traineddata", "x", 1);
  refused("plate.traineddata: is damaged");
  free(data);
}

static int threads(void) {
  int n = 0;
  DIR *d = opendir("/proc/self/task");
  assert_non_null(d);
  const struct dirent *entry;
  while ((entry = readdir(d)))
    n += entry->d_name[0] != '.';
  assert_int_equal(closedir(d), 0);
  return n;
}

static void pictures_without_a_plate_are_silent_and_start_no_threads(void **state) {
  (void)state;
  struct err e = {0};
  struct reader *r = NULL;
  struct opinion_table t = {0};
  static uint8_t pixels[160 * 60];
  struct plate_read out;
  const int before = threads();
  assert_true(tess_reader_new(&r, MODELS, &t, &e));
  assert_string_equal(reader_name(r), "tesseract");
  assert_true(t.knots >= 2);
  for (int shade = 0; shade < 3; shade++) {
    const int sizes[][2] = {{160, 50}, {100, 60}, {1, 1}, {160, 1}};
    memset(pixels, 127 * shade, sizeof pixels);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      const struct image_view v = {IMAGE_GRAY8, sizes[i][0], sizes[i][1], {pixels}, {sizes[i][0]}};
      assert_true(reader_read_crop(r, &v, &out, &e));
      assert_true(out.confidence < 0.5f);
    }
  }
  assert_int_equal(threads(), before);
  reader_free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_that_are_not_right_are_named),
      cmocka_unit_test(a_damaged_network_is_refused_before_tesseract_sees_it),
      cmocka_unit_test(pictures_without_a_plate_are_silent_and_start_no_threads),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
