// SPDX-License-Identifier: Apache-2.0
#include "firmware/arrivals.h"
#include "firmware/arrivals_row.h"
#include "firmware/store_customer.h"
#include "firmware/store_visit.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define POSTS 200 // more than ARRIVALS_QUEUE: the queue is full at times

struct fixture {
  char dir[64];
  struct store *store, *reader;
  struct evidence *evidence;
  struct arrivals *arrivals;
  struct calendar_config calendar;
  atomic_int announced, not_durable;
  char last[CARD_BYTES_MAX]; // arrivals thread; read after arrivals_free
};

static void announced(void *ctx, uint64_t rev, const char *json) {
  struct fixture *f = ctx;
  json_t *card = json_loads(json, 0, NULL);
  struct store_visit v;
  struct err e;
  uint64_t id = strtoull(json_string_value(json_object_get(card, "visit")), NULL, 10);
  // A handle of its own sees only what is committed.
  if (!store_visit_get(f->reader, id, &v, &e) || v.rev < rev)
    atomic_fetch_add(&f->not_durable, 1);
  (void)snprintf(f->last, sizeof f->last, "%s", json);
  json_decref(card);
  atomic_fetch_add(&f->announced, 1);
}

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct err e = {0};
  if (!f)
    return -1;
  (void)snprintf(f->dir, sizeof f->dir, "/tmp/bayplate-arrivals-XXXXXX");
  if (!mkdtemp(f->dir)) {
    free(f);
    return -1;
  }
  char db[96], crops[96];
  (void)snprintf(db, sizeof db, "%s/b.db", f->dir);
  (void)snprintf(crops, sizeof crops, "%s/evidence", f->dir);
  calendar_config_default(&f->calendar);
  const struct store_options so = {.path = db, .wall_ms = INT64_C(1780000000000)};
  const struct evidence_options eo = {.dir = crops, .budget_bytes = 1 << 20};
  const struct arrivals_options ao = {.clock = clock_system(),
                                      .calendar = &f->calendar,
                                      .camera = "gate",
                                      .announce = announced,
                                      .ctx = f};
  struct arrivals_options o = ao;
  if (!store_open(&f->store, &so, &e) || !store_open_reader(&f->reader, f->store, &e) ||
      !evidence_open(&f->evidence, &eo, &e))
    fail_msg("%s", e.text);
  o.store = f->store;
  o.evidence = f->evidence;
  if (!arrivals_new(&f->arrivals, &o, &e) || !arrivals_start(f->arrivals, &e))
    fail_msg("%s", e.text);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  arrivals_free(f->arrivals);
  evidence_free(f->evidence);
  store_close(f->reader);
  store_close(f->store);
  char command[128];
  (void)snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
  int rc = system(command);
  free(f);
  return rc;
}

static struct visit_event event_of(enum visit_event_kind kind, uint64_t visit, const char *text) {
  int64_t now = clock_mono_ns(clock_system());
  struct visit_event ev = {.kind = kind,
                           .visit = visit,
                           .t_ns = now,
                           .opened_ns = now - CLOCK_NS_PER_S,
                           .last_seen_ns = now,
                           .first_read_ns = now - CLOCK_NS_PER_S,
                           .certainty = text[0] ? VISIT_CERTAIN : VISIT_UNREAD,
                           .reads = 3};
  ev.best.type = PLATE_BLUE;
  ev.best.confidence = 0.97f;
  (void)snprintf(ev.best.text, sizeof ev.best.text, "%s", text);
  return ev;
}

static void stop(struct fixture *f) {
  arrivals_free(f->arrivals);
  f->arrivals = NULL;
}

static void a_visit_is_durable_before_it_is_announced(void **state) {
  struct fixture *f = *state;
  for (uint64_t i = 1; i <= POSTS; i++) {
    struct visit_event ev = event_of(VISIT_OPENED, i, "粤A12345");
    arrivals_post(f->arrivals, &ev);
  }
  stop(f);
  assert_int_equal(atomic_load(&f->announced), POSTS); // none dropped
  assert_int_equal(atomic_load(&f->not_durable), 0);
}

static void the_crop_is_kept_and_named(void **state) {
  struct fixture *f = *state;
  static uint8_t bgr[40 * 120 * 3];
  struct visit_event ev = event_of(VISIT_OPENED, 7, "京A11111");
  ev.evidence = (struct image_view){
      .format = IMAGE_BGR24, .width = 120, .height = 40, .plane = {bgr}, .stride = {360}};
  arrivals_post(f->arrivals, &ev);
  ev = event_of(VISIT_IMPROVED, 7, "京A11112"); // no new crop: the old one stays
  arrivals_post(f->arrivals, &ev);
  stop(f);
  struct store_visit v;
  struct err e;
  assert_true(store_visit_get(f->reader, 7, &v, &e));
  assert_string_equal(v.text, "京A11112");
  void *jpeg = NULL;
  size_t len = 0;
  assert_true(evidence_read(f->evidence, v.evidence, &jpeg, &len, &e));
  assert_true(len > 100 && memcmp(jpeg, "\xff\xd8", 2) == 0);
  free(jpeg);
}

static void times_become_wall_times(void **state) {
  (void)state;
  struct store_visit v = {0};
  struct visit_event ev = event_of(VISIT_OPENED, 3, "");
  ev.opened_ns = 5 * CLOCK_NS_PER_S;
  ev.last_seen_ns = 6 * CLOCK_NS_PER_S;
  ev.first_read_ns = 0;
  arrivals_row(&ev, 10 * CLOCK_NS_PER_S, 1000 * CLOCK_NS_PER_S, "gate", &v);
  assert_int_equal(v.opened_ms, 995000);
  assert_int_equal(v.last_seen_ms, 996000);
  assert_int_equal(v.frame_ms, 0);
  assert_int_equal(v.phase, STORE_VISIT_OPEN);
  ev.kind = VISIT_CLOSED;
  ev.opened_ns = 9 * CLOCK_NS_PER_S; // the row's own opening stays
  arrivals_row(&ev, 10 * CLOCK_NS_PER_S, 1000 * CLOCK_NS_PER_S, "gate", &v);
  assert_int_equal(v.opened_ms, 995000);
  assert_int_equal(v.closed_ms, 996000);
  assert_int_equal(v.phase, STORE_VISIT_CLOSED);
}

static void what_is_known_of_a_car_not_seen_again_stays(void **state) {
  (void)state;
  struct store_visit v = {.id = 3, .opened_ms = 5, .certainty = VISIT_CERTAIN, .confidence = 0.99};
  struct visit_event ev = event_of(VISIT_CLOSED, 3, "粤A12345");
  memcpy(v.text, "粤A12345", sizeof "粤A12345");
  v.type = PLATE_BLUE;
  ev.reads = 0; // closed after a restart
  ev.certainty = VISIT_UNSURE;
  ev.best.type = PLATE_UNKNOWN;
  ev.best.confidence = 0;
  arrivals_row(&ev, 10 * CLOCK_NS_PER_S, 1000 * CLOCK_NS_PER_S, "gate", &v);
  assert_int_equal(v.phase, STORE_VISIT_CLOSED);
  assert_int_equal(v.certainty, VISIT_CERTAIN);
  assert_int_equal(v.type, PLATE_BLUE);
  assert_true(v.confidence > 0.9);
}

static void a_visit_that_reopens_is_open(void **state) {
  struct fixture *f = *state;
  struct visit_event ev = event_of(VISIT_OPENED, 9, "沪A11111");
  arrivals_post(f->arrivals, &ev);
  ev = event_of(VISIT_CLOSED, 9, "沪A11111");
  arrivals_post(f->arrivals, &ev);
  ev = event_of(VISIT_REOPENED, 9, "沪A11111");
  arrivals_post(f->arrivals, &ev);
  stop(f);
  struct store_visit v;
  struct err e;
  assert_true(store_visit_get(f->reader, 9, &v, &e));
  assert_int_equal(v.phase, STORE_VISIT_OPEN);
  assert_int_equal(v.closed_ms, 0);
}

static void merged_visits_are_both_told(void **state) {
  struct fixture *f = *state;
  struct visit_event ev = event_of(VISIT_OPENED, 1, "沪A11111");
  arrivals_post(f->arrivals, &ev);
  ev = event_of(VISIT_OPENED, 2, "沪A1111");
  arrivals_post(f->arrivals, &ev);
  ev = event_of(VISIT_MERGED, 2, "沪A11111");
  ev.into = 1;
  arrivals_post(f->arrivals, &ev);
  stop(f);
  assert_int_equal(atomic_load(&f->announced), 4);
  struct store_visit v;
  struct err e;
  assert_true(store_visit_get(f->reader, 2, &v, &e));
  assert_int_equal(v.phase, STORE_VISIT_MERGED);
  assert_int_equal(v.merged_into, 1);
}

// From the event to the card: the picture leaves a tie, the list of customers breaks it.
static void a_tie_is_broken_on_the_way_to_the_card(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_record r = {.plate = "粤A1234S", .has_customer = true, .name = "测试"};
  assert_true(store_record_put(f->store, &r, STORE_BY_IMPORT, 0, 1000, NULL, &e));
  struct visit_event ev = event_of(VISIT_OPENED, 9, "粤A12345");
  ev.certainty = VISIT_UNSURE;
  ev.best.confidence = 0.5f;
  ev.best.alternatives = 1;
  ev.best.alternative[0] = (struct plate_alternative){"粤A1234S", 0.4f};
  arrivals_post(f->arrivals, &ev);
  stop(f);
  struct store_visit v;
  assert_true(store_visit_get(f->reader, 9, &v, &e));
  assert_string_equal(v.text, "粤A1234S");
  assert_string_equal(v.picture, "粤A12345");
  assert_int_equal(v.certainty, VISIT_UNSURE);
  assert_non_null(strstr(f->last, "\"picture\":\"粤A12345\""));
  assert_non_null(strstr(f->last, "测试"));
}

static void a_persons_word_stays(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v;
  struct visit_event ev = event_of(VISIT_OPENED, 9, "粤A12345");
  ev.certainty = VISIT_UNSURE;
  arrivals_post(f->arrivals, &ev);
  assert_true(arrivals_say(f->arrivals, 9, "粤AD12345", 3, &e));
  assert_true(store_visit_get(f->reader, 9, &v, &e)); // durable on return
  assert_string_equal(v.text, "粤AD12345");
  assert_string_equal(v.picture, "粤A12345");
  assert_int_equal(v.type, PLATE_GREEN); // no blue plate holds that text
  assert_int_equal(v.certainty, VISIT_CERTAIN);
  assert_int_equal(v.said_by, 3);
  ev = event_of(VISIT_IMPROVED, 9, "粤A12346");
  ev.certainty = VISIT_UNSURE;
  arrivals_post(f->arrivals, &ev);
  ev.kind = VISIT_CLOSED;
  arrivals_post(f->arrivals, &ev);
  assert_true(arrivals_say(f->arrivals, 9, "粤AD12346", 4, &e)); // another person knows better
  assert_false(arrivals_say(f->arrivals, 10, "粤A12345", 3, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  arrivals_stop(f->arrivals);
  assert_false(arrivals_say(f->arrivals, 9, "粤A12345", 3, &e)); // not waited for ever
  assert_int_equal(e.code, ERR_STATE);
  stop(f);
  assert_true(store_visit_get(f->reader, 9, &v, &e));
  assert_string_equal(v.text, "粤AD12346");
  assert_string_equal(v.picture, "粤A12346");
  assert_int_equal(v.certainty, VISIT_CERTAIN);
  assert_int_equal(v.phase, STORE_VISIT_CLOSED);
  assert_int_equal(v.said_by, 4);
  assert_int_equal(atomic_load(&f->announced), 5);
  assert_int_equal(atomic_load(&f->not_durable), 0);
  assert_non_null(strstr(f->last, "\"said\":true"));
}

static void a_word_goes_on_with_the_visit_that_its_own_becomes(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v;
  struct visit_event ev = event_of(VISIT_OPENED, 1, "沪A11111");
  arrivals_post(f->arrivals, &ev);
  ev = event_of(VISIT_OPENED, 2, "沪A1111Z");
  arrivals_post(f->arrivals, &ev);
  assert_true(arrivals_say(f->arrivals, 2, "沪A11112", 3, &e));
  ev = event_of(VISIT_MERGED, 2, "沪A11111");
  ev.into = 1;
  arrivals_post(f->arrivals, &ev);
  assert_false(arrivals_say(f->arrivals, 2, "沪A11113", 3, &e)); // the queue goes first
  assert_int_equal(e.code, ERR_NOT_FOUND);
  stop(f);
  assert_true(store_visit_get(f->reader, 1, &v, &e));
  assert_string_equal(v.text, "沪A11112");
  assert_string_equal(v.picture, "沪A11111");
  assert_int_equal(v.said_by, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_persons_word_stays, setup, teardown),
      cmocka_unit_test_setup_teardown(a_word_goes_on_with_the_visit_that_its_own_becomes, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_visit_is_durable_before_it_is_announced, setup, teardown),
      cmocka_unit_test_setup_teardown(a_tie_is_broken_on_the_way_to_the_card, setup, teardown),
      cmocka_unit_test_setup_teardown(the_crop_is_kept_and_named, setup, teardown),
      cmocka_unit_test(times_become_wall_times),
      cmocka_unit_test(what_is_known_of_a_car_not_seen_again_stays),
      cmocka_unit_test_setup_teardown(a_visit_that_reopens_is_open, setup, teardown),
      cmocka_unit_test_setup_teardown(merged_visits_are_both_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
