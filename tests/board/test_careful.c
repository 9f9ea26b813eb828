// SPDX-License-Identifier: Apache-2.0
// What a power cut leaves is tested by tools/power-cut; here is what a caller sees.
#include "board/careful.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

static char dir[64], path[96], tmp[96], sub[96];
static struct err e;

static int set_up(void **state) {
  (void)state;
  (void)snprintf(dir, sizeof dir, "/tmp/bayplate-careful-XXXXXX");
  if (!mkdtemp(dir))
    return -1;
  (void)snprintf(path, sizeof path, "%s/a", dir);
  (void)snprintf(tmp, sizeof tmp, "%s/a" CAREFUL_ENDING, dir);
  (void)snprintf(sub, sizeof sub, "%s/sub", dir);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  (void)unlink(path);
  (void)rmdir(sub);
  return rmdir(dir); // nothing else was left
}

static void holds(const char *want) {
  char got[64] = "";
  FILE *f = fopen(path, "re");
  assert_non_null(f);
  size_t n = fread(got, 1, sizeof got - 1, f);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(n, strlen(want));
  assert_string_equal(got, want);
}

static void a_file_is_made_and_replaced(void **state) {
  (void)state;
  struct stat st;
  assert_true(careful_write(path, "one", 3, &e));
  holds("one");
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_true(careful_write(path, "", 0, &e));
  holds("");
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_true(careful_write_at(fd, "a", "two", 3, &e));
  holds("two");
  assert_false(careful_write_at(fd, "sub/a", "x", 1, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_int_equal(close(fd), 0);
}

static void what_a_cut_left_beside_it_is_no_hindrance(void **state) {
  (void)state;
  FILE *f = fopen(tmp, "we");
  assert_non_null(f);
  assert_true(fputs("half of a lon", f) >= 0);
  assert_int_equal(fclose(f), 0);
  assert_true(careful_write(path, "new", 3, &e));
  holds("new");
  assert_int_not_equal(access(tmp, F_OK), 0);
}

static void failing_leaves_the_old_one_and_nothing_beside(void **state) {
  (void)state;
  assert_true(careful_write(path, "old", 3, &e));
  assert_int_equal(symlink("/nonexistent", tmp), 0); // not followed
  assert_false(careful_write(path, "new", 3, &e));
  assert_int_equal(unlink(tmp), 0);
  holds("old");
  assert_false(careful_write("/nonexistent/x", "new", 3, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0); // a name that cannot be taken
  assert_false(careful_write(path, "new", 3, &e));
  assert_int_not_equal(access(tmp, F_OK), 0);
  assert_int_equal(rmdir(path), 0);
}

static void a_folder_may_be_there(void **state) {
  (void)state;
  char slash[100];
  (void)snprintf(slash, sizeof slash, "%s//", sub);
  assert_true(careful_make_folder(slash, &e));
  assert_true(careful_make_folder(sub, &e));
  assert_true(careful_sync_folder(sub, &e));
  assert_false(careful_make_folder("/nonexistent/x", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_false(careful_sync_folder("/nonexistent", &e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_file_is_made_and_replaced),
      TEST(what_a_cut_left_beside_it_is_no_hindrance),
      TEST(failing_leaves_the_old_one_and_nothing_beside),
      TEST(a_folder_may_be_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
