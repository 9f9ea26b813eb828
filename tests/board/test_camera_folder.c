// SPDX-License-Identifier: Apache-2.0
#include "board/camera.h"
#include "board/jpeg.h"
#include "tests/board/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char dir[TOOL_PATH_MAX];

// A grey picture of this width; `keep` parts of 100 of its bytes.
static void put_jpeg(const char *name, int width, size_t keep) {
  uint8_t *bgr = malloc((size_t)width * 24 * 3), *jpeg = NULL;
  assert_non_null(bgr);
  memset(bgr, 100, (size_t)width * 24 * 3);
  size_t len = 0;
  struct err e = {0};
  assert_true(jpeg_encode_bgr(bgr, width, 24, width * 3, 90, &jpeg, &len, &e));
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, name);
  tool_write(path, jpeg, len * keep / 100);
  free(bgr);
  free(jpeg);
}

// The smallest 24-bit BMP: 2x2, black.
static void put_bmp(const char *name) {
  uint8_t bmp[70] = {'B', 'M', 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0,  40,
                     0,   0,   0,  2, 0, 0, 0, 2, 0, 0, 0,  1, 0, 24, 0};
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, name);
  tool_write(path, bmp, sizeof bmp);
}

static struct camera_config config_of(const char *options) {
  struct camera_config c = {.fast = true, .clock = clock_system()};
  (void)snprintf(c.source, sizeof c.source, "folder:%s%s", dir, options);
  return c;
}

static struct camera *open_ok(const struct camera_config *config) {
  struct err e = {0};
  struct camera *c = NULL;
  if (!camera_folder.open(&c, config, &e))
    fail_msg("%s", e.text);
  return c;
}

static int next_width(struct camera *c, int64_t *mono_ns) {
  struct frame *f = NULL;
  struct err e = {0};
  if (camera_folder.next(c, &f, &e) != CAMERA_FRAME)
    return -1;
  int width = f->width;
  if (mono_ns)
    *mono_ns = f->mono_ns;
  frame_unref(f);
  return width;
}

static void pictures_come_by_name_at_their_pace_and_broken_ones_are_passed_over(void **state) {
  (void)state;
  put_jpeg("b.jpg", 48, 100);
  put_jpeg("a.JPEG", 32, 100);
  put_jpeg("c.jpg", 64, 60); // truncated
  put_jpeg("d.jpg", 64, 0);  // empty
  put_bmp("e%02d.bmp");
  put_jpeg("f.txt", 80, 100); // not a picture by its name
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, "g.jpg");
  tool_write(path, "words", 5);
  struct camera_config config = config_of("?fps=4");
  struct camera *c = open_ok(&config);
  int64_t at[3] = {0};
  assert_int_equal(next_width(c, &at[0]), 32);
  assert_int_equal(next_width(c, &at[1]), 48);
  assert_int_equal(next_width(c, &at[2]), 2);
  assert_int_equal(at[1] - at[0], CLOCK_NS_PER_S / 4);
  assert_int_equal(at[2] - at[0], CLOCK_NS_PER_S / 2);
  struct frame *f = NULL;
  struct err e = {0};
  assert_int_equal(camera_folder.next(c, &f, &e), CAMERA_END);
  camera_folder.close(c);
}

static void a_loop_begins_again(void **state) {
  (void)state;
  put_jpeg("a.jpg", 32, 100);
  put_jpeg("b.jpg", 48, 100);
  struct camera_config config = config_of("");
  config.loop = true;
  struct camera *c = open_ok(&config);
  int64_t last = 0;
  for (int i = 0; i < 6; i++) {
    int64_t at = 0;
    assert_int_equal(next_width(c, &at), i % 2 ? 48 : 32);
    assert_true(at > last);
    last = at;
  }
  camera_folder.close(c);
}

static void a_loop_of_nothing_readable_is_an_error_and_no_spin(void **state) {
  (void)state;
  put_jpeg("a.jpg", 32, 30);
  struct camera_config config = config_of("");
  config.loop = true;
  struct camera *c = open_ok(&config);
  struct frame *f = NULL;
  struct err e = {0};
  assert_int_equal(camera_folder.next(c, &f, &e), CAMERA_ERROR);
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, dir));
  camera_folder.close(c);
}

static void a_folder_without_pictures_or_none_at_all_is_refused(void **state) {
  (void)state;
  struct camera_config config = config_of("");
  struct camera *c = NULL;
  struct err e = {0};
  assert_false(camera_folder.open(&c, &config, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  config = config_of("/absent");
  assert_false(camera_folder.open(&c, &config, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_non_null(strstr(e.text, "absent"));
  config = config_of("?fps=0");
  assert_false(camera_folder.open(&c, &config, &e));
  assert_int_equal(e.code, ERR_ARG);
}

static void real_pace_stops_when_told(void **state) {
  (void)state;
  put_jpeg("a.jpg", 32, 100);
  put_jpeg("b.jpg", 32, 100);
  struct camera_config config = config_of("?fps=0.01");
  atomic_bool cancel = false;
  config.fast = false;
  config.cancel = &cancel;
  struct camera *c = open_ok(&config);
  assert_int_equal(next_width(c, NULL), 32);
  atomic_store(&cancel, true);
  struct frame *f = NULL;
  struct err e = {0};
  assert_int_equal(camera_folder.next(c, &f, &e), CAMERA_ERROR);
  assert_int_equal(e.code, ERR_STATE);
  camera_folder.close(c);
}

static int set_up(void **state) {
  (void)state;
  tool_folder(dir);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  tool_remove(dir);
  return 0;
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(pictures_come_by_name_at_their_pace_and_broken_ones_are_passed_over),
      CASE(a_loop_begins_again),
      CASE(a_loop_of_nothing_readable_is_an_error_and_no_spin),
      CASE(a_folder_without_pictures_or_none_at_all_is_refused),
      CASE(real_pace_stops_when_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
