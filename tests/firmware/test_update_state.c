// SPDX-License-Identifier: Apache-2.0
// How far an update is, told and read; the restart that waits for cars; what the image says of
// itself.
#include "tests/firmware/store_fixture.h"

#include "board/file.h"
#include "firmware/release.h"
#include "firmware/update/update.h"

struct world {
  unsigned now_ms, car_from, car_until; // a car is there between the two
  unsigned announced_ms;                // when the restart was told last
  int waits, restarts;
};

static bool car(void *ctx) {
  const struct world *w = ctx;
  return w->now_ms >= w->car_from && w->now_ms < w->car_until;
}

static void rest(void *ctx, unsigned ms) {
  ((struct world *)ctx)->now_ms += ms;
}

static void told(void *ctx, enum update_phase phase, int percent, unsigned left_ms) {
  struct world *w = ctx;
  (void)percent;
  w->waits += phase == UPDATE_WAIT;
  w->restarts += phase == UPDATE_RESTART;
  if (phase == UPDATE_RESTART)
    w->announced_ms = w->now_ms + left_ms;
}

static void the_restart_is_told_and_waits_for_cars(void **state) {
  (void)state;
  struct slots_sim slots = {0};
  struct world w = {.car_from = 12000, .car_until = 47000};
  struct err e = {0};
  const struct update_options o = {.slots = &slots_sim_ops,
                                   .slots_ctx = &slots,
                                   .car = car,
                                   .rest = rest,
                                   .ctx = &w,
                                   .poll_ms = 5000,
                                   .patience_ms = 3600000,
                                   .announce_ms = 30000,
                                   .told = told};
  assert_true(update_restart(&o, &e));
  assert_int_equal(slots.restarted, 1);
  assert_int_equal(w.waits, 1);               // a car came after 12 s
  assert_in_range(w.now_ms, 77000, 85000);    // it left at 47 s, and then the 30 s began anew
  assert_int_equal(w.announced_ms, w.now_ms); // and it came when it was told
  // One that never leaves does not hold it up for ever.
  w = (struct world){.car_until = UINT32_MAX};
  assert_true(update_restart(&o, &e));
  assert_in_range(w.now_ms, 3600000, 3700000);
}

static void what_is_told_is_read(void **state) {
  struct fixture *f = *state;
  char path[96];
  struct err e = {0};
  struct update_state s = {.phase = UPDATE_WRITE, .percent = 40, .version = "1.2.0"}, r;
  (void)snprintf(path, sizeof path, "%s/update.ini", f->dir);
  assert_true(update_state_load(&r, path, &e));
  assert_int_equal(r.phase, UPDATE_IDLE);
  assert_true(update_state_write(path, &s, &e));
  assert_true(update_state_load(&r, path, &e));
  assert_int_equal(r.phase, UPDATE_WRITE);
  assert_int_equal(r.percent, 40);
  assert_string_equal(r.version, "1.2.0");
  s = (struct update_state){.phase = UPDATE_RESTART, .percent = -1, .restart_mono_ms = 123456789};
  assert_true(update_state_write(path, &s, &e));
  assert_true(update_state_load(&r, path, &e));
  assert_int_equal(r.restart_mono_ms, 123456789);
  assert_true(file_put(path, "[update]\nphase = write\npercent = 101\n", 37, NULL));
  assert_false(update_state_load(&r, path, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_int_equal(r.phase, UPDATE_IDLE);
  assert_true(update_state_write(path, &(struct update_state){.phase = UPDATE_IDLE}, &e));
  assert_int_equal(access(path, F_OK), -1);
  assert_true(update_state_write(path, &(struct update_state){.phase = UPDATE_IDLE}, &e));
  assert_false(update_state_write("/nonexistent/x", &s, &e));
}

static void what_the_image_says_of_itself(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *built;
    int months;
    const char *from, *until;
  } cases[] = {{"1764547200", 24, "2025-12-01", "2027-12-01"},
               {"1772236800", 24, "2026-02-28", "2028-02-28"},
               {"1709164800", 24, "2024-02-29", "2026-02-28"}, // a leap day
               {"1767139200", 2, "2025-12-31", "2026-02-28"},
               {"1764547200", 0, "2025-12-01", ""},
               {"soon", 24, "", ""}};
  char path[96], text[256], day[11];
  struct err e = {0};
  struct release r;
  (void)snprintf(path, sizeof path, "%s/release", f->dir);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int n = snprintf(text, sizeof text,
                           "BOARD=b\nCOMPATIBLE=bayplate-b\nVERSION=1.2.0\nMINIMUM=1.0\n"
                           "BUILT=%s\nSUPPORT_MONTHS=%d\nOTHER=x\nno line\n",
                           cases[i].built, cases[i].months);
    assert_true(file_put(path, text, (size_t)n, NULL));
    assert_true(release_load(&r, path, &e));
    assert_string_equal(r.compatible, "bayplate-b");
    assert_string_equal(r.version, "1.2.0");
    assert_string_equal(r.minimum, "1.0");
    release_built(&r, day);
    assert_string_equal(day, cases[i].from);
    release_supported_until(&r, day);
    assert_string_equal(day, cases[i].until);
  }
  assert_false(release_load(&r, "/nonexistent", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_false(release_load(&r, "", &e));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_restart_is_told_and_waits_for_cars),
      cmocka_unit_test_setup_teardown(what_is_told_is_read, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(what_the_image_says_of_itself, fixture_setup,
                                      fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
