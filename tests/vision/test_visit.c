// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/visit_world.h"
#include "vision/visit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define EVENTS_MAX 512
#define W 1280
#define H 720

struct world {
  struct visits *v;
  int64_t t; // of the next frame
  uint8_t shade;
  uint8_t *pixels;
  int n;
  struct visit_event event[EVENTS_MAX];
  uint8_t evidence[EVENTS_MAX]; // grey of the crop's middle; 0: none
};

static void note(void *ctx, const struct visit_event *event) {
  struct world *w = ctx;
  assert_true(w->n < EVENTS_MAX);
  w->event[w->n] = *event;
  const struct image_view *c = &event->evidence;
  w->evidence[w->n] =
      c->plane[0] ? c->plane[0][(c->height / 2) * c->stride[0] + c->width / 2 * 3] : 0;
  w->n++;
}

static struct analyser_config config(void) {
  return (struct analyser_config){.in_direction_deg = 90,
                                  .same_car_gap_ns = 600 * SECOND_NS,
                                  .gone_after_ns = 3 * SECOND_NS,
                                  .hold_ns = 2 * SECOND_NS,
                                  .first_visit = 7,
                                  .certain_threshold = 0.9f};
}

static struct world start(void) {
  struct world w = {.t = SECOND_NS};
  struct err e;
  struct analyser_config c = config();
  assert_true(visits_new(&w.v, &c, &e));
  w.pixels = malloc((size_t)W * H);
  assert_non_null(w.pixels);
  return w;
}

static void finish(struct world *w) {
  visits_free(w->v);
  free(w->pixels);
}

// One frame with these plates and moving things; the whole picture has the shade of the frame's
// number.
static void frame(struct world *w, const struct plate_read *reads, int n,
                  const struct motion_result *m) {
  static const struct motion_result calm;
  w->shade = (uint8_t)(w->shade % 250 + 1);
  memset(w->pixels, w->shade, (size_t)W * H);
  struct image_view image = {IMAGE_GRAY8, W, H, {w->pixels, NULL, NULL}, {W, 0, 0}};
  struct visit_look look = {.frame = &image,
                            .t_ns = w->t,
                            .looked = true,
                            .reads = reads,
                            .n = n,
                            .motion = m ? m : &calm};
  visits_step(w->v, &look, note, w);
  w->t += FRAME_NS;
}

static void empty(struct world *w, double seconds) {
  for (int i = 0; i < (int)(seconds * 25); i++)
    frame(w, NULL, 0, NULL);
}

// Motion where a plate's car is.
static struct motion_result stir(float x, float y, float w, float moving) {
  float fw = 2.2f * w / W, cx = x / W, cy = y / H;
  struct motion_result m = {.moving = moving > 0, .occupied = true, .boxes = 1};
  m.box[0] = (struct motion_box){.x0 = cx - fw < 0 ? 0 : cx - fw,
                                 .y0 = cy - 3 * w / H < 0 ? 0 : cy - 3 * w / H,
                                 .x1 = cx + fw,
                                 .y1 = cy + w / H,
                                 .moving = moving};
  m.box[0].area = 0.8f * (m.box[0].x1 - m.box[0].x0) * (m.box[0].y1 - m.box[0].y0);
  return m;
}

static void show(struct world *w, const char *text, float conf, float x, float y, float width,
                 float moving) {
  struct plate_read r = world_read(text, conf, x, y, width);
  struct motion_result m = stir(x, y, width, moving);
  frame(w, &r, 1, &m);
}

static void arrive(struct world *w, const char *text, float conf) {
  for (int i = 0; i < 40; i++)
    show(w, text, conf, 640, 300 + 6 * (float)i, 40 + 1.8f * (float)i, 0.5f);
}

static void stand(struct world *w, const char *text, float conf, double seconds) {
  for (int i = 0; i < (int)(seconds * 25); i++)
    show(w, text, conf, 640, 534, 110.2f, 0);
}

static void leave(struct world *w, const char *text, float conf) {
  for (int i = 0; i < 25; i++)
    show(w, text, conf, 640 + 20 * (float)i, 534 + 4 * (float)i, 110.2f + (float)i, 0.5f);
}

static int count(const struct world *w, enum visit_event_kind kind) {
  int n = 0;
  for (int i = 0; i < w->n; i++)
    n += w->event[i].kind == kind;
  return n;
}

static const struct visit_event *nth(const struct world *w, enum visit_event_kind kind,
                                     int nth_one) {
  for (int i = 0; i < w->n; i++)
    if (w->event[i].kind == kind && nth_one-- == 0)
      return &w->event[i];
  fail_msg("no such event");
  return NULL;
}

static const struct visit_event *last(const struct world *w) {
  assert_true(w->n > 0);
  return &w->event[w->n - 1];
}

static void one_car_is_one_visit(void **state) {
  (void)state;
  struct world w = start();
  empty(&w, 1);
  int64_t first = w.t;
  arrive(&w, "粤A12345", 0.97f);
  stand(&w, "粤A12345", 0.97f, 5);
  leave(&w, "粤A12345", 0.97f);
  empty(&w, 5);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  const struct visit_event *o = nth(&w, VISIT_OPENED, 0);
  assert_int_equal(o->visit, 7);
  assert_true(o->t_ns - first <= 4 * FRAME_NS); // at once
  assert_int_equal(o->first_read_ns, first);
  assert_string_equal(o->best.text, "粤A12345");
  assert_non_null(o->evidence.plane[0]);
  assert_int_equal(w.event[0].kind, VISIT_OPENED);
  assert_int_equal(last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(last(&w)->certainty, VISIT_CERTAIN);
  assert_int_equal(last(&w)->direction, DIRECTION_IN);
  assert_true(w.n < 14); // told when there is news, not every frame
  finish(&w);
}

static void the_text_improves_under_one_number(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < 3; i++)
    show(&w, "皖A12845", 0.5f, 640, 300, 40, 0.5f);
  arrive(&w, "粤A12345", 0.95f);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_string_equal(nth(&w, VISIT_OPENED, 0)->best.text, "皖A12845");
  assert_int_equal(nth(&w, VISIT_OPENED, 0)->certainty, VISIT_UNSURE);
  assert_string_equal(last(&w)->best.text, "粤A12345");
  assert_int_equal(last(&w)->certainty, VISIT_CERTAIN);
  assert_int_equal(last(&w)->visit, 7);
  finish(&w);
}

// The crop told is of the frame in which the winning text was read, never of the frame of another
// text.
static void evidence_is_from_the_frame_of_the_winning_read(void **state) {
  (void)state;
  struct world w = start();
  uint8_t is_right[256] = {0};
  for (int i = 0; i < 60; i++) {
    bool wrong = i % 3 == 2;
    show(&w, wrong ? "粤A12346" : "粤A12345", wrong ? 0.8f : 0.9f, 640, 300 + 3 * (float)i,
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
  finish(&w);
}

static void a_parked_car_opens_nothing_again(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "粤A12345", 0.97f);
  for (int i = 0; i < 1200; i++) { // ten minutes, looked at twice a second
    show(&w, i % 9 == 0 ? "粤A12845" : "粤A12345", 0.9f, 640, 534, 110.2f, 0);
    w.t += SECOND_NS / 2;
  }
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_CLOSED), 0);
  assert_int_equal(count(&w, VISIT_REOPENED), 0);
  finish(&w);
}

static void a_parked_car_hidden_without_motion_is_still_there(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "粤A12345", 0.97f);
  stand(&w, "粤A12345", 0.97f, 3);
  empty(&w, 30); // the detector misses it, nothing moved
  stand(&w, "粤A12345", 0.97f, 1);
  assert_int_equal(count(&w, VISIT_CLOSED), 0);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  finish(&w);
}

static void the_same_car_within_the_gap_is_the_same_visit(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "粤A12345", 0.97f);
  leave(&w, "粤A12345", 0.97f);
  empty(&w, 10);
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  w.t += 300 * SECOND_NS;
  arrive(&w, "粤A12345", 0.97f);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_REOPENED), 1);
  assert_int_equal(nth(&w, VISIT_REOPENED, 0)->visit, 7);
  leave(&w, "粤A12345", 0.97f);
  empty(&w, 10);
  w.t += 700 * SECOND_NS; // longer than the gap
  arrive(&w, "粤A12345", 0.97f);
  assert_int_equal(count(&w, VISIT_OPENED), 2);
  assert_int_equal(nth(&w, VISIT_OPENED, 1)->visit, 8);
  finish(&w);
}

static void another_car_right_behind_is_another_visit(void **state) {
  (void)state;
  static const char *const other[] = {"京C88888", "粤A12346"}; // even if one symbol differs
  for (int k = 0; k < 2; k++) {
    struct world w = start();
    arrive(&w, "粤A12345", 0.97f);
    stand(&w, "粤A12345", 0.97f, 2);
    leave(&w, "粤A12345", 0.97f);
    arrive(&w, other[k], 0.97f); // not one frame between them
    stand(&w, other[k], 0.97f, 2);
    empty(&w, 5);
    assert_int_equal(count(&w, VISIT_OPENED), 2);
    assert_string_equal(nth(&w, VISIT_OPENED, 1)->best.text, other[k]);
    assert_int_equal(count(&w, VISIT_MERGED), 0);
    finish(&w);
  }
}

// Far away it was read wrong; close up its true text begins a track of its own.
static void a_far_text_that_was_wrong_is_no_car_of_its_own(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < 40; i++)
    show(&w, i < 25 ? "皖A00731" : "京A88731", i < 25 ? 0.5f : 0.97f, 640, 300 + 6 * (float)i,
         40 + 1.8f * (float)i, 0.5f);
  stand(&w, "京A88731", 0.97f, 2);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  leave(&w, "京A88731", 0.97f);
  empty(&w, 5);
  assert_string_equal(nth(&w, VISIT_CLOSED, 0)->best.text, "京A88731");
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  finish(&w);
}

static void two_cars_in_view_are_two_visits(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < 80; i++) {
    struct plate_read r[2] = {
        world_read("粤A12345", 0.97f, 640, 300 + 3 * (float)i, 60 + (float)i),
        world_read("京C88888", 0.97f, 640, 120 + 2 * (float)i, 40 + 0.5f * (float)i)};
    struct motion_result m = stir(640, 400, 120, 0.5f);
    frame(&w, r, 2, &m);
  }
  assert_int_equal(count(&w, VISIT_OPENED), 2);
  finish(&w);
}

static void jitter_of_one_plate_is_one_visit(void **state) {
  (void)state;
  struct world w = start();
  static const char *const text[] = {"粤A12345", "粤A12845", "皖A12345", "粤A12346", "粤B12345"};
  for (int i = 0; i < 100; i++)
    show(&w, text[i % 5], 0.55f, 640, 300 + 2 * (float)i, 60 + 0.6f * (float)i, 0.5f);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_MERGED), 0);
  assert_int_not_equal(last(&w)->certainty, VISIT_CERTAIN);
  assert_true(last(&w)->best.alternatives >= 2);
  finish(&w);
}

static void a_visit_opened_wrongly_is_merged(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "粤A12345", 0.97f);
  leave(&w, "粤A12345", 0.97f);
  empty(&w, 20);
  for (int i = 0; i < 4; i++) // back again, badly seen at first
    show(&w, "粤A12B45", 0.5f, 640, 300, 40, 0.5f);
  assert_int_equal(count(&w, VISIT_OPENED), 2);
  arrive(&w, "粤A12345", 0.97f);
  assert_int_equal(count(&w, VISIT_MERGED), 1);
  assert_int_equal(nth(&w, VISIT_MERGED, 0)->visit, 8);
  assert_int_equal(nth(&w, VISIT_MERGED, 0)->into, 7);
  assert_int_equal(count(&w, VISIT_REOPENED), 1);
  stand(&w, "粤A12345", 0.97f, 1);
  leave(&w, "粤A12345", 0.97f);
  empty(&w, 5);
  assert_int_equal(last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(last(&w)->visit, 7);
  assert_int_equal(count(&w, VISIT_CLOSED), 2);
  finish(&w);
}

static void a_plate_that_cannot_be_read_is_a_visit(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "", 0);
  stand(&w, "", 0, 4);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  const struct visit_event *o = nth(&w, VISIT_OPENED, 0);
  assert_int_equal(o->certainty, VISIT_UNREAD);
  assert_string_equal(o->best.text, "");
  assert_non_null(o->evidence.plane[0]);
  assert_true(o->evidence.width <= EVIDENCE_CAR_MAX && o->evidence.height <= EVIDENCE_CAR_MAX);
  leave(&w, "", 0);
  empty(&w, 5);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  finish(&w);
}

static void come_without_plate(struct world *w, int frames) {
  for (int i = 0; i < frames; i++) {
    struct motion_result m = stir(640, 330 + 5 * (float)(i < 40 ? i : 40),
                                  40 + 1.8f * (float)(i < 40 ? i : 40), i < 40 ? 0.5f : 0);
    frame(w, NULL, 0, &m);
  }
}

static void a_car_without_any_plate_is_a_visit(void **state) {
  (void)state;
  struct world w = start();
  come_without_plate(&w, 200);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(last(&w)->certainty, VISIT_UNREAD);
  for (int i = 0; i < 25; i++) { // it drives off
    struct motion_result m = stir(640 + 25 * (float)i, 530, 110, 0.5f);
    frame(&w, NULL, 0, &m);
  }
  empty(&w, 6);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  finish(&w);
}

static void an_unread_car_whose_plate_appears_keeps_its_visit(void **state) {
  (void)state;
  struct world w = start();
  come_without_plate(&w, 150);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  stand(&w, "粤A12345", 0.97f, 2);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_string_equal(last(&w)->best.text, "粤A12345");
  assert_int_equal(last(&w)->visit, 7);
  finish(&w);
}

static void a_person_or_a_shadow_is_no_visit(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < 400; i++) { // narrow, upright, walks and stands
    struct motion_result m = {.moving = i < 200, .occupied = true, .boxes = 1};
    float x = 0.2f + 0.002f * (float)(i < 200 ? i : 200);
    m.box[0] = (struct motion_box){x, 0.3f, x + 0.07f, 0.9f, 0.035f, i < 200 ? 0.5f : 0};
    frame(&w, NULL, 0, &m);
  }
  for (int i = 0; i < 200; i++) { // the sun goes behind a cloud
    struct motion_result m = {.moving = true, .occupied = true, .boxes = 1};
    m.box[0] = (struct motion_box){0, 0, 1, 1, 0.95f, i < 100 ? 0.5f : 0};
    frame(&w, NULL, 0, &m);
  }
  assert_int_equal(w.n, 0);
  finish(&w);
}

static void a_sign_on_the_wall_is_no_visit(void **state) {
  (void)state;
  struct world w = start();
  static const char *const junk[] = {"", "苏E11111", "", "京T17171", "鲁C00D00"};
  for (int i = 0; i < 1000; i++)
    show(&w, junk[i % 5], 0.15f, 200, 100, 80, 0);
  assert_int_equal(w.n, 0);
  finish(&w);
}

static void the_camera_away_and_back_replays_nothing(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "粤A12345", 0.97f);
  stand(&w, "粤A12345", 0.97f, 2);
  int before = w.n;
  visits_camera_lost(w.v);
  for (int i = 0; i < 20; i++)
    visits_idle(w.v, w.t += SECOND_NS, note, &w);
  assert_int_equal(w.n, before); // nothing is closed while nobody looks
  stand(&w, "粤A12345", 0.97f, 5);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(count(&w, VISIT_REOPENED), 0);
  assert_int_equal(count(&w, VISIT_CLOSED), 0);
  finish(&w);
}

static void a_car_that_left_while_the_camera_was_away_is_closed(void **state) {
  (void)state;
  struct world w = start();
  arrive(&w, "粤A12345", 0.97f);
  stand(&w, "粤A12345", 0.97f, 2);
  visits_camera_lost(w.v);
  w.t += 60 * SECOND_NS;
  empty(&w, 5);
  assert_int_equal(last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  finish(&w);
}

static void visits_go_on_after_a_restart(void **state) {
  (void)state;
  struct world w = start();
  struct err e;
  struct analyser_seed seed[3] = {
      {.visit = 40, .text = "粤A12345", .open = true, .last_seen_ns = -5 * SECOND_NS},
      {.visit = 41, .text = "京C88888", .last_seen_ns = -60 * SECOND_NS},
      {.visit = 42, .text = "沪B00001", .open = true, .last_seen_ns = -9 * SECOND_NS}};
  assert_true(visits_seed(w.v, seed, 3, &e));
  stand(&w, "粤A12345", 0.97f, 5); // parked in view
  assert_int_equal(count(&w, VISIT_OPENED), 0);
  assert_int_equal(nth(&w, VISIT_REOPENED, 0)->visit, 40);
  assert_int_equal(count(&w, VISIT_CLOSED), 1); // the open one that is not here any more
  assert_int_equal(nth(&w, VISIT_CLOSED, 0)->visit, 42);
  arrive(&w, "京C88888", 0.97f);
  assert_int_equal(last(&w)->visit, 41);
  arrive(&w, "苏E55555", 0.97f);
  assert_int_equal(nth(&w, VISIT_OPENED, 0)->visit, 43);
  finish(&w);
}

static void too_many_seeds_are_refused(void **state) {
  (void)state;
  struct world w = start();
  struct err e;
  static struct analyser_seed seed[VISITS_RECENT_MAX + 1];
  assert_false(visits_seed(w.v, seed, VISITS_RECENT_MAX + 1, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  finish(&w);
}

static void more_visits_than_are_remembered(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < VISITS_RECENT_MAX + 40; i++) {
    char text[PLATE_TEXT_MAX];
    (void)snprintf(text, sizeof text, "粤A%05d", i * 331 % 99999);
    for (int k = 0; k < 4; k++)
      show(&w, text, 0.97f, 300 + 10 * (float)k, 500, 100, 0.5f);
    w.t += 4 * SECOND_NS;
    empty(&w, 0.04);
    w.n = 0;
  }
  arrive(&w, "苏E55555", 0.97f);
  assert_int_equal(nth(&w, VISIT_OPENED, 0)->visit, 7 + VISITS_RECENT_MAX + 40);
  finish(&w);
}

static void a_leaving_car_is_out(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < 60; i++)
    show(&w, "粤A12345", 0.97f, 640, 640 - 7 * (float)i, 150 - 2 * (float)i, 0.5f);
  empty(&w, 4);
  assert_int_equal(last(&w)->kind, VISIT_CLOSED);
  assert_int_equal(last(&w)->direction, DIRECTION_OUT);
  finish(&w);
}

static const struct opinion_table opinions = {
    .knots = 2,
    .at = {0.0f, 1.0f},
    .then = {[OPINION_NONE] = {0.0f, 1.0f},
             [OPINION_SAME] = {0.5f, 1.0f},
             [OPINION_OTHER] = {0.0f, 0.5f},
             [OPINION_SILENT] = {0.0f, 0.8f}},
};

// Answers a question that must be there.
static void answer(struct world *w, const char *text, float confidence) {
  struct visit_question q;
  struct plate_read second = world_read(text, confidence, 0, 0, 100);
  assert_true(visits_ask(w->v, &q));
  visits_answer(w->v, &q, &second, w->t, note, w);
}

static void the_second_reader_is_asked_after_the_card_about_its_crop(void **state) {
  (void)state;
  struct world w = start();
  struct visit_question q;
  arrive(&w, "粤A12345", 0.95f);
  assert_false(visits_ask(w.v, &q)); // nobody to ask
  visits_set_opinions(w.v, &opinions);
  assert_true(visits_ask(w.v, &q));
  assert_int_equal(q.visit, 7);
  assert_non_null(q.crop.plane[0]);
  float x0, y0, x1, y1;
  quad_bounds(&q.plate.quad, &x0, &y0, &x1, &y1);
  assert_true(x0 > 0 && y0 > 0 && x1 < (float)q.crop.width && y1 < (float)q.crop.height);
  assert_true(x1 - x0 > 0.5f * (float)q.crop.width);
  assert_false(visits_ask(w.v, &q)); // once for one crop
  finish(&w);
}

static void agreement_raises_and_disagreement_lowers(void **state) {
  (void)state;
  struct world w = start(), o = start();
  visits_set_opinions(w.v, &opinions);
  visits_set_opinions(o.v, &opinions);
  arrive(&w, "粤A12345", 0.82f);
  arrive(&o, "粤A12345", 0.97f);
  const float before = last(&w)->best.confidence;
  answer(&w, "粤A12345", 0.9f);
  assert_int_equal(last(&w)->opinion, OPINION_SAME);
  assert_true(last(&w)->best.confidence > before);
  assert_int_equal(last(&o)->certainty, VISIT_CERTAIN);
  answer(&o, "粤A1234S", 0.9f);
  assert_int_equal(last(&o)->kind, VISIT_IMPROVED);
  assert_int_equal(last(&o)->opinion, OPINION_OTHER);
  assert_int_equal(last(&o)->certainty, VISIT_UNSURE); // whatever it was before
  assert_string_equal(last(&o)->best.text, "粤A12345");
  assert_int_equal(last(&o)->best.alternatives, 1);
  assert_string_equal(last(&o)->best.alternative[0].text, "粤A1234S");
  assert_true(last(&o)->best.alternative[0].confidence > 0.4f);
  finish(&w);
  finish(&o);
}

static void the_surest_of_its_answers_counts(void **state) {
  (void)state;
  struct world w = start();
  visits_set_opinions(w.v, &opinions);
  for (int i = 0; i < 8; i++)
    show(&w, "粤A12345", 0.9f, 640, 300 + 6 * (float)i, 30, 0.5f);
  answer(&w, "粤A12345", 0.9f);
  assert_int_equal(last(&w)->opinion, OPINION_SAME);
  arrive(&w, "粤A12345", 0.95f);
  answer(&w, "粤A12346", 0.4f); // of a better crop, but less sure
  assert_int_equal(last(&w)->opinion, OPINION_SAME);
  finish(&w);
}

static void a_text_without_a_province_is_certain_by_two_readers_only(void **state) {
  (void)state;
  struct world w = start(), police = start();
  visits_set_opinions(w.v, &opinions);
  arrive(&w, "KR11555", 0.97f);
  assert_true(w.n > 0);
  assert_int_equal(last(&w)->certainty, VISIT_UNSURE);
  answer(&w, "KR11555", 0.9f);
  assert_int_equal(last(&w)->certainty, VISIT_CERTAIN);
  arrive(&police, "WJ京1234X", 0.97f);
  assert_int_equal(last(&police)->certainty, VISIT_CERTAIN);
  finish(&w);
  finish(&police);
}

static void a_changed_text_is_asked_about_again_but_not_for_ever(void **state) {
  (void)state;
  struct world w = start();
  struct visit_question q;
  int asked = 0;
  visits_set_opinions(w.v, &opinions);
  for (int i = 0; i < 60; i++) {
    show(&w, "皖A12845", 0.7f, 640, 300 + 2 * (float)i, 40, 0.5f);
    asked += visits_ask(w.v, &q);
  }
  assert_true(asked >= 1);
  arrive(&w, "粤A12345", 0.95f);
  assert_string_equal(last(&w)->best.text, "粤A12345");
  assert_int_equal(last(&w)->opinion, OPINION_NONE); // the old answer was of another text
  answer(&w, "粤A12345", 0.9f);
  assert_int_equal(last(&w)->opinion, OPINION_SAME);
  for (int i = 0; i < 200; i++) {
    show(&w, i / 20 % 2 ? "粤A12345" : "粤A12346", 0.9f, 640, 520, 60 + 2 * (float)i, 0.5f);
    asked += visits_ask(w.v, &q);
  }
  assert_true(asked <= 6);
  finish(&w);
}

// It stood there when the terminal began, as part of the background; its plate says nothing clear.
static void a_car_that_stood_there_is_a_visit_when_it_leaves(void **state) {
  (void)state;
  struct world w = start();
  static const char *const seen[] = {"粤A12345", "豫B67890", "", "川C24680"};
  for (int i = 0; i < 75; i++) {
    struct plate_read r = world_read(seen[i % 4], 0.2f, 640, 500, 110);
    frame(&w, &r, 1, NULL);
  }
  assert_int_equal(w.n, 0);
  for (int i = 0; i < 12; i++)
    show(&w, seen[i % 4], 0.1f, 640, 500 + 6 * (float)i, 110, 0.5f);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_int_equal(nth(&w, VISIT_OPENED, 0)->certainty, VISIT_UNREAD);
  empty(&w, 4);
  assert_int_equal(count(&w, VISIT_CLOSED), 1);
  finish(&w);
}

// What is read from afar is not shown while better views are still to come.
static void a_coming_car_is_shown_by_good_reads_only(void **state) {
  (void)state;
  struct world w = start();
  for (int i = 0; i < 6; i++)
    show(&w, "豫A12845", 0.35f, 640, 300 + 8 * (float)i, 40 + 2 * (float)i, 0.5f);
  assert_int_equal(w.n, 0);
  for (int i = 6; i < 12; i++)
    show(&w, "粤A12345", 0.95f, 640, 300 + 8 * (float)i, 40 + 2 * (float)i, 0.5f);
  assert_int_equal(count(&w, VISIT_OPENED), 1);
  assert_string_equal(nth(&w, VISIT_OPENED, 0)->best.text, "粤A12345");
  finish(&w);
}

// By the first frame whose own read is the text, trusted alone; the very first text was another.
static void the_first_readable_frame_is_known(void **state) {
  (void)state;
  struct world w = start();
  const int64_t begin = w.t;
  static const float sure[] = {0.5f, 0.7f, 0.85f, 0.93f, 0.97f, 0.97f, 0.98f};
  for (int i = 0; i < 7; i++) {
    struct plate_read r = world_read(i == 0 ? "粤A12346" : "粤A12345", sure[i], 640,
                                     300 + 10 * (float)i, 60 + 5 * (float)i);
    r.t_ns = w.t;
    struct motion_result m = stir(640, 300 + 10 * (float)i, 60 + 5 * (float)i, 0.5f);
    frame(&w, &r, 1, &m);
  }
  assert_true(w.n > 0);
  empty(&w, 4);
  assert_string_equal(last(&w)->best.text, "粤A12345");
  assert_int_equal(last(&w)->first_read_ns, begin);
  assert_int_equal(last(&w)->readable_ns, begin + 3 * FRAME_NS);
  finish(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_car_is_one_visit),
      cmocka_unit_test(the_text_improves_under_one_number),
      cmocka_unit_test(evidence_is_from_the_frame_of_the_winning_read),
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
      cmocka_unit_test(the_second_reader_is_asked_after_the_card_about_its_crop),
      cmocka_unit_test(agreement_raises_and_disagreement_lowers),
      cmocka_unit_test(the_surest_of_its_answers_counts),
      cmocka_unit_test(a_text_without_a_province_is_certain_by_two_readers_only),
      cmocka_unit_test(a_changed_text_is_asked_about_again_but_not_for_ever),
      cmocka_unit_test(a_car_that_stood_there_is_a_visit_when_it_leaves),
      cmocka_unit_test(a_coming_car_is_shown_by_good_reads_only),
      cmocka_unit_test(the_first_readable_frame_is_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
