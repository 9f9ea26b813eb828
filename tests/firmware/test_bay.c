// SPDX-License-Identifier: Apache-2.0
#include "firmware/bay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[32], file[64];

static bool told(void) {
  return access(file, F_OK) == 0;
}

static int make(void **state) {
  (void)state;
  (void)snprintf(folder, sizeof folder, "/tmp/bay-XXXXXX");
  if (!mkdtemp(folder))
    return 1;
  (void)snprintf(file, sizeof file, "%s/car", folder);
  return 0;
}

static int drop(void **state) {
  (void)state;
  return rmdir(folder);
}

static void two_cars(void **state) {
  (void)state;
  struct bay b;
  struct err e;
  assert_true(bay_init(&b, folder, &e));
  assert_false(told());
  bay_event(&b, VISIT_OPENED);
  assert_true(told());
  bay_event(&b, VISIT_OPENED);
  bay_event(&b, VISIT_IMPROVED);
  bay_event(&b, VISIT_CLOSED);
  assert_true(told());
  bay_event(&b, VISIT_MERGED);
  assert_false(told());
  bay_event(&b, VISIT_REOPENED);
  assert_true(told());
  bay_finish(&b);
  assert_false(told());
}

static void left_by_an_earlier_run(void **state) {
  (void)state;
  struct bay b;
  struct err e;
  FILE *f = fopen(file, "w");
  assert_non_null(f);
  assert_int_equal(fclose(f), 0);
  assert_true(bay_init(&b, folder, &e));
  assert_false(told());
}

static void nobody_asks(void **state) {
  (void)state;
  struct bay b;
  struct err e;
  char longer[BAY_PATH_MAX + 1];
  assert_true(bay_init(&b, NULL, &e));
  bay_event(&b, VISIT_OPENED);
  assert_false(told());
  memset(longer, 'a', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  assert_false(bay_init(&b, longer, &e));
  assert_int_equal(e.code, ERR_LIMIT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(two_cars, make, drop),
      cmocka_unit_test_setup_teardown(left_by_an_earlier_run, make, drop),
      cmocka_unit_test_setup_teardown(nobody_asks, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
