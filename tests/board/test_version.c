// SPDX-License-Identifier: Apache-2.0
#include "board/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void versions_are_ordered_by_their_numbers(void **state) {
  (void)state;
  static const char *const rising[] = {"",      "0.9",    "0.10",  "1",      "1.0~rc1", "1.0",
                                       "1.0.1", "1.2",    "1.2.3", "1.2.10", "1.9",     "1.10",
                                       "1.10a", "1.10+b", "2.0~~", "2.0~",   "2.0"};
  for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++) {
    for (size_t k = 0; k < sizeof rising / sizeof rising[0]; k++) {
      int c = version_compare(rising[i], rising[k]);
      if ((c < 0) != (i < k) || (c == 0) != (i == k))
        fail_msg("%s against %s: %d", rising[i], rising[k], c);
    }
  }
}

static void leading_zeros_and_long_numbers(void **state) {
  (void)state;
  assert_int_equal(version_compare("1.01", "1.1"), 0);
  assert_true(version_compare("99999999999999999999998", "99999999999999999999999") < 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(versions_are_ordered_by_their_numbers),
      cmocka_unit_test(leading_zeros_and_long_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
