// SPDX-License-Identifier: Apache-2.0
// Lines as written in the configuration, the bounce filter, the trigger's thread and the lamps, on
// the simulated chip.
#include "board/gpio.h"

#include "board/clock.h"
#include "board/lamp.h"
#include "board/trigger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MS CLOCK_NS_PER_MS
#define S CLOCK_NS_PER_S

static void lines_are_read_as_written(void **state) {
  (void)state;
  struct gpio_line l;
  struct err e;
  assert_true(gpio_line_parse("", &l, &e));
  assert_string_equal(l.chip, "");
  assert_true(gpio_line_parse("gpiochip0:17:low:up", &l, &e));
  assert_string_equal(l.chip, "gpiochip0");
  assert_int_equal(l.line, 17);
  assert_true(l.active_low);
  assert_int_equal(l.bias, GPIO_PULL_UP);
  assert_ptr_equal(gpio_driver(&l), &gpio_gpiod);
  assert_true(gpio_line_parse("sim:3:down", &l, &e));
  assert_int_equal(l.bias, GPIO_PULL_DOWN);
  assert_false(l.active_low);
  assert_ptr_equal(gpio_driver(&l), &gpio_sim);
  static const char *const bad[] = {"17",
                                    ":17",
                                    "gpiochip0:",
                                    "gpiochip0:-1",
                                    "gpiochip0:x",
                                    "gpiochip0:1x",
                                    "gpiochip0:9999",
                                    "gpiochip0:1:high",
                                    "gpiochip0:1:",
                                    "a-chip-name-that-is-longer-than-any-board-has:1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (gpio_line_parse(bad[i], &l, &e))
      fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(e.code, ERR_ARG);
  }
}

static void a_chip_that_is_not_there_is_named(void **state) {
  (void)state;
  struct gpio_line l;
  struct gpio *g = NULL;
  struct err e;
  assert_true(gpio_line_parse("no-such-chip:1", &l, &e));
  assert_false(gpio_gpiod.open(&g, &l, false, &e));
  assert_non_null(strstr(e.text, "no-such-chip"));
  assert_true(gpio_line_parse("sim:32", &l, &e));
  assert_false(gpio_sim.open(&g, &l, false, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void bouncing_is_swallowed(void **state) {
  (void)state;
  struct debounce d;
  debounce_init(&d, 50 * MS, false, 0);
  for (int i = 0; i < 10; i++) { // a contact that closes badly
    debounce_feed(&d, i % 2 == 0, i * 5 * MS);
    assert_false(debounce_step(&d, i * 5 * MS));
  }
  debounce_feed(&d, true, 50 * MS);
  assert_false(debounce_step(&d, 99 * MS));
  assert_true(debounce_step(&d, 100 * MS));
  assert_true(d.level);
  assert_false(debounce_step(&d, 200 * MS)); // told once
  debounce_feed(&d, false, 300 * MS);        // a dropout shorter than the hold
  debounce_feed(&d, true, 320 * MS);
  assert_false(debounce_step(&d, 1000 * MS));
  debounce_init(&d, 0, false, 0); // no filter
  debounce_feed(&d, true, 1);
  assert_true(debounce_step(&d, 1));
}

static atomic_int ons, offs;

static void changed(void *ctx, bool on) {
  (void)ctx;
  atomic_fetch_add(on ? &ons : &offs, 1);
}

static void soon(atomic_int *what, int should) {
  for (int i = 0; i < 10000 && atomic_load(what) < should; i++)
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  assert_int_equal(atomic_load(what), should);
}

static void a_trigger_tells_changes_and_survives_its_chip(void **state) {
  (void)state;
  struct trigger *t = NULL;
  struct err e;
  char fault[ERR_TEXT_MAX];
  struct trigger_options o = {.debounce_ms = 10, .retry_ms = 100, .changed = changed};
  assert_true(gpio_line_parse("sim:4:low", &o.line, &e));
  atomic_store(&ons, 0);
  atomic_store(&offs, 0);
  gpio_sim_put(4, true);
  assert_true(trigger_new(&t, &o, &e));
  gpio_sim_put(4, false); // active low: on
  soon(&ons, 1);
  gpio_sim_put(4, true);
  soon(&offs, 1);
  gpio_sim_gone(true);
  for (int i = 0; i < 10000; i++) {
    trigger_fault(t, fault);
    if (fault[0])
      break;
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  assert_non_null(strstr(fault, "gone"));
  gpio_sim_put(4, false); // a car came meanwhile, and stays
  gpio_sim_gone(false);
  soon(&ons, 2);
  trigger_fault(t, fault);
  assert_string_equal(fault, "");
  trigger_free(t);
}

// The kernel keeps 16 edges; the last of a long bounce is dropped, and the level with it.
static void bouncing_beyond_the_queue_ends_at_the_level_of_the_line(void **state) {
  (void)state;
  struct trigger *t = NULL;
  struct err e;
  struct trigger_options o = {.debounce_ms = 200, .retry_ms = 100, .changed = changed};
  assert_true(gpio_line_parse("sim:7", &o.line, &e));
  atomic_store(&ons, 0);
  atomic_store(&offs, 0);
  gpio_sim_put(7, true);
  assert_true(trigger_new(&t, &o, &e));
  soon(&ons, 1);
  for (int i = 0; i < 41; i++)
    gpio_sim_put(7, i % 2 != 0);
  assert_false(gpio_sim_level(7));
  soon(&offs, 1);
  assert_int_equal(atomic_load(&ons), 1);
  trigger_free(t);
}

static void a_lamp_is_lit_for_a_time(void **state) {
  (void)state;
  struct lamp *l = NULL;
  struct gpio_line line;
  struct err e;
  char fault[ERR_TEXT_MAX];
  assert_true(gpio_line_parse("sim:5", &line, &e));
  gpio_sim_put(5, true);
  assert_true(lamp_new(&l, "due", &line, &e));
  assert_false(gpio_sim_level(5)); // begins off
  lamp_flash(l, 10 * S, 30 * S);
  assert_true(gpio_sim_level(5));
  lamp_flash(l, 20 * S, 30 * S); // the next car
  lamp_tick(l, 45 * S);
  assert_true(gpio_sim_level(5));
  lamp_tick(l, 50 * S);
  assert_false(gpio_sim_level(5));
  gpio_sim_gone(true);
  lamp_set(l, true);
  lamp_fault(l, fault);
  assert_non_null(strstr(fault, "gone"));
  assert_false(lamp_lit(l));
  gpio_sim_gone(false);
  lamp_tick(l, 60 * S); // tried again
  assert_true(gpio_sim_level(5));
  assert_true(lamp_lit(l));
  lamp_free(l); // goes off at the end
  assert_false(gpio_sim_level(5));
  assert_true(gpio_line_parse("sim:6:low", &line, &e));
  assert_true(lamp_new(&l, "due", &line, &e));
  assert_true(gpio_sim_level(6)); // off is high
  lamp_set(l, true);
  assert_false(gpio_sim_level(6));
  lamp_free(l);
}

static void an_infrared_lamp_does_not_chase_its_own_light(void **state) {
  (void)state;
  struct dusk d;
  dusk_init(&d, 40, 110, 60 * S, 0);
  int changes = 0;
  // Dusk: the scene falls to 30; lit, the lamp brings 50 more, which is under the upper level.
  for (int t = 1; t < 600; t++) {
    const float scene = t < 100 ? 80 : 30, luma = scene + (d.lit ? 50 : 0);
    changes += dusk_step(&d, luma, t * S);
  }
  assert_int_equal(changes, 1);
  assert_true(d.lit);
  // A headlamp sweeps over the wall for two seconds: too short to count.
  assert_false(dusk_step(&d, 200, 601 * S));
  assert_false(dusk_step(&d, 200, 602 * S));
  assert_false(dusk_step(&d, 80, 603 * S));
  assert_false(dusk_step(&d, 200, 605 * S));
  // Morning.
  for (int t = 606; t < 620 && d.lit; t++)
    (void)dusk_step(&d, 140, t * S);
  assert_false(d.lit);
  assert_false(dusk_step(&d, 20, 621 * S)); // and it stays off for the dwell
  assert_false(dusk_step(&d, 20, 640 * S));
  for (int t = 641; t < 700 && !d.lit; t++)
    (void)dusk_step(&d, 20, t * S);
  assert_true(d.lit);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_read_as_written),
      cmocka_unit_test(a_chip_that_is_not_there_is_named),
      cmocka_unit_test(bouncing_is_swallowed),
      cmocka_unit_test(a_trigger_tells_changes_and_survives_its_chip),
      cmocka_unit_test(bouncing_beyond_the_queue_ends_at_the_level_of_the_line),
      cmocka_unit_test(a_lamp_is_lit_for_a_time),
      cmocka_unit_test(an_infrared_lamp_does_not_chase_its_own_light),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
