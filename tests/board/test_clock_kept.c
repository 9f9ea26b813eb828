// SPDX-License-Identifier: Apache-2.0
#include "board/clock_kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define S CLOCK_NS_PER_S
#define MIN (60 * S)
#define DAY (86400 * S)
#define EVERY_S 1800

static char dir[64], file[128], mark[128];
static struct clock_sim *sim;
static struct clock_kept *k;
static struct err e;

static int set_up(void **state) {
  (void)state;
  (void)snprintf(dir, sizeof dir, "/tmp/bayplate-clock-XXXXXX");
  if (!mkdtemp(dir))
    return -1;
  (void)snprintf(file, sizeof file, "%s/clock", dir);
  (void)snprintf(mark, sizeof mark, "%s/restored", dir);
  k = NULL;
  sim = NULL;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  clock_kept_free(k);
  clock_sim_free(sim);
  (void)unlink(file);
  (void)unlink(mark);
  return rmdir(dir); // nothing else was left
}

static int64_t build_ns(void) {
  return clock_build_s() * S;
}

// The board starts; its own clock shows `wall`.
static const struct bp_clock *start(int64_t wall_ns, bool synced, const char *boot) {
  sim = clock_sim_new(5 * S, wall_ns);
  clock_sim_set_wall(sim, wall_ns, synced);
  const struct clock_kept_options o = {
      .base = clock_sim_clock(sim), .file = file, .mark = mark, .boot = boot, .every_s = EVERY_S};
  if (!clock_kept_new(&k, &o, &e))
    fail_msg("%s", e.text);
  return clock_kept_clock(k);
}

static void stop(void) {
  clock_kept_free(k);
  clock_sim_free(sim);
  k = NULL;
  sim = NULL;
}

static void put(const char *path, const char *text) {
  FILE *f = fopen(path, "we");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static int64_t kept_s(void) {
  struct clock_kept_file kept;
  if (!clock_kept_read(file, &kept, &e))
    fail_msg("%s", e.text);
  return kept.wall_s;
}

// How often was the file made anew, by its inode and content.
static void tick_for(int64_t ns, int *writes) {
  int64_t before = access(file, F_OK) == 0 ? kept_s() : 0;
  for (int64_t at = 0; at < ns; at += 10 * S) {
    clock_sim_advance(sim, 10 * S);
    assert_true(clock_kept_tick(k, &e));
    int64_t now = access(file, F_OK) == 0 ? kept_s() : 0;
    *writes += now != before;
    before = now;
  }
}

static void time_goes_on_over_boots_without_a_battery(void **state) {
  (void)state;
  int writes = 0;
  const struct bp_clock *c = start(build_ns() + 100 * DAY, true, "boot-1"); // NTP has set it
  assert_true(clock_trusted(c, false));
  tick_for(60 * MIN, &writes);
  int64_t last = clock_wall_ns(c);
  stop(); // keeps the last moment
  assert_int_equal(kept_s(), last / S);
  c = start(0, false, "boot-2"); // 1970, as every such board begins
  assert_int_equal(clock_wall_ns(c), last / S * S);
  assert_false(clock_trusted(c, false)); // plausible, but days are not counted by it
  clock_sim_advance(sim, 90 * S);
  assert_int_equal(clock_wall_ns(c), last / S * S + 90 * S);
  clock_sim_set_wall(sim, last + 3 * DAY, true); // NTP: it had been off for three days
  assert_int_equal(clock_wall_ns(c), last + 3 * DAY);
  assert_true(clock_trusted(c, true));
}

static void nothing_is_before_the_build(void **state) {
  (void)state;
  const struct bp_clock *c = start(S, false, "boot-1");
  assert_int_equal(clock_wall_ns(c), build_ns());
  assert_false(clock_trusted(c, false));
  stop();
  put(file, "bayplate-clock 1 1000 0 boot-0\n"); // kept by a clock that was never right
  c = start(S, false, "boot-2");
  assert_int_equal(clock_wall_ns(c), build_ns());
}

static void writes_are_few(void **state) {
  (void)state;
  int writes = 0;
  (void)start(build_ns() + DAY, true, "boot-1");
  tick_for(DAY, &writes);
  assert_int_equal(writes, 48); // one at NTP's first word, then every 30 minutes
  stop();
  writes = 0;
  (void)start(build_ns() + 3 * DAY, false, "boot-2");
  tick_for(29 * MIN, &writes);
  assert_int_equal(writes, 0);
  tick_for(2 * MIN, &writes);
  assert_int_equal(writes, 1);
}

static void a_power_cut_loses_at_most_the_interval(void **state) {
  (void)state;
  int writes = 0;
  const struct bp_clock *c = start(build_ns() + DAY, true, "boot-1");
  tick_for(100 * MIN, &writes);
  int64_t cut_s = clock_wall_ns(c) / S; // no clock_kept_free: the power is gone
  assert_true(cut_s - kept_s() <= EVERY_S && kept_s() <= cut_s);
}

static void ntp_sets_it_back_when_the_kept_time_was_wrong(void **state) {
  (void)state;
  put(file, "");
  assert_true(clock_kept_write(
      file, &(struct clock_kept_file){.wall_s = clock_build_s() + 86400 * 900}, &e));
  const struct bp_clock *c = start(build_ns() + 10 * DAY, false, "boot-1");
  assert_int_equal(clock_wall_ns(c), build_ns() + 900 * DAY);
  clock_sim_set_wall(sim, build_ns() + 10 * DAY, true);
  assert_int_equal(clock_wall_ns(c), build_ns() + 10 * DAY);
  assert_true(clock_trusted(c, false));
  assert_true(clock_kept_tick(k, &e)); // at once
  assert_int_equal(kept_s(), clock_build_s() + 86400 * 10);
}

static void what_ntp_set_stays_believed_without_network(void **state) {
  (void)state;
  const struct bp_clock *c = start(build_ns() + DAY, true, "boot-1");
  assert_true(clock_trusted(c, true));
  assert_true(clock_kept_tick(k, &e));
  clock_sim_advance(sim, DAY); // the kernel gives up after some hours
  clock_sim_set_wall(sim, build_ns() + 2 * DAY, false);
  assert_true(clock_trusted(c, true));
  stop();
  c = start(build_ns() + 2 * DAY, false, "boot-1"); // only the program was started again
  assert_true(clock_trusted(c, true));
  stop();
  c = start(build_ns() + 2 * DAY, false, "boot-2"); // the power was off
  assert_false(clock_trusted(c, true));
  stop();
  c = start(build_ns() + 2 * DAY, false, ""); // a kernel without boot ids: no boot is the same
  assert_false(clock_trusted(c, true));
}

static void a_clock_that_had_to_be_lifted_is_a_guess(void **state) {
  (void)state;
  put(mark, "");
  const struct bp_clock *c = start(build_ns() + DAY, false, "boot-1");
  assert_false(clock_trusted(c, false)); // though it is not before anything
  clock_sim_set_wall(sim, build_ns() + 2 * DAY, true);
  assert_true(clock_trusted(c, false));
  stop();
  assert_int_equal(unlink(mark), 0);
  c = start(build_ns() + 3 * DAY, false, "boot-2"); // a battery clock that went on
  assert_true(clock_trusted(c, false));
}

static int64_t machine_s;

static bool set(void *ctx, int64_t wall_s, struct err *err) {
  (void)err;
  machine_s = wall_s;
  return ctx == NULL || err_set(err, ERR_DENIED, "no right");
}

static void booting_lifts_the_machines_clock(void **state) {
  (void)state;
  bool lifted = false;
  int64_t to = 0;
  sim = clock_sim_new(0, 0);
  const struct bp_clock *now = clock_sim_clock(sim);
  assert_true(clock_kept_restore(file, now, set, NULL, &lifted, &to, &e)); // nothing is kept yet
  assert_true(lifted);
  assert_int_equal(machine_s, clock_build_s());
  assert_true(clock_kept_write(
      file, &(struct clock_kept_file){.wall_s = clock_build_s() + 777, .boot = "b"}, &e));
  assert_true(clock_kept_restore(file, now, set, NULL, &lifted, &to, &e));
  assert_int_equal(machine_s, clock_build_s() + 777);
  assert_false(clock_kept_restore(file, now, set, &e, &lifted, &to, &e)); // it may not
  clock_sim_set_wall(sim, build_ns() + 778 * S, false);
  machine_s = 0;
  assert_true(clock_kept_restore(file, now, set, NULL, &lifted, &to, &e));
  assert_false(lifted);
  assert_int_equal(machine_s, 0); // one that goes on is left alone
  put(file, "rubbish");
  clock_sim_set_wall(sim, 0, false);
  assert_true(clock_kept_restore(file, now, set, NULL, &lifted, &to, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_int_equal(machine_s, clock_build_s());
}

static void what_is_no_kept_time_is_left_aside(void **state) {
  (void)state;
  static const char *const wrong[] = {"",
                                      "\n",
                                      "bayplate-clock 1 \n",
                                      "bayplate-clock 1 -5 0 b\n",
                                      "bayplate-clock 1 1764115200 2 b\n",
                                      "bayplate-clock 1 1764115200 1 b",
                                      "bayplate-clock 1 1764115200 1 b\nmore\n",
                                      "bayplate-clock 2 1764115200 1 b\n",
                                      "bayplate-clock 1 99999999999999 1 b\n",
                                      "bayplate-clock 1 99999999999999999999999999 1 b\n"};
  struct clock_kept_file kept;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    put(file, wrong[i]);
    if (clock_kept_read(file, &kept, &e))
      fail_msg("taken: %s", wrong[i]);
    assert_int_equal(e.code, ERR_FORMAT);
    assert_int_equal(kept.wall_s, 0);
  }
  const struct bp_clock *c = start(build_ns() + DAY, true, "boot-1");
  assert_int_equal(e.code, ERR_FORMAT); // told, and it starts
  assert_true(clock_trusted(c, true));
  stop();
  assert_true(kept_s() > 0); // and is put right
}

static void a_disk_that_takes_nothing_stops_nothing(void **state) {
  (void)state;
  (void)start(build_ns() + DAY, true, "boot-1");
  assert_int_equal(mkdir(file, 0700), 0); // no file can take this name
  int failures = 0;
  for (int i = 0; i < 60; i++) {
    clock_sim_advance(sim, S);
    failures += !clock_kept_tick(k, &e);
  }
  assert_int_equal(failures, 1); // once a minute, not every second
  clock_kept_free(k);
  k = NULL;
  assert_int_equal(rmdir(file), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(time_goes_on_over_boots_without_a_battery),
      TEST(nothing_is_before_the_build),
      TEST(writes_are_few),
      TEST(a_power_cut_loses_at_most_the_interval),
      TEST(ntp_sets_it_back_when_the_kept_time_was_wrong),
      TEST(what_ntp_set_stays_believed_without_network),
      TEST(a_clock_that_had_to_be_lifted_is_a_guess),
      TEST(booting_lifts_the_machines_clock),
      TEST(what_is_no_kept_time_is_left_aside),
      TEST(a_disk_that_takes_nothing_stops_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
