// SPDX-License-Identifier: Apache-2.0
#include "board/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define YEAR_NS (INT64_C(31557600) * CLOCK_NS_PER_S)

static void the_machine_s_clock_goes_forward(void **state) {
  (void)state;
  int64_t a = clock_mono_ns(clock_system());
  int64_t b = clock_mono_ns(clock_system());
  assert_true(a > 0 && b >= a);
  assert_true(clock_trusted(clock_system(), false)); // later than its own build
}

static void a_simulated_clock_stands_until_moved(void **state) {
  (void)state;
  struct clock_sim *sim = clock_sim_new(100, 5000);
  const struct bp_clock *c = clock_sim_clock(sim);
  assert_int_equal(clock_mono_ns(c), 100);
  assert_int_equal(clock_mono_ns(c), 100);
  clock_sim_advance(sim, 7);
  assert_int_equal(clock_mono_ns(c), 107);
  assert_int_equal(clock_wall_ns(c), 5007);
  clock_sim_set_wall(sim, 1, true); // the wall may jump back, the other never does
  assert_int_equal(clock_wall_ns(c), 1);
  assert_int_equal(clock_mono_ns(c), 107);
  clock_sim_free(sim);
  clock_sim_free(NULL);
}

static void a_clock_before_the_build_or_never_set_is_not_trusted(void **state) {
  (void)state;
  struct clock_sim *sim = clock_sim_new(0, 0);
  const struct bp_clock *c = clock_sim_clock(sim);
  assert_false(clock_trusted(c, false)); // 1970
  clock_sim_set_wall(sim, clock_wall_ns(clock_system()) - 30 * YEAR_NS, true);
  assert_false(clock_trusted(c, false));
  clock_sim_set_wall(sim, clock_wall_ns(clock_system()), false);
  assert_true(clock_trusted(c, false));
  assert_false(clock_trusted(c, true));
  clock_sim_set_wall(sim, clock_wall_ns(clock_system()), true);
  assert_true(clock_trusted(c, true));
  clock_sim_free(sim);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_machine_s_clock_goes_forward),
      cmocka_unit_test(a_simulated_clock_stands_until_moved),
      cmocka_unit_test(a_clock_before_the_build_or_never_set_is_not_trusted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
