// SPDX-License-Identifier: Apache-2.0
#include "tools/inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/bayplate-inputs-XXXXXX";

static int setup(void **state) {
  (void)state;
  if (!mkdtemp(dir))
    return -1;
  char command[600];
  (void)snprintf(command, sizeof command,
                 "cd %s && mkdir -p b/c .hidden d.jpg && touch b/2.PNG b/1.jpeg b/c/x.bmp a.jpg "
                 "notes.txt .hidden/h.jpg .h.jpg d.jpg/in.jpg && ln -s .. b/c/up && ln -s . self "
                 "&& ln -s self2 self2 && ln -s ../a.jpg b/0.jpg",
                 dir);
  return system(command);
}

static int teardown(void **state) {
  (void)state;
  char command[64];
  (void)snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

static void folders_are_searched_in_order_and_loops_are_left(void **state) {
  (void)state;
  static const char *const want[] = {"a.jpg",   "b/0.jpg",   "b/1.jpeg",
                                     "b/2.PNG", "b/c/x.bmp", "d.jpg/in.jpg"};
  struct inputs in = {0};
  struct err e = {0};
  assert_true(inputs_add(&in, dir, &e));
  for (size_t i = 0; i < in.n && i < 6; i++) {
    assert_string_equal(in.file[i].path + strlen(dir) + 1, want[i]);
    assert_null(in.file[i].error);
  }
  assert_int_equal(in.n, 6);
  inputs_free(&in);
}

static void files_are_taken_as_they_are(void **state) {
  (void)state;
  struct inputs in = {0};
  struct err e = {0};
  assert_true(inputs_add(&in, "/nowhere/z.jpg", &e));
  assert_true(inputs_add(&in, "/etc/hostname", &e));
  assert_int_equal(in.n, 2);
  assert_string_equal(in.file[0].path, "/nowhere/z.jpg");
  inputs_free(&in);
}

static void deep_folders_end_somewhere(void **state) {
  (void)state;
  char command[600];
  (void)snprintf(command, sizeof command,
                 "cd %s/b && p=deep && for i in $(seq 80); do p=$p/d; done && mkdir -p $p && touch "
                 "$p/far.jpg deep/near.jpg",
                 dir);
  assert_int_equal(system(command), 0);
  struct inputs in = {0};
  struct err e = {0};
  char path[300];
  (void)snprintf(path, sizeof path, "%s/b/deep/", dir);
  assert_true(inputs_add(&in, path, &e));
  assert_int_equal(in.n, 2);
  assert_non_null(in.file[0].error); // the folder that is too deep is told of
  assert_null(strstr(in.file[1].path, "//"));
  assert_non_null(strstr(in.file[1].path, "near.jpg"));
  inputs_free(&in);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(folders_are_searched_in_order_and_loops_are_left),
      cmocka_unit_test(files_are_taken_as_they_are),
      cmocka_unit_test(deep_folders_end_somewhere),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
