// SPDX-License-Identifier: Apache-2.0
#include "vision/opinion.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct opinion_table table = {
    .knots = 3,
    .at = {0.0f, 0.5f, 1.0f},
    .then = {[OPINION_NONE] = {0.0f, 0.6f, 1.0f},
             [OPINION_SAME] = {0.2f, 0.9f, 0.999f},
             [OPINION_OTHER] = {0.0f, 0.2f, 0.6f},
             [OPINION_SILENT] = {0.0f, 0.5f, 0.9f}},
};

static void near(float a, float b) {
  if (!(fabsf(a - b) < 1e-4f))
    fail_msg("%f is not %f", (double)a, (double)b);
}

static void values_lie_on_lines_between_knots(void **state) {
  (void)state;
  near(opinion_confidence(&table, OPINION_SAME, 0.5f), 0.9f);
  near(opinion_confidence(&table, OPINION_SAME, 0.75f), 0.9495f);
  near(opinion_confidence(&table, OPINION_OTHER, 0.25f), 0.1f);
  near(opinion_confidence(&table, OPINION_SILENT, 1.0f), 0.9f);
  near(opinion_confidence(&table, OPINION_SAME, 0.0f), 0.2f);
}

static void odd_values_are_cut(void **state) {
  (void)state;
  near(opinion_confidence(&table, OPINION_SAME, 7.0f), 0.999f);
  near(opinion_confidence(&table, OPINION_SAME, -1.0f), 0.2f);
  near(opinion_confidence(&table, OPINION_OTHER, NAN), 0.0f);
}

static void without_a_table_nothing_changes(void **state) {
  (void)state;
  const struct opinion_table empty = {0};
  near(opinion_confidence(&table, OPINION_NONE, 0.5f), 0.6f);
  near(opinion_confidence(&empty, OPINION_SAME, 0.7f), 0.7f);
}

static void opinions_are_told_apart(void **state) {
  (void)state;
  struct plate_read r = {0};
  assert_int_equal(opinion_of(&r, "粤A12345"), OPINION_SILENT);
  memcpy(r.text, "粤A12345", sizeof "粤A12345");
  assert_int_equal(opinion_of(&r, "粤A12345"), OPINION_SAME);
  assert_int_equal(opinion_of(&r, "粤A12346"), OPINION_OTHER);
  assert_string_equal(opinion_name(OPINION_SAME), "same");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_lie_on_lines_between_knots),
      cmocka_unit_test(odd_values_are_cut),
      cmocka_unit_test(without_a_table_nothing_changes),
      cmocka_unit_test(opinions_are_told_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
