// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/visit_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void one_car_is_one_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_empty(&w, 1);
  int64_t first = w.t;
  scene_arrive(&w, "粤A12345", 0.97f);
  scene_stand(&w, "粤A12345", 0.97f, 5);
  scene_leave(&w, "粤A12345", 0.97f);
  scene_empty(&w, 5);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  const struct visit_event *o = scene_nth(&w, VISIT_OPENED, 0);
  assert_int_equal(o->visit, 7);
  assert_true(o->t_ns - first <= 4 * FRAME_NS); // at once
  assert_int_equal(o->first_read_ns, first);
  assert_string_equal(o->best.text, "粤A12345");
  assert_non_null(o->evidence.plane[0]);
  assert_int_equal(w.event[0].kind, VISIT_OPENED);
  assert_int_equal(scene_last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(scene_last(&w)->certainty, VISIT_CERTAIN);
  assert_int_equal(scene_last(&w)->direction, DIRECTION_IN);
  assert_true(w.n < 14); // told when there is news, not every frame
  scene_finish(&w);
}

static void the_text_improves_under_one_number(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 3; i++)
    scene_show(&w, "皖A12845", 0.5f, 640, 300, 40, 0.5f);
  scene_arrive(&w, "粤A12345", 0.95f);
  scene_stand(&w, "粤A12345", 0.95f, 1);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_string_equal(scene_nth(&w, VISIT_OPENED, 0)->best.text, "皖A12845");
  assert_int_equal(scene_nth(&w, VISIT_OPENED, 0)->certainty, VISIT_UNSURE);
  assert_string_equal(scene_last(&w)->best.text, "粤A12345");
  assert_int_equal(scene_last(&w)->certainty, VISIT_CERTAIN);
  assert_int_equal(scene_last(&w)->visit, 7);
  scene_finish(&w);
}

// The crop told is of the frame in which the winning text was read, never of the frame of another
// text.
static void evidence_is_from_the_frame_of_the_winning_read(void **state) {
  (void)state;
  struct scene w = scene_start();
  uint8_t is_right[256] = {0};
  for (int i = 0; i < 60; i++) {
    bool wrong = i % 3 == 2;
    scene_show(&w, wrong ? "粤A12346" : "粤A12345", wrong ? 0.8f : 0.9f, 640, 300 + 3 * (float)i,
               60 + (float)i, 0.5f);
    is_right[w.shade] = !wrong;
  }
  int told = 0;
  for (int i = 0; i < w.n; i++) {
    if (w.evidence[i] == 0)
      continue;
    told++;
    assert_string_equal(w.event[i].best.text, "粤A12345");
    assert_true(is_right[w.evidence[i]]);
    assert_true(w.event[i].evidence.width <= EVIDENCE_WIDTH_MAX);
  }
  assert_true(told >= 1);
  scene_finish(&w);
}

// Each read has another symbol wrong: the text pieced together of them was never read as a whole,
// and the card shows the plate all the same.
static void readers_that_waver_leave_no_card_without_a_picture(void **state) {
  (void)state;
  struct scene w = scene_start();
  const char *reads[] = {"粤A12346", "粤A12395", "粤A17345"};
  for (int i = 0; i < 30; i++)
    scene_show(&w, reads[i % 3], 0.7f, 640, 300 + 3 * (float)i, 60 + (float)i, 0.5f);
  const struct visit_event *o = scene_nth(&w, VISIT_OPENED, 0);
  assert_string_equal(o->best.text, "粤A12345");
  assert_int_equal(o->certainty, VISIT_UNSURE);
  assert_non_null(o->evidence.plane[0]);
  scene_finish(&w);
}

static void a_parked_car_opens_nothing_again(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "粤A12345", 0.97f);
  for (int i = 0; i < 1200; i++) { // ten minutes, looked at twice a second
    scene_show(&w, i % 9 == 0 ? "粤A12845" : "粤A12345", 0.9f, 640, 534, 110.2f, 0);
    w.t += SECOND_NS / 2;
  }
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 0);
  assert_int_equal(scene_count(&w, VISIT_REOPENED), 0);
  scene_finish(&w);
}

static void a_parked_car_hidden_without_motion_is_still_there(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "粤A12345", 0.97f);
  scene_stand(&w, "粤A12345", 0.97f, 3);
  scene_empty(&w, 30); // the detector misses it, nothing moved
  scene_stand(&w, "粤A12345", 0.97f, 1);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 0);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  scene_finish(&w);
}

static void the_same_car_within_the_gap_is_the_same_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "粤A12345", 0.97f);
  scene_leave(&w, "粤A12345", 0.97f);
  scene_empty(&w, 10);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  w.t += 300 * SECOND_NS;
  scene_arrive(&w, "粤A12345", 0.97f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_REOPENED), 1);
  assert_int_equal(scene_nth(&w, VISIT_REOPENED, 0)->visit, 7);
  scene_leave(&w, "粤A12345", 0.97f);
  scene_empty(&w, 10);
  w.t += 700 * SECOND_NS; // longer than the gap
  scene_arrive(&w, "粤A12345", 0.97f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 2);
  assert_int_equal(scene_nth(&w, VISIT_OPENED, 1)->visit, 8);
  scene_finish(&w);
}

static void another_car_right_behind_is_another_visit(void **state) {
  (void)state;
  static const char *const other[] = {"京C88888", "粤A12346"}; // even if one symbol differs
  for (int k = 0; k < 2; k++) {
    struct scene w = scene_start();
    scene_arrive(&w, "粤A12345", 0.97f);
    scene_stand(&w, "粤A12345", 0.97f, 2);
    scene_leave(&w, "粤A12345", 0.97f);
    scene_arrive(&w, other[k], 0.97f); // not one frame between them
    scene_stand(&w, other[k], 0.97f, 2);
    scene_empty(&w, 5);
    assert_int_equal(scene_count(&w, VISIT_OPENED), 2);
    assert_string_equal(scene_nth(&w, VISIT_OPENED, 1)->best.text, other[k]);
    assert_int_equal(scene_count(&w, VISIT_MERGED), 0);
    scene_finish(&w);
  }
}

// Far away it was read wrong; close up its true text begins a track of its own.
static void a_far_text_that_was_wrong_is_no_car_of_its_own(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 40; i++)
    scene_show(&w, i < 25 ? "皖A00731" : "京A88731", i < 25 ? 0.5f : 0.97f, 640, 300 + 6 * (float)i,
               40 + 1.8f * (float)i, 0.5f);
  scene_stand(&w, "京A88731", 0.97f, 2);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  scene_leave(&w, "京A88731", 0.97f);
  scene_empty(&w, 5);
  assert_string_equal(scene_nth(&w, VISIT_CLOSED, 0)->best.text, "京A88731");
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  scene_finish(&w);
}

static void two_cars_in_view_are_two_visits(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 80; i++) {
    struct plate_read r[2] = {
        world_read("粤A12345", 0.97f, 640, 300 + 3 * (float)i, 60 + (float)i),
        world_read("京C88888", 0.97f, 640, 120 + 2 * (float)i, 40 + 0.5f * (float)i)};
    struct motion_result m = scene_stir(640, 400, 120, 0.5f);
    scene_frame(&w, r, 2, &m);
  }
  assert_int_equal(scene_count(&w, VISIT_OPENED), 2);
  scene_finish(&w);
}

static void jitter_of_one_plate_is_one_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  static const char *const text[] = {"粤A12345", "粤A12845", "皖A12345", "粤A12346", "粤B12345"};
  for (int i = 0; i < 100; i++)
    scene_show(&w, text[i % 5], 0.55f, 640, 300 + 2 * (float)i, 60 + 0.6f * (float)i, 0.5f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_MERGED), 0);
  assert_int_not_equal(scene_last(&w)->certainty, VISIT_CERTAIN);
  assert_true(scene_last(&w)->best.alternatives >= 2);
  scene_finish(&w);
}

static void a_visit_opened_wrongly_is_merged(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "粤A12345", 0.97f);
  scene_leave(&w, "粤A12345", 0.97f);
  scene_empty(&w, 20);
  for (int i = 0; i < 4; i++) // back again, badly seen at first
    scene_show(&w, "粤A12B45", 0.5f, 640, 300, 40, 0.5f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 2);
  scene_arrive(&w, "粤A12345", 0.97f);
  assert_int_equal(scene_count(&w, VISIT_MERGED), 1);
  assert_int_equal(scene_nth(&w, VISIT_MERGED, 0)->visit, 8);
  assert_int_equal(scene_nth(&w, VISIT_MERGED, 0)->into, 7);
  assert_int_equal(scene_count(&w, VISIT_REOPENED), 1);
  scene_stand(&w, "粤A12345", 0.97f, 1);
  scene_leave(&w, "粤A12345", 0.97f);
  scene_empty(&w, 5);
  assert_int_equal(scene_last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(scene_last(&w)->visit, 7);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 2);
  scene_finish(&w);
}

static void a_plate_that_cannot_be_read_is_a_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "", 0);
  scene_stand(&w, "", 0, 4);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  const struct visit_event *o = scene_nth(&w, VISIT_OPENED, 0);
  assert_int_equal(o->certainty, VISIT_UNREAD);
  assert_string_equal(o->best.text, "");
  assert_non_null(o->evidence.plane[0]);
  assert_true(o->evidence.width <= EVIDENCE_CAR_MAX && o->evidence.height <= EVIDENCE_CAR_MAX);
  scene_leave(&w, "", 0);
  scene_empty(&w, 5);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  scene_finish(&w);
}

static void come_without_plate(struct scene *w, int frames) {
  for (int i = 0; i < frames; i++) {
    struct motion_result m = scene_stir(640, 330 + 5 * (float)(i < 40 ? i : 40),
                                        40 + 1.8f * (float)(i < 40 ? i : 40), i < 40 ? 0.5f : 0);
    scene_frame(w, NULL, 0, &m);
  }
}

static void a_car_without_any_plate_is_a_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  come_without_plate(&w, 200);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_last(&w)->certainty, VISIT_UNREAD);
  for (int i = 0; i < 25; i++) { // it drives off
    struct motion_result m = scene_stir(640 + 25 * (float)i, 530, 110, 0.5f);
    scene_frame(&w, NULL, 0, &m);
  }
  scene_empty(&w, 6);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  scene_finish(&w);
}

static void an_unread_car_whose_plate_appears_keeps_its_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  come_without_plate(&w, 150);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  scene_stand(&w, "粤A12345", 0.97f, 2);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_string_equal(scene_last(&w)->best.text, "粤A12345");
  assert_int_equal(scene_last(&w)->visit, 7);
  scene_finish(&w);
}

static void a_person_or_a_shadow_is_no_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 400; i++) { // narrow, upright, walks and stands
    struct motion_result m = {.moving = i < 200, .occupied = true, .boxes = 1};
    float x = 0.2f + 0.002f * (float)(i < 200 ? i : 200);
    m.box[0] = (struct motion_box){x, 0.3f, x + 0.07f, 0.9f, 0.035f, i < 200 ? 0.5f : 0};
    scene_frame(&w, NULL, 0, &m);
  }
  for (int i = 0; i < 200; i++) { // the sun goes behind a cloud
    struct motion_result m = {.moving = true, .occupied = true, .boxes = 1};
    m.box[0] = (struct motion_box){0, 0, 1, 1, 0.95f, i < 100 ? 0.5f : 0};
    scene_frame(&w, NULL, 0, &m);
  }
  assert_int_equal(w.n, 0);
  scene_finish(&w);
}

static void a_sign_on_the_wall_is_no_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  static const char *const junk[] = {"", "苏E11111", "", "京T17171", "鲁C00D00"};
  for (int i = 0; i < 1000; i++)
    scene_show(&w, junk[i % 5], 0.15f, 200, 100, 80, 0);
  assert_int_equal(w.n, 0);
  scene_finish(&w);
}

static void the_camera_away_and_back_replays_nothing(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "粤A12345", 0.97f);
  scene_stand(&w, "粤A12345", 0.97f, 2);
  int before = w.n;
  visits_camera_lost(w.v);
  for (int i = 0; i < 20; i++)
    visits_idle(w.v, w.t += SECOND_NS, scene_note, &w);
  assert_int_equal(w.n, before); // nothing is closed while nobody looks
  scene_stand(&w, "粤A12345", 0.97f, 5);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_count(&w, VISIT_REOPENED), 0);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 0);
  scene_finish(&w);
}

static void a_car_that_left_while_the_camera_was_away_is_closed(void **state) {
  (void)state;
  struct scene w = scene_start();
  scene_arrive(&w, "粤A12345", 0.97f);
  scene_stand(&w, "粤A12345", 0.97f, 2);
  visits_camera_lost(w.v);
  w.t += 60 * SECOND_NS;
  scene_empty(&w, 5);
  assert_int_equal(scene_last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  scene_finish(&w);
}

static void visits_go_on_after_a_restart(void **state) {
  (void)state;
  struct scene w = scene_start();
  struct err e;
  struct analyser_seed seed[3] = {
      {.visit = 40, .text = "粤A12345", .open = true, .last_seen_ns = -5 * SECOND_NS},
      {.visit = 41, .text = "京C88888", .last_seen_ns = -60 * SECOND_NS},
      {.visit = 42, .text = "沪B00001", .open = true, .last_seen_ns = -9 * SECOND_NS}};
  assert_true(visits_seed(w.v, seed, 3, &e));
  scene_stand(&w, "粤A12345", 0.97f, 5); // parked in view
  assert_int_equal(scene_count(&w, VISIT_OPENED), 0);
  assert_int_equal(scene_nth(&w, VISIT_REOPENED, 0)->visit, 40);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1); // the open one that is not here any more
  assert_int_equal(scene_nth(&w, VISIT_CLOSED, 0)->visit, 42);
  scene_arrive(&w, "京C88888", 0.97f);
  assert_int_equal(scene_last(&w)->visit, 41);
  scene_arrive(&w, "苏E55555", 0.97f);
  assert_int_equal(scene_nth(&w, VISIT_OPENED, 0)->visit, 43);
  scene_finish(&w);
}

static void too_many_seeds_are_refused(void **state) {
  (void)state;
  struct scene w = scene_start();
  struct err e;
  static struct analyser_seed seed[VISITS_RECENT_MAX + 1];
  assert_false(visits_seed(w.v, seed, VISITS_RECENT_MAX + 1, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  scene_finish(&w);
}

static void more_visits_than_are_remembered(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < VISITS_RECENT_MAX + 40; i++) {
    char text[PLATE_TEXT_MAX];
    (void)snprintf(text, sizeof text, "粤A%05d", i * 331 % 99999);
    for (int k = 0; k < 4; k++)
      scene_show(&w, text, 0.97f, 300 + 10 * (float)k, 500, 100, 0.5f);
    w.t += 4 * SECOND_NS;
    scene_empty(&w, 0.04);
    w.n = 0;
  }
  scene_arrive(&w, "苏E55555", 0.97f);
  assert_int_equal(scene_nth(&w, VISIT_OPENED, 0)->visit, 7 + VISITS_RECENT_MAX + 40);
  scene_finish(&w);
}

static void a_leaving_car_is_out(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 60; i++)
    scene_show(&w, "粤A12345", 0.97f, 640, 640 - 7 * (float)i, 150 - 2 * (float)i, 0.5f);
  scene_empty(&w, 4);
  assert_int_equal(scene_last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(scene_last(&w)->direction, DIRECTION_OUT);
  scene_finish(&w);
}

// It stood there when the terminal began, as part of the background; its plate says nothing clear.
static void a_car_that_stood_there_is_a_visit_when_it_leaves(void **state) {
  (void)state;
  struct scene w = scene_start();
  static const char *const seen[] = {"粤A12345", "豫B67890", "", "川C24680"};
  for (int i = 0; i < 75; i++) {
    struct plate_read r = world_read(seen[i % 4], 0.2f, 640, 500, 110);
    scene_frame(&w, &r, 1, NULL);
  }
  assert_int_equal(w.n, 0);
  for (int i = 0; i < 12; i++)
    scene_show(&w, seen[i % 4], 0.1f, 640, 500 + 6 * (float)i, 110, 0.5f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_nth(&w, VISIT_OPENED, 0)->certainty, VISIT_UNREAD);
  scene_empty(&w, 4);
  assert_int_equal(scene_count(&w, VISIT_CLOSED), 1);
  scene_finish(&w);
}

// What is read from afar is not shown while better views are still to come.
static void a_coming_car_is_shown_by_good_reads_only(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 6; i++)
    scene_show(&w, "豫A12845", 0.35f, 640, 300 + 8 * (float)i, 40 + 2 * (float)i, 0.5f);
  assert_int_equal(w.n, 0);
  for (int i = 6; i < 12; i++)
    scene_show(&w, "粤A12345", 0.95f, 640, 300 + 8 * (float)i, 40 + 2 * (float)i, 0.5f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_string_equal(scene_nth(&w, VISIT_OPENED, 0)->best.text, "粤A12345");
  scene_finish(&w);
}

// By the first frame whose own read is the text, trusted alone; the very first text was another.
static void the_first_readable_frame_is_known(void **state) {
  (void)state;
  struct scene w = scene_start();
  const int64_t begin = w.t;
  static const float sure[] = {0.5f, 0.7f, 0.85f, 0.93f, 0.97f, 0.97f, 0.98f};
  for (int i = 0; i < 7; i++) {
    struct plate_read r = world_read(i == 0 ? "粤A12346" : "粤A12345", sure[i], 640,
                                     300 + 10 * (float)i, 60 + 5 * (float)i);
    r.t_ns = w.t;
    struct motion_result m = scene_stir(640, 300 + 10 * (float)i, 60 + 5 * (float)i, 0.5f);
    scene_frame(&w, &r, 1, &m);
  }
  assert_true(w.n > 0);
  scene_empty(&w, 4);
  assert_string_equal(scene_last(&w)->best.text, "粤A12345");
  assert_int_equal(scene_last(&w)->first_read_ns, begin);
  assert_int_equal(scene_last(&w)->readable_ns, begin + 3 * FRAME_NS);
  scene_finish(&w);
}

// Blurred reads of one approach err alike: they are certain only once they lasted while the plate
// grew, or when it grows no more.
static void a_coming_plate_is_certain_when_its_text_has_lasted(void **state) {
  (void)state;
  struct scene w = scene_start(), near = scene_start();
  for (int i = 0; i < 30; i++)
    scene_show(&w, "京A88731", 0.97f, 640, 300 + 4 * (float)i, 40 + 2 * (float)i, 0.5f);
  assert_true(w.n > 0);
  for (int i = 0; i < w.n; i++)
    assert_int_equal(w.event[i].certainty, VISIT_UNSURE);
  for (int i = 0; i < 25; i++)
    scene_show(&w, "京A88731", 0.97f, 640, 420, 100, 0);
  assert_int_equal(scene_last(&w)->certainty, VISIT_CERTAIN);
  for (int i = 0; i < 60; i++)
    scene_show(&near, "京A88731", 0.97f, 640, 300 + 4 * (float)i, 80 + 2 * (float)i, 0.5f);
  assert_int_equal(scene_last(&near)->certainty, VISIT_CERTAIN);
  scene_finish(&w);
  scene_finish(&near);
}

// A car that hurries out of the picture: its blurred plate reads as another, and the track breaks.
static void a_plate_that_goes_on_where_it_was_lost_is_the_same_visit(void **state) {
  (void)state;
  struct scene w = scene_start();
  for (int i = 0; i < 8; i++)
    scene_show(&w, "晋M6D548", 0.85f, 640 + 22 * (float)i, 500, 110, 0.5f);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  for (int i = 8; i < 20; i++)
    scene_show(&w, "晋NW1W4W", 0.75f, 640 + 22 * (float)i, 500, 110, 0.5f);
  scene_empty(&w, 4);
  assert_int_equal(scene_count(&w, VISIT_OPENED), 1);
  assert_int_equal(scene_last(&w)->kind, VISIT_CLOSED);
  scene_finish(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_car_is_one_visit),
      cmocka_unit_test(the_text_improves_under_one_number),
      cmocka_unit_test(evidence_is_from_the_frame_of_the_winning_read),
      cmocka_unit_test(readers_that_waver_leave_no_card_without_a_picture),
      cmocka_unit_test(a_parked_car_opens_nothing_again),
      cmocka_unit_test(a_parked_car_hidden_without_motion_is_still_there),
      cmocka_unit_test(the_same_car_within_the_gap_is_the_same_visit),
      cmocka_unit_test(another_car_right_behind_is_another_visit),
      cmocka_unit_test(a_far_text_that_was_wrong_is_no_car_of_its_own),
      cmocka_unit_test(two_cars_in_view_are_two_visits),
      cmocka_unit_test(jitter_of_one_plate_is_one_visit),
      cmocka_unit_test(a_visit_opened_wrongly_is_merged),
      cmocka_unit_test(a_plate_that_cannot_be_read_is_a_visit),
      cmocka_unit_test(a_car_without_any_plate_is_a_visit),
      cmocka_unit_test(an_unread_car_whose_plate_appears_keeps_its_visit),
      cmocka_unit_test(a_person_or_a_shadow_is_no_visit),
      cmocka_unit_test(a_sign_on_the_wall_is_no_visit),
      cmocka_unit_test(the_camera_away_and_back_replays_nothing),
      cmocka_unit_test(a_car_that_left_while_the_camera_was_away_is_closed),
      cmocka_unit_test(visits_go_on_after_a_restart),
      cmocka_unit_test(too_many_seeds_are_refused),
      cmocka_unit_test(more_visits_than_are_remembered),
      cmocka_unit_test(a_leaving_car_is_out),
      cmocka_unit_test(a_car_that_stood_there_is_a_visit_when_it_leaves),
      cmocka_unit_test(a_coming_car_is_shown_by_good_reads_only),
      cmocka_unit_test(the_first_readable_frame_is_known),
      cmocka_unit_test(a_coming_plate_is_certain_when_its_text_has_lasted),
      cmocka_unit_test(a_plate_that_goes_on_where_it_was_lost_is_the_same_visit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
