// SPDX-License-Identifier: Apache-2.0
#include "firmware/lookup_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

static struct policy policy_of(enum policy_kind kind, int year, int month, int day) {
  struct policy p = {.kind = kind, .premium_fen = POLICY_UNKNOWN_NUMBER, .claims = 2};
  p.end = (struct policy_date){year, month, day};
  return p;
}

static void everything_is_carried_over(void **state) {
  (void)state;
  static struct policy_answer a;
  struct store_record r;
  memset(&a, 0, sizeof a);
  (void)snprintf(a.owner.name, sizeof a.owner.name, "王小明");
  (void)snprintf(a.vehicle.model, sizeof a.vehicle.model, "思域");
  a.policies = 1;
  a.policy[0] = policy_of(POLICY_COMMERCIAL, 2026, 12, 5);
  a.policy[0].covers = 2;
  (void)snprintf(a.policy[0].cover[0], POLICY_TEXT_MAX, "车损");
  (void)snprintf(a.policy[0].cover[1], POLICY_TEXT_MAX, "三者\"x");
  lookup_record("粤A12345", &a, &r);
  assert_string_equal(r.plate, "粤A12345");
  assert_true(r.has_customer);
  assert_string_equal(r.name, "王小明");
  assert_int_equal(r.policies, 1);
  assert_string_equal(r.policy[0].end, "2026-12-05");
  assert_string_equal(r.policy[0].start, "");
  assert_string_equal(r.policy[0].covers, "[\"车损\",\"三者\\\"x\"]");
  assert_int_equal(r.policy[0].claims, 2);
  assert_int_equal(r.policy[0].kind, POLICY_COMMERCIAL);
}

static void long_texts_are_cut_at_a_whole_character(void **state) {
  (void)state;
  static struct policy_answer a;
  struct store_record r;
  memset(&a, 0, sizeof a);
  for (size_t i = 0; i + 3 < sizeof a.vehicle.color; i += 3)
    memcpy(a.vehicle.color + i, "蓝", 3);
  lookup_record("粤A12345", &a, &r);
  assert_int_equal(strlen(r.color) % 3, 0);
  assert_true(strlen(r.color) < STORE_COLOR_MAX && strlen(r.color) + 3 >= STORE_COLOR_MAX);
}

static void of_too_many_policies_the_last_ending_stay(void **state) {
  (void)state;
  static struct policy_answer a;
  struct store_record r;
  memset(&a, 0, sizeof a);
  a.policies = POLICY_POLICIES_MAX;
  for (int i = 0; i < a.policies; i++)
    a.policy[i] = policy_of(POLICY_COMPULSORY, 2000 + i, 1, 1);
  lookup_record("粤A12345", &a, &r);
  assert_int_equal(r.policies, STORE_POLICIES_MAX);
  assert_string_equal(r.policy[0].end, "2015-01-01");
}

static void an_unknown_owner_is_no_customer(void **state) {
  (void)state;
  static struct policy_answer a;
  struct store_record r;
  memset(&a, 0, sizeof a);
  lookup_record("粤A12345", &a, &r);
  assert_false(r.has_customer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_carried_over),
      cmocka_unit_test(long_texts_are_cut_at_a_whole_character),
      cmocka_unit_test(of_too_many_policies_the_last_ending_stay),
      cmocka_unit_test(an_unknown_owner_is_no_customer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
