// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_claim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

// After the headers that it needs.
#include <cmocka.h>

static void each_wrong_code_doubles_the_pause_up_to_a_limit(void **state) {
  (void)state;
  struct service_claim c = {0};
  uint32_t now = 5000, expected = SERVICE_CLAIM_FIRST_MS;
  assert_int_equal(service_claim_wait(&c, now), 0);
  for (int i = 0; i < 20; i++) {
    service_claim_note(&c, false, now);
    assert_int_equal(service_claim_wait(&c, now), expected);
    assert_int_equal(service_claim_wait(&c, now + expected - 1), 1);
    now += expected;
    assert_int_equal(service_claim_wait(&c, now), 0);
    expected = expected * 2 < SERVICE_CLAIM_MAX_MS ? expected * 2 : SERVICE_CLAIM_MAX_MS;
  }
  assert_int_equal(expected, SERVICE_CLAIM_MAX_MS);
}

static void the_right_code_ends_it(void **state) {
  (void)state;
  struct service_claim c = {0};
  service_claim_note(&c, false, 0);
  service_claim_note(&c, false, 1000);
  service_claim_note(&c, true, 3000);
  assert_int_equal(service_claim_wait(&c, 3000), 0);
  service_claim_note(&c, false, 3000);
  assert_int_equal(service_claim_wait(&c, 3000), SERVICE_CLAIM_FIRST_MS);
}

static void the_clock_may_wrap(void **state) {
  (void)state;
  struct service_claim c = {0};
  service_claim_note(&c, false, UINT32_MAX - 99);
  assert_int_equal(service_claim_wait(&c, UINT32_MAX), SERVICE_CLAIM_FIRST_MS - 99);
  assert_int_equal(service_claim_wait(&c, 400), SERVICE_CLAIM_FIRST_MS - 500);
  assert_int_equal(service_claim_wait(&c, 900), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_wrong_code_doubles_the_pause_up_to_a_limit),
      cmocka_unit_test(the_right_code_ends_it),
      cmocka_unit_test(the_clock_may_wrap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
