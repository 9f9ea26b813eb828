// SPDX-License-Identifier: Apache-2.0
#include "vision/confusable.h"

#include "vision/grammar.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void plate(char *out, const char *last) {
  (void)snprintf(out, PLATE_TEXT_MAX, "粤A1234%s", last);
}

// A measured pair whose factor raises: the table must hold one.
static void raised_pair(const char **read, const char **other, float *factor) {
  *factor = 1.0f;
  for (int a = 0; a < GRAMMAR_SYMBOLS; a++) {
    for (int b = 0; b < GRAMMAR_SYMBOLS; b++) {
      char x[PLATE_TEXT_MAX], y[PLATE_TEXT_MAX];
      plate(x, grammar_symbol(a));
      plate(y, grammar_symbol(b));
      const float f = confusable_factor(x, y);
      if (f <= *factor)
        continue;
      *factor = f;
      *read = grammar_symbol(a);
      *other = grammar_symbol(b);
    }
  }
  assert_true(*factor > 1.1f);
}

static void what_was_not_measured_stays_as_it_is(void **state) {
  (void)state;
  assert_true(confusable_factor("粤A12345", "粤A12345") == 1.0f);
  assert_true(confusable_factor("粤A12345", "粤AD12345") == 1.0f);
  assert_true(confusable_factor("粤A12345", "no plate") == 1.0f);
  assert_true(confusable_factor("", "") == 1.0f);
}

static void factors_multiply(void **state) {
  (void)state;
  const char *a = NULL, *b = NULL;
  char x[PLATE_TEXT_MAX], y[PLATE_TEXT_MAX];
  float f = 1.0f;
  raised_pair(&a, &b, &f);
  (void)snprintf(x, sizeof x, "粤A123%s%s", a, a);
  (void)snprintf(y, sizeof y, "粤A123%s%s", b, b);
  assert_true(fabsf(confusable_factor(x, y) - f * f) < 1e-3f);
}

static void a_measured_pair_is_ranked_before_an_equal_one(void **state) {
  (void)state;
  const char *a = NULL, *b = NULL;
  float f = 1.0f;
  raised_pair(&a, &b, &f);
  struct plate_read r = {.confidence = 0.6f, .alternatives = 2};
  plate(r.text, a);
  (void)snprintf(r.alternative[0].text, PLATE_TEXT_MAX, "粤A1284%s", a);
  plate(r.alternative[1].text, b);
  r.alternative[0].confidence = r.alternative[1].confidence = 0.2f;
  confusable_rank(&r);
  assert_int_equal(r.alternatives, 2);
  char first[PLATE_TEXT_MAX];
  plate(first, b);
  assert_string_equal(r.alternative[0].text, first);
  assert_true(r.alternative[0].confidence > r.alternative[1].confidence);
  assert_true(r.alternative[0].confidence + r.alternative[1].confidence <= 0.4001f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_not_measured_stays_as_it_is),
      cmocka_unit_test(factors_multiply),
      cmocka_unit_test(a_measured_pair_is_ranked_before_an_equal_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
