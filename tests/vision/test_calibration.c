// SPDX-License-Identifier: Apache-2.0
#include "vision/calibration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct calibration some = {
    .known = true, .offset = 1.0f, .own = 0.5f, .lead = 0.8f, .most = 0.995f};

static void without_one_nothing_changes(void **state) {
  (void)state;
  const struct calibration none = {0};
  struct plate_read r = {
      .raw = 0.4f, .raw_second = 0.3f, .alternatives = 1, .alternative = {{"B", 0.3f}}};
  calibration_apply(&none, &r);
  assert_float_equal(r.confidence, 0.4, 1e-6);
  assert_float_equal(r.alternative[0].confidence, 0.3, 1e-6);
}

static void the_formula_is_what_the_fit_writes(void **state) {
  (void)state;
  // 1 + 0.5 ln(0.6 / 0.4) + 0.8 ln(0.6 / 0.05) = 3.1907 log odds
  assert_float_equal(calibration_of(&some, 0.6f, 0.05f), 0.960481, 1e-4);
}

static void surer_stays_surer(void **state) {
  (void)state;
  float last = 0.0f;
  for (int i = 1; i <= 100; i++) {
    const float c = calibration_of(&some, (float)i / 100.0f, 0.004f);
    assert_true(c >= last && c <= 1.0f);
    last = c;
  }
  assert_true(calibration_of(&some, 0.5f, 0.4f) < calibration_of(&some, 0.5f, 0.1f));
  assert_float_equal(calibration_of(&some, 1.0f, 0.0f), 0.995, 1e-6); // no surer than counted
  assert_true(isfinite(calibration_of(&some, 1e-30f, 1.0f)));
  assert_float_equal(calibration_of(&some, 0.0f, 0.0f), 0.0, 0.0);
  assert_float_equal(calibration_of(&some, NAN, 0.0f), 0.0, 0.0);
}

static void alternatives_share_what_is_left(void **state) {
  (void)state;
  struct plate_read r = {.raw = 0.5f,
                         .raw_second = 0.2f,
                         .alternatives = 2,
                         .alternative = {{"B", 0.2f}, {"C", 0.1f}}};
  calibration_apply(&some, &r);
  const float left = 1.0f - r.confidence;
  assert_float_equal(r.alternative[0].confidence, left * 0.4f, 1e-5);
  assert_float_equal(r.alternative[1].confidence, left * 0.2f, 1e-5);
  const struct calibration doubting = {
      .known = true, .offset = -3.0f, .own = 1.0f, .lead = 0.0f, .most = 1.0f};
  struct plate_read d = {
      .raw = 0.5f, .raw_second = 0.4f, .alternatives = 1, .alternative = {{"B", 0.4f}}};
  calibration_apply(&doubting, &d);
  assert_true(d.alternative[0].confidence <= d.confidence); // never surer than the text
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_one_nothing_changes),
      cmocka_unit_test(the_formula_is_what_the_fit_writes),
      cmocka_unit_test(surer_stays_surer),
      cmocka_unit_test(alternatives_share_what_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
