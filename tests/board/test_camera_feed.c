// SPDX-License-Identifier: Apache-2.0
#include "board/camera_feed.h"
#include "board/camera_feed_rules.h"
#include "board/camera_sim.h"
#include "board/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_NS (5 * CLOCK_NS_PER_S)

static struct camera_feed *start(const char *source, int offline_ms) {
  struct camera_feed_config config = {.offline_ms = offline_ms, .pause_ms = 20, .pause_max_ms = 80};
  (void)snprintf(config.camera.source, sizeof config.camera.source, "%s", source);
  config.camera.clock = clock_system();
  struct camera_feed *f = NULL;
  struct err e = {0};
  if (!camera_feed_new(&f, &config, &e))
    fail_msg("%s", e.text);
  return f;
}

// The next thing that is not "nothing", within the test's patience.
static enum camera_feed_take take(struct camera_feed *f, struct frame **out) {
  int64_t until = clock_mono_ns(clock_system()) + PATIENCE_NS;
  enum camera_feed_take got;
  do
    got = camera_feed_take(f, 50, out);
  while (got == FEED_NOTHING && clock_mono_ns(clock_system()) < until);
  return got;
}

static void expect_frame(struct camera_feed *f) {
  struct frame *frame = NULL;
  assert_int_equal(take(f, &frame), FEED_FRAME);
  frame_unref(frame);
}

static void expect_lost(struct camera_feed *f) {
  struct frame *frame = NULL;
  enum camera_feed_take got;
  while ((got = take(f, &frame)) == FEED_FRAME)
    frame_unref(frame);
  assert_int_equal(got, FEED_LOST);
}

static void wait_state(struct camera_feed *f, enum camera_state state) {
  int64_t until = clock_mono_ns(clock_system()) + PATIENCE_NS;
  struct camera_status s;
  do {
    camera_feed_status(f, &s);
    nanosleep(&(struct timespec){.tv_nsec = CLOCK_NS_PER_MS}, NULL);
  } while (s.state != state && clock_mono_ns(clock_system()) < until);
  assert_int_equal(s.state, state);
}

static int reset(void **state) {
  (void)state;
  camera_sim_fault(CAMERA_SIM_WELL);
  camera_sim_size(0, 0);
  return 0;
}

static void frames_come_with_rising_times(void **state) {
  (void)state;
  struct camera_feed *f = start("sim:?fps=200&width=64&height=48", 500);
  int64_t last = 0;
  for (int i = 0; i < 5; i++) {
    struct frame *frame = NULL;
    assert_int_equal(take(f, &frame), FEED_FRAME);
    assert_true(frame->mono_ns > last);
    assert_int_equal(frame->width, 64);
    last = frame->mono_ns;
    frame_unref(frame);
  }
  struct camera_status s;
  camera_feed_status(f, &s);
  assert_int_equal(s.state, CAMERA_ONLINE);
  assert_true(s.last_frame_wall_ns > 0);
  assert_string_equal(s.error, "");
  camera_feed_free(f);
}

static void a_slow_taker_gets_the_newest_frames_and_the_others_are_counted(void **state) {
  (void)state;
  struct camera_feed *f = start("sim:?fps=500&width=64&height=48", 1000);
  struct camera_status s;
  int64_t until = clock_mono_ns(clock_system()) + PATIENCE_NS;
  do
    camera_feed_status(f, &s);
  while (s.dropped < 10 && clock_mono_ns(clock_system()) < until);
  assert_true(s.dropped >= 10);
  struct frame *frame = NULL;
  assert_int_equal(camera_feed_take(f, 0, &frame), FEED_FRAME);
  assert_true(frame->seq >= s.dropped); // the oldest have been pushed out
  frame_unref(frame);
  camera_feed_free(f);
}

static void a_silent_camera_is_lost_and_comes_back_with_nothing_old(void **state) {
  (void)state;
  struct camera_feed *f = start("sim:?fps=100&width=64&height=48", 100);
  struct camera_status s;
  int64_t until = clock_mono_ns(clock_system()) + PATIENCE_NS;
  do // the queue is full of frames that nobody took
    camera_feed_status(f, &s);
  while (s.dropped == 0 && clock_mono_ns(clock_system()) < until);
  camera_sim_fault(CAMERA_SIM_SILENT);
  wait_state(f, CAMERA_OFFLINE);
  camera_feed_status(f, &s);
  assert_non_null(strstr(s.error, "no picture for 100 ms"));
  int64_t last = s.last_frame_mono_ns;
  assert_true(last > 0);
  struct frame *frame = NULL;
  assert_int_equal(take(f, &frame), FEED_LOST);
  assert_int_equal(camera_feed_take(f, 0, &frame), FEED_NOTHING); // told once, queue given up
  int64_t mended = clock_mono_ns(clock_system());
  camera_sim_size(80, 40); // another size after the break is fine
  camera_sim_fault(CAMERA_SIM_WELL);
  do { // the open of before the size was set may still be the one that goes on
    assert_int_equal(take(f, &frame), FEED_FRAME);
    assert_true(frame->mono_ns >= mended - CLOCK_NS_PER_MS);
    int width = frame->width;
    frame_unref(frame);
    if (width == 80)
      break;
    camera_sim_fault(CAMERA_SIM_GONE);
    expect_lost(f);
    camera_sim_fault(CAMERA_SIM_WELL);
  } while (clock_mono_ns(clock_system()) < mended + PATIENCE_NS);
  camera_feed_status(f, &s);
  assert_int_equal(s.state, CAMERA_ONLINE);
  camera_feed_free(f);
}

static void a_frozen_camera_is_offline_until_its_picture_changes(void **state) {
  (void)state;
  struct camera_feed *f = start("sim:?fps=100&width=64&height=48", 100);
  expect_frame(f);
  camera_sim_fault(CAMERA_SIM_FROZEN);
  expect_lost(f);
  struct camera_status s;
  camera_feed_status(f, &s);
  assert_non_null(strstr(s.error, "frozen"));
  camera_sim_fault(CAMERA_SIM_WELL);
  expect_frame(f);
  wait_state(f, CAMERA_ONLINE);
  camera_feed_free(f);
}

static void an_unchanged_picture_can_be_allowed(void **state) {
  (void)state;
  struct camera_feed_config config = {.offline_ms = 1000, .may_freeze = true};
  (void)snprintf(config.camera.source, sizeof config.camera.source,
                 "sim:?fps=100&width=64&height=48");
  config.camera.clock = clock_system();
  camera_sim_fault(CAMERA_SIM_FROZEN);
  struct camera_feed *f = NULL;
  struct err e = {0};
  assert_true(camera_feed_new(&f, &config, &e));
  for (int i = 0; i < 150; i++) // half as long again
    expect_frame(f);
  camera_feed_free(f);
}

static void a_camera_that_is_away_is_tried_again(void **state) {
  (void)state;
  camera_sim_fault(CAMERA_SIM_GONE);
  uint64_t before = camera_sim_opens();
  struct camera_feed *f = start("sim:", 100);
  wait_state(f, CAMERA_OFFLINE);
  int64_t until = clock_mono_ns(clock_system()) + PATIENCE_NS;
  while (camera_sim_opens() < before + 3 && clock_mono_ns(clock_system()) < until)
    nanosleep(&(struct timespec){.tv_nsec = CLOCK_NS_PER_MS}, NULL);
  assert_true(camera_sim_opens() >= before + 3);
  camera_sim_fault(CAMERA_SIM_WELL);
  expect_frame(f);
  camera_feed_free(f);
}

static void stopping_does_not_wait_for_a_silent_camera(void **state) {
  (void)state;
  camera_sim_fault(CAMERA_SIM_SILENT);
  struct camera_feed *f = start("sim:", 60000);
  int64_t begin = clock_mono_ns(clock_system());
  camera_feed_free(f);
  assert_true(clock_mono_ns(clock_system()) - begin < CLOCK_NS_PER_S);
}

static void pauses_grow_to_the_limit_with_jitter(void **state) {
  (void)state;
  struct camera_rules r;
  camera_rules_init(&r, 0, 1000, 30000, 7);
  static const int want[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
  int exact = 0;
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
    int pause = camera_rules_pause_ms(&r);
    assert_in_range(pause, want[i] * 3 / 4, want[i] * 5 / 4);
    exact += pause == want[i];
  }
  assert_true(exact < 3);
  camera_rules_lived(&r, 29 * CLOCK_NS_PER_S); // died soon again: not hammered
  assert_true(camera_rules_pause_ms(&r) >= 22500);
  camera_rules_lived(&r, 31 * CLOCK_NS_PER_S);
  assert_true(camera_rules_pause_ms(&r) <= 1250);
}

static void a_source_no_driver_knows_is_refused(void **state) {
  (void)state;
  struct camera_feed_config config = {
      .camera = {.source = "gopher://x/y", .clock = clock_system()}};
  struct camera_feed *f = NULL;
  struct err e = {0};
  assert_false(camera_feed_new(&f, &config, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_non_null(strstr(e.text, "gopher"));
}

static void a_password_is_not_shown(void **state) {
  (void)state;
  char out[CAMERA_SOURCE_MAX];
  camera_source_shown("rtsp://admin:p@ss@10.0.0.9:554/ch1?u=a@b", out, sizeof out);
  assert_string_equal(out, "rtsp://10.0.0.9:554/ch1?u=a@b");
  camera_source_shown("/clips/a@b.mp4", out, sizeof out);
  assert_string_equal(out, "/clips/a@b.mp4");
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup(f, reset)
  const struct CMUnitTest tests[] = {
      CASE(frames_come_with_rising_times),
      CASE(a_slow_taker_gets_the_newest_frames_and_the_others_are_counted),
      CASE(a_silent_camera_is_lost_and_comes_back_with_nothing_old),
      CASE(a_frozen_camera_is_offline_until_its_picture_changes),
      CASE(an_unchanged_picture_can_be_allowed),
      CASE(a_camera_that_is_away_is_tried_again),
      CASE(stopping_does_not_wait_for_a_silent_camera),
      CASE(pauses_grow_to_the_limit_with_jitter),
      CASE(a_source_no_driver_knows_is_refused),
      CASE(a_password_is_not_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
