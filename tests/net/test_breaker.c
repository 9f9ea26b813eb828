// SPDX-License-Identifier: Apache-2.0
#include "net/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct breaker opened(void) {
  struct breaker b;
  breaker_init(&b, 3, 100, 350);
  for (int i = 0; i < 3; i++)
    breaker_failure(&b, 1000);
  return b;
}

static void opens_after_failures_in_a_row(void **state) {
  (void)state;
  struct breaker b;
  int64_t wait;
  breaker_init(&b, 3, 100, 350);
  breaker_failure(&b, 0);
  breaker_failure(&b, 0);
  breaker_success(&b); // not in a row any more
  breaker_failure(&b, 0);
  breaker_failure(&b, 0);
  assert_int_equal(breaker_ask(&b, 0, &wait), BREAKER_ASK);
  breaker_failure(&b, 1000);
  assert_int_equal(b.state, BREAKER_OPEN);
  assert_int_equal(breaker_ask(&b, 1040, &wait), BREAKER_REFUSE);
  assert_int_equal(wait, 60);
}

static void one_probe_closes_it(void **state) {
  (void)state;
  struct breaker b = opened();
  int64_t wait;
  assert_int_equal(breaker_ask(&b, 1099, &wait), BREAKER_REFUSE);
  assert_int_equal(breaker_ask(&b, 1100, &wait), BREAKER_ASK);
  assert_int_equal(b.state, BREAKER_HALF_OPEN);
  assert_int_equal(breaker_ask(&b, 1100, &wait), BREAKER_WAIT);
  breaker_success(&b);
  assert_int_equal(b.state, BREAKER_CLOSED);
  assert_int_equal(breaker_ask(&b, 1100, &wait), BREAKER_ASK);
  assert_int_equal(breaker_ask(&b, 1100, &wait), BREAKER_ASK);
}

static void stays_open_longer_each_time(void **state) {
  (void)state;
  struct breaker b = opened();
  static const int64_t pauses[] = {200, 350, 350};
  int64_t now = 1100, wait;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(breaker_ask(&b, now, &wait), BREAKER_ASK);
    breaker_failure(&b, now);
    assert_int_equal(breaker_ask(&b, now, &wait), BREAKER_REFUSE);
    assert_int_equal(wait, pauses[i]);
    now += pauses[i];
  }
  assert_int_equal(breaker_ask(&b, now, &wait), BREAKER_ASK);
  breaker_success(&b);
  for (int i = 0; i < 3; i++)
    breaker_failure(&b, now);
  assert_int_equal(breaker_ask(&b, now, &wait), BREAKER_REFUSE);
  assert_int_equal(wait, 100); // and begins anew
}

static void late_failures_change_nothing(void **state) {
  (void)state;
  struct breaker b = opened();
  int64_t wait;
  breaker_failure(&b, 1090);
  assert_int_equal(breaker_ask(&b, 1100, &wait), BREAKER_ASK);
  assert_string_equal(breaker_state_name(b.state), "half_open");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_after_failures_in_a_row),
      cmocka_unit_test(one_probe_closes_it),
      cmocka_unit_test(stays_open_longer_each_time),
      cmocka_unit_test(late_failures_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
