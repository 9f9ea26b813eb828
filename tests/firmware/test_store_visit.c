// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/store_fixture.h"

static void a_visit_comes_back_as_it_was_put(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v = fixture_visit(7, "粤A12345"), got;
  v.alternatives = 2;
  v.alternative[0] = (struct plate_alternative){"粤A12346", 0.25f};
  v.alternative[1] = (struct plate_alternative){"粤A1\"\\46", 0.125f};
  v.frame_ms = NOW + 1;
  (void)snprintf(v.evidence, sizeof v.evidence, "2026/03/08/7-1.jpg");
  (void)snprintf(v.camera, sizeof v.camera, "gate");
  assert_true(store_visit_put(f->s, &v, &e));
  fixture_reopen(f);
  assert_true(store_visit_get(f->s, 7, &got, &e));
  assert_int_equal(got.rev, v.rev);
  assert_int_equal(got.phase, STORE_VISIT_OPEN);
  assert_int_equal(got.certainty, VISIT_CERTAIN);
  assert_int_equal(got.direction, DIRECTION_IN);
  assert_int_equal(got.type, PLATE_BLUE);
  assert_string_equal(got.text, v.text);
  assert_true(got.confidence == v.confidence);
  assert_int_equal(got.alternatives, 2);
  assert_string_equal(got.alternative[0].text, "粤A12346");
  assert_true(got.alternative[0].confidence == 0.25f);
  assert_string_equal(got.alternative[1].text, "粤A146"); // no plate has such characters
  assert_int_equal(got.opened_ms, v.opened_ms);
  assert_int_equal(got.frame_ms, v.frame_ms);
  assert_string_equal(got.evidence, v.evidence);
  assert_string_equal(got.camera, "gate");
  assert_true(got.clock_trusted);
  assert_false(store_visit_get(f->s, 8, &got, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void impossible_visits_are_refused(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit bad[6];
  for (int i = 0; i < 6; i++)
    bad[i] = fixture_visit(1, "粤A12345");
  bad[0].id = 0;
  bad[1].opened_ms = 0;
  bad[2].text[0] = (char)0xff;
  (void)snprintf(bad[3].evidence, sizeof bad[3].evidence, "../../etc/passwd");
  bad[4].confidence = 1.5;
  bad[5].alternatives = PLATE_ALTERNATIVES + 1;
  for (int i = 0; i < 6; i++) {
    e.code = ERR_NONE;
    assert_false(store_visit_put(f->s, &bad[i], &e));
    assert_int_equal(e.code, ERR_ARG);
  }
}

static void revisions_grow_over_changes_and_restarts(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v = fixture_visit(1, "粤A12345"), list[8];
  uint64_t rev, last;
  size_t n;
  assert_true(store_visit_put(f->s, &v, &e));
  last = v.rev;
  assert_true(last >= (uint64_t)NOW);
  assert_true(store_visit_close(f->s, 1, NOW + 9000, &rev, &e));
  assert_true(rev > last);
  last = rev;
  assert_true(store_visit_reopen(f->s, 1, NOW + 9900, &rev, &e));
  assert_true(rev > last);
  last = rev;
  fixture_reopen(f);
  assert_true(store_visit_touch(f->s, 1, &rev, &e));
  assert_true(rev > last + 1); // revisions that were shown but not saved are passed over
  assert_true(store_visit_list_since(f->s, last, list, 8, &n, &e));
  assert_int_equal(n, 1);
  assert_int_equal(list[0].phase, STORE_VISIT_OPEN);
  assert_int_equal(list[0].closed_ms, 0);
  assert_int_equal(list[0].last_seen_ms, NOW + 9900);
  assert_true(store_visit_list_since(f->s, rev, list, 8, &n, &e));
  assert_int_equal(n, 0);
  assert_true(store_visit_list_since(f->s, UINT64_MAX, list, 8, &n, &e));
  assert_int_equal(n, 0);
}

static void since_is_in_order_of_revisions_and_resumable(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit list[4];
  uint64_t since = 0, seen = 0;
  for (uint64_t id = 1; id <= 10; id++) {
    struct store_visit v = fixture_visit(id, "粤A12345");
    assert_true(store_visit_put(f->s, &v, &e));
  }
  assert_true(store_visit_touch(f->s, 3, NULL, &e));
  for (size_t n = 4; n == 4;) {
    assert_true(store_visit_list_since(f->s, since, list, 4, &n, &e));
    for (size_t i = 0; i < n; i++) {
      assert_true(list[i].rev > since);
      since = list[i].rev;
      seen++;
    }
  }
  assert_int_equal(seen, 10);
  assert_int_equal(list[1].id, 3); // last: it changed last
}

static void a_merged_visit_leaves_lists_and_lends_its_opening(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit a = fixture_visit(1, "粤A12345"), b = fixture_visit(2, "粤A12345"), got[4];
  size_t n;
  bool more;
  assert_true(store_visit_put(f->s, &a, &e));
  assert_true(store_visit_put(f->s, &b, &e));
  assert_true(store_visit_merge(f->s, 1, 2, NOW + 5000, &e));
  assert_true(store_visit_list_open(f->s, got, 4, &n, &e));
  assert_int_equal(n, 1);
  assert_int_equal(got[0].id, 2);
  assert_int_equal(got[0].opened_ms, a.opened_ms);
  assert_true(store_visit_history(f->s, "", NULL, got, 4, &n, &more, &e));
  assert_int_equal(n, 1);
  assert_true(store_visit_list_since(f->s, b.rev, got, 4, &n, &e));
  assert_int_equal(n, 2); // the page learns of both
  assert_int_equal(got[0].phase, STORE_VISIT_MERGED);
  assert_int_equal(got[0].merged_into, 2);
  assert_false(store_visit_merge(f->s, 2, 1, NOW, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_false(store_visit_reopen(f->s, 1, NOW, NULL, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_false(store_visit_merge(f->s, 2, 2, NOW, &e));
  assert_int_equal(e.code, ERR_ARG);
}

static void history_pages_have_every_visit_once(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit got[7];
  struct store_cursor c, *before = NULL;
  uint64_t seen = 0, last = UINT64_MAX;
  bool more = true;
  assert_true(store_begin(f->s, &e));
  for (uint64_t id = 1; id <= 16; id++) {
    struct store_visit v = fixture_visit(id, "粤A12345");
    v.opened_ms = NOW + (int64_t)(id / 5); // many at the same moment
    assert_true(store_visit_put(f->s, &v, &e));
  }
  assert_true(store_commit(f->s, &e));
  while (more) {
    size_t n;
    char text[STORE_CURSOR_MAX];
    assert_true(store_visit_history(f->s, NULL, before, got, 7, &n, &more, &e));
    for (size_t i = 0; i < n; i++) {
      assert_true(got[i].id < last);
      last = got[i].id;
      seen++;
    }
    store_cursor_format(&(struct store_cursor){got[n - 1].opened_ms, got[n - 1].id}, text);
    assert_true(store_cursor_parse(text, &c, &e));
    before = &c;
  }
  assert_int_equal(seen, 16);
}

static void history_finds_parts_of_plates_however_typed(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *query;
    size_t hits;
  } table[] = {{"粤A·12345", 1}, {"粤a 12345", 1}, {" 12345 ", 1},   {"粤", 2},
               {"1234", 2},      {"％", 0},        {"%", 0},         {"_", 0},
               {"Ａ１２", 1},    {"A-1.2", 1},     {"粤AF12345X", 0}};
  struct err e;
  struct store_visit got[8], a = fixture_visit(1, "粤A12345"), b = fixture_visit(2, "粤BF12346"),
                             c = fixture_visit(3, "");
  size_t n;
  bool more;
  assert_true(store_visit_put(f->s, &a, &e) && store_visit_put(f->s, &b, &e) &&
              store_visit_put(f->s, &c, &e));
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    assert_true(store_visit_history(f->s, table[i].query, NULL, got, 8, &n, &more, &e));
    assert_int_equal(n, table[i].hits);
    assert_false(more);
  }
  assert_true(store_visit_list_plate(f->s, "粤A12345", got, 8, &n, &e));
  assert_int_equal(n, 1);
  assert_false(store_visit_history(f->s, "\xff", NULL, got, 8, &n, &more, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(store_visit_history(f->s, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                   NULL, got, 8, &n, &more, &e));
  assert_int_equal(e.code, ERR_ARG);
}

static void cursors_of_another_form_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"",     "x",    "1",    "1-",   "-1-2",
                                    "1-2x", "1--2", " 1-2", "1-+2", "99999999999999999999-1"};
  struct store_cursor c;
  struct err e;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(store_cursor_parse(bad[i], &c, &e));
    assert_int_equal(e.code, ERR_ARG);
  }
}

static void visits_left_open_are_closed_at_start(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit got[2];
  unsigned closed;
  size_t n;
  for (uint64_t id = 1; id <= 20; id++) { // more than one transaction
    struct store_visit v = fixture_visit(id, "粤A12345");
    assert_true(store_visit_put(f->s, &v, &e));
  }
  assert_true(store_visit_close_stale(f->s, &closed, &e));
  assert_int_equal(closed, 20);
  assert_true(store_visit_list_open(f->s, got, 2, &n, &e));
  assert_int_equal(n, 0);
  assert_true(store_visit_get(f->s, 20, &got[0], &e));
  assert_int_equal(got[0].closed_ms, got[0].last_seen_ms);
}

static void a_rolled_back_visit_is_nowhere(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v = fixture_visit(1, "粤A12345"), got;
  assert_true(store_begin(f->s, &e));
  assert_true(store_visit_put(f->s, &v, &e));
  store_rollback(f->s);
  assert_false(store_visit_get(f->s, 1, &got, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      T(a_visit_comes_back_as_it_was_put),
      T(impossible_visits_are_refused),
      T(revisions_grow_over_changes_and_restarts),
      T(since_is_in_order_of_revisions_and_resumable),
      T(a_merged_visit_leaves_lists_and_lends_its_opening),
      T(history_pages_have_every_visit_once),
      T(history_finds_parts_of_plates_however_typed),
      T(cursors_of_another_form_are_refused),
      T(visits_left_open_are_closed_at_start),
      T(a_rolled_back_visit_is_nowhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
