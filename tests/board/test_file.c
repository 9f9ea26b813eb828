// SPDX-License-Identifier: Apache-2.0
#include "board/file.h"
#include "tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[TOOL_PATH_MAX], path[TOOL_PATH_MAX];

static int setup(void **state) {
  (void)state;
  tool_folder(dir);
  tool_path(path, dir, "a");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  tool_remove(dir);
  return 0;
}

static void what_was_put_is_read_back(void **state) {
  (void)state;
  struct err e;
  struct stat st;
  void *data = NULL;
  size_t len = 0;
  assert_true(file_put(path, "one", 3, &e));
  assert_true(file_put(path, "t\0wo", 4, &e)); // over the old one
  assert_true(file_get(path, 100, &data, &len, &e));
  assert_int_equal(len, 4);
  assert_memory_equal(data, "t\0wo", 5); // and a NUL after it
  free(data);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_true(file_put(path, "", 0, &e));
  assert_true(file_get(path, 100, &data, &len, &e));
  assert_int_equal(len, 0);
  free(data);
}

static void what_is_shown_can_be_read_by_all(void **state) {
  (void)state;
  struct err e;
  struct stat st;
  void *data = NULL;
  size_t len = 0;
  char tmp[TOOL_PATH_MAX];
  const mode_t mask = umask(077);
  assert_true(file_show(path, "one, and longer\n", &e));
  assert_true(file_show(path, "two\n", &e));
  (void)umask(mask);
  assert_true(file_get(path, 100, &data, &len, &e));
  assert_string_equal(data, "two\n");
  free(data);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0644);
  tool_path(tmp, dir, "a.tmp");
  assert_int_not_equal(access(tmp, F_OK), 0);
  assert_false(file_show("/nowhere/at/all", "x", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_failed_put_leaves_the_old_file(void **state) {
  (void)state;
  struct err e;
  void *data = NULL;
  size_t len = 0;
  char tmp[TOOL_PATH_MAX];
  assert_true(file_put(path, "old", 3, &e));
  tool_path(tmp, dir, "a.tmp");
  assert_int_equal(mkdir(tmp, 0700), 0); // what is written beside it cannot be opened
  assert_false(file_put(path, "new", 3, &e));
  assert_non_null(strstr(e.text, "a: "));
  assert_true(file_get(path, 100, &data, &len, &e));
  assert_string_equal(data, "old");
  free(data);
  tool_path(tmp, dir, "no/such");
  assert_false(file_put(tmp, "x", 1, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void what_is_no_small_file_is_refused(void **state) {
  (void)state;
  struct err e;
  void *data = NULL;
  size_t len = 0;
  char other[TOOL_PATH_MAX];
  assert_false(file_get(path, 100, &data, &len, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_true(file_put(path, "12345", 5, &e));
  assert_false(file_get(path, 4, &data, &len, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_false(file_get(dir, 100, &data, &len, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  tool_path(other, dir, "link");
  assert_int_equal(symlink(path, other), 0);
  assert_false(file_get(other, 100, &data, &len, &e));
  tool_path(other, dir, "fifo");
  assert_int_equal(mkfifo(other, 0600), 0); // nobody writes: it must not wait
  assert_false(file_get(other, 100, &data, &len, &e));
  assert_int_equal(e.code, ERR_FORMAT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_was_put_is_read_back, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_shown_can_be_read_by_all, setup, teardown),
      cmocka_unit_test_setup_teardown(a_failed_put_leaves_the_old_file, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_no_small_file_is_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
