// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/visit_world.h"
#include "vision/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int step(struct tracker *tr, const struct plate_read *r, int64_t t) {
  int to = -1;
  tracker_step(tr, r, 1, t, 0, &to);
  tracker_read(tr, to, r, t);
  return to;
}

static void one_car_keeps_one_track_while_it_comes(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  int first = -1;
  for (int i = 0; i < 60; i++) {
    struct plate_read r = world_read("粤A12345", 0.9f, 640, 250 + 6 * (float)i, 40 + 2 * (float)i);
    int to = step(&tr, &r, i * FRAME_NS);
    if (first < 0)
      first = to;
    assert_int_equal(to, first);
  }
  assert_int_equal(tr.track[first].direction, DIRECTION_IN);
  assert_true(tr.track[first].still_ns == INT64_MAX);
  assert_int_equal(tr.track[first].seen, 60);
}

static void unreadable_plates_are_followed_by_place(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  for (int i = 0; i < 40; i++) {
    struct plate_read two[2] = {world_read("", 0, 300 + 4 * (float)i, 300, 60),
                                world_read("", 0, 900 - 4 * (float)i, 500, 80)};
    int to[2];
    if (i % 2) { // the detector's order says nothing
      struct plate_read swap = two[0];
      two[0] = two[1];
      two[1] = swap;
    }
    tracker_step(&tr, two, 2, i * FRAME_NS, 0, to);
    assert_int_equal(to[i % 2], 0);
    assert_int_equal(to[1 - i % 2], 1);
  }
}

static void a_standing_box_that_jitters_has_no_direction(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  int to = -1;
  for (int i = 0; i < 500; i++) {
    float jitter = (float)(i * 7919 % 13 - 6);
    struct plate_read r =
        world_read("粤A12345", 0.9f, 640 + jitter / 3, 400 + jitter / 2, 120 + jitter / 3);
    to = step(&tr, &r, i * FRAME_NS);
  }
  assert_int_equal(tr.track[to].direction, DIRECTION_UNKNOWN);
  assert_true(tr.track[to].travel < 0.5f);
}

static void direction_turns_only_after_a_real_way_back(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  int to = -1, i = 0;
  float y = 300, w = 60;
  for (; i < 50; i++, y += 4, w += 1) {
    struct plate_read r = world_read("粤A12345", 0.9f, 640, y, w);
    to = step(&tr, &r, i * FRAME_NS);
  }
  assert_int_equal(tr.track[to].direction, DIRECTION_IN);
  for (int k = 0; k < 6; k++, i++, y -= 4, w -= 1) { // rolls back a little
    struct plate_read r = world_read("粤A12345", 0.9f, 640, y, w);
    to = step(&tr, &r, i * FRAME_NS);
  }
  assert_int_equal(tr.track[to].direction, DIRECTION_IN);
  for (int k = 0; k < 40; k++, i++, y -= 4, w -= 1) {
    struct plate_read r = world_read("粤A12345", 0.9f, 640, y, w);
    to = step(&tr, &r, i * FRAME_NS);
  }
  assert_int_equal(tr.track[to].direction, DIRECTION_OUT);
}

static void the_in_direction_may_be_any(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 0); // arriving cars move to the right
  int to = -1;
  for (int i = 0; i < 40; i++) {
    struct plate_read r = world_read("粤A12345", 0.9f, 900 - 8 * (float)i, 400, 100);
    to = step(&tr, &r, i * FRAME_NS);
  }
  assert_int_equal(tr.track[to].direction, DIRECTION_OUT);
}

static void jitter_of_the_reader_stays_in_the_track(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  static const char *const text[] = {"粤A12345", "粤A12845", "粤A12345", "皖A12346"};
  for (int i = 0; i < 40; i++) {
    struct plate_read r = world_read(text[i % 4], 0.7f, 640, 300 + 3 * (float)i, 90);
    assert_int_equal(step(&tr, &r, i * FRAME_NS), 0);
  }
}

static void another_reliable_text_in_the_same_place_is_another_car(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  int a = -1, b = -1;
  for (int i = 0; i < 10; i++) {
    struct plate_read r = world_read("粤A12345", 0.95f, 640, 500, 110);
    a = step(&tr, &r, i * FRAME_NS);
  }
  for (int i = 10; i < 14; i++) {
    struct plate_read r = world_read("京C88888", 0.95f, 640, 500, 110);
    b = step(&tr, &r, i * FRAME_NS);
  }
  assert_int_not_equal(a, b);
}

static void a_parked_car_is_found_again_by_place(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  for (int i = 0; i < 10; i++) {
    struct plate_read r = world_read("", 0, 640, 500, 110);
    assert_int_equal(step(&tr, &r, i * FRAME_NS), 0);
  }
  struct plate_read r =
      world_read("", 0, 645, 502, 111); // somebody stood before it for two seconds
  assert_int_equal(step(&tr, &r, 3 * SECOND_NS), 0);
  r = world_read("", 0, 560, 420, 90); // but this one came since
  assert_int_not_equal(step(&tr, &r, 6 * SECOND_NS), 0);
}

static void more_plates_than_tracks_are_no_danger(void **state) {
  (void)state;
  struct tracker tr;
  tracker_init(&tr, 90);
  struct plate_read r[TRACK_READS_MAX + 4];
  int to[TRACK_READS_MAX + 4];
  for (int i = 0; i < TRACK_READS_MAX + 4; i++)
    r[i] = world_read("", 0, 30 + 35 * (float)i, 40 + 18 * (float)i, 20);
  for (int k = 0; k < 3; k++)
    tracker_step(&tr, r, TRACK_READS_MAX + 4, k * FRAME_NS, 0, to);
  int given = 0;
  for (int i = 0; i < TRACK_READS_MAX + 4; i++)
    given += to[i] >= 0;
  assert_int_equal(given, TRACKS_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_car_keeps_one_track_while_it_comes),
      cmocka_unit_test(unreadable_plates_are_followed_by_place),
      cmocka_unit_test(a_standing_box_that_jitters_has_no_direction),
      cmocka_unit_test(direction_turns_only_after_a_real_way_back),
      cmocka_unit_test(the_in_direction_may_be_any),
      cmocka_unit_test(jitter_of_the_reader_stays_in_the_track),
      cmocka_unit_test(another_reliable_text_in_the_same_place_is_another_car),
      cmocka_unit_test(a_parked_car_is_found_again_by_place),
      cmocka_unit_test(more_plates_than_tracks_are_no_danger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
