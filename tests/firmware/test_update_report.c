// SPDX-License-Identifier: Apache-2.0
#include "firmware/update_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[40];

static void put(const char *text) {
  (void)snprintf(path, sizeof path, "/tmp/report-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  assert_int_equal(close(fd), 0);
}

static void fell_back(void **state) {
  (void)state;
  struct update_report r;
  struct err e;
  put("[update]\nresult = fell-back\nslot = A\nversion = 9.0\nwhat = 9.1: the camera delivers no "
      "pictures\ntime = 1\n");
  assert_true(update_report_load(&r, path, &e));
  assert_string_equal(r.result, "fell-back");
  assert_string_equal(r.version, "9.0");
  assert_string_equal(r.what, "9.1: the camera delivers no pictures");
  assert_false(update_report_fine(&r));
  assert_int_equal(unlink(path), 0);
}

static void none_and_good(void **state) {
  (void)state;
  struct update_report r;
  struct err e;
  assert_true(update_report_load(&r, "/nonexistent/report.ini", &e));
  assert_true(update_report_fine(&r));
  assert_true(update_report_load(&r, "", &e));
  put("[update]\nresult = good\n");
  assert_true(update_report_load(&r, path, &e));
  assert_true(update_report_fine(&r));
  assert_int_equal(unlink(path), 0);
}

static void rubbish(void **state) {
  (void)state;
  struct update_report r;
  struct err e;
  put("[update]\nresult = failed\nno line of such a file\n");
  assert_false(update_report_load(&r, path, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, ":3:"));
  assert_string_equal(r.result, "");
  assert_int_equal(unlink(path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(fell_back), cmocka_unit_test(none_and_good),
                                     cmocka_unit_test(rubbish)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
