// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

static void numbers_and_hex_are_written(void **state) {
  (void)state;
  char buf[64];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_number(&t, 0);
  service_text_add(&t, " ");
  service_text_number(&t, UINT64_MAX);
  service_text_add(&t, " ");
  service_text_hex(&t, (const uint8_t[]){0x00, 0xaf, 0xff}, 3);
  assert_string_equal(buf, "0 18446744073709551615 00afff");
  assert_false(t.cut);
}

static void what_does_not_fit_is_cut_and_told(void **state) {
  (void)state;
  char buf[8];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "1234567");
  assert_false(t.cut);
  service_text_add(&t, "8");
  assert_true(t.cut);
  assert_string_equal(buf, "1234567");
}

static void json_is_escaped(void **state) {
  (void)state;
  char buf[64];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_json(&t, "a\"b\\c\n\x7f车");
  assert_string_equal(buf, "\"a\\\"b\\\\c\\u000a\\u007f车\"");
}

static void numbers_are_read_strictly(void **state) {
  (void)state;
  uint64_t n = 7;
  assert_true(service_number("18446744073709551615", 20, &n));
  assert_true(n == UINT64_MAX);
  assert_false(service_number("18446744073709551616", 20, &n));
  assert_false(service_number("99999999999999999999", 20, &n));
  assert_false(service_number("", 0, &n));
  assert_false(service_number("-1", 2, &n));
  assert_false(service_number("+1", 2, &n));
  assert_false(service_number("1 ", 2, &n));
  assert_true(service_number("007", 3, &n));
  assert_int_equal(n, 7);
}

static void hex_must_be_whole(void **state) {
  (void)state;
  uint8_t b[2] = {0};
  assert_true(service_unhex("aF09", 4, b, 2));
  assert_int_equal(b[0], 0xaf);
  assert_int_equal(b[1], 0x09);
  assert_false(service_unhex("aF0", 3, b, 2));
  assert_false(service_unhex("aF099", 5, b, 2));
  assert_false(service_unhex("aG09", 4, b, 2));
}

static void words_are_compared_without_case(void **state) {
  (void)state;
  assert_true(service_same("Content-LENGTH", 14, "content-length"));
  assert_false(service_same("content-lengt", 13, "content-length"));
  assert_false(service_same("content-lengths", 15, "content-length"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_hex_are_written),
      cmocka_unit_test(what_does_not_fit_is_cut_and_told),
      cmocka_unit_test(json_is_escaped),
      cmocka_unit_test(numbers_are_read_strictly),
      cmocka_unit_test(hex_must_be_whole),
      cmocka_unit_test(words_are_compared_without_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
