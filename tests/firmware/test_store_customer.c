// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/store_fixture.h"

#include "firmware/store_customer.h"
#include "firmware/store_lookup.h"

static struct store_record record(void) {
  struct store_record r = {.plate = "粤A12345",
                           .has_customer = true,
                           .name = "测试一",
                           .phone = "13800000001",
                           .model = "样车",
                           .vin = "LTESTVIN000000001",
                           .color = "白",
                           .registered = "2020-02-29",
                           .policies = 2};
  r.policy[0] = (struct store_policy){.kind = POLICY_COMPULSORY,
                                      .insurer = "样险",
                                      .number = "C-1",
                                      .start = "2025-04-01",
                                      .end = "2026-03-31",
                                      .premium_cents = 95000,
                                      .claims = 0};
  r.policy[1] = (struct store_policy){.kind = POLICY_COMMERCIAL,
                                      .insurer = "样险",
                                      .number = "B-1",
                                      .start = "2025-04-11",
                                      .end = "2026-04-10",
                                      .premium_cents = 321055,
                                      .covers = "[\"车损\",\"三者\"]",
                                      .claims = 1};
  return r;
}

static void assert_same(const struct store_record *a, const struct store_record *b) {
  assert_int_equal(a->has_customer, b->has_customer);
  assert_string_equal(a->name, b->name);
  assert_string_equal(a->phone, b->phone);
  assert_string_equal(a->model, b->model);
  assert_string_equal(a->vin, b->vin);
  assert_string_equal(a->color, b->color);
  assert_string_equal(a->registered, b->registered);
  assert_int_equal(a->policies, b->policies);
  for (unsigned i = 0; i < a->policies; i++) {
    const struct store_policy *p = &a->policy[i], *q = &b->policy[i];
    assert_int_equal(p->kind, q->kind);
    assert_string_equal(p->insurer, q->insurer);
    assert_string_equal(p->number, q->number);
    assert_string_equal(p->start, q->start);
    assert_string_equal(p->end, q->end);
    assert_int_equal(p->premium_cents, q->premium_cents);
    assert_string_equal(p->covers, q->covers);
    assert_int_equal(p->claims, q->claims);
    assert_int_equal(p->source, q->source);
  }
  assert_int_equal(a->corrected, b->corrected);
}

static void put(struct store *s, const struct store_record *r, enum store_source source,
                unsigned fields, struct store_change *c) {
  struct err e;
  err_clear(&e);
  bool ok = store_record_put(s, r, source, fields, NOW, c, &e);
  assert_string_equal(e.text, "");
  assert_true(ok);
}

static void a_record_comes_back_as_it_was_put(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), got;
  struct store_change c;
  struct err e;
  int64_t n;
  put(f->s, &r, STORE_BY_LOOKUP, 0, &c);
  assert_true(c.created);
  assert_int_equal(c.changed, 127);
  assert_int_equal(c.kept, 0);
  fixture_reopen(f);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_same(&got, &r);
  put(f->s, &r, STORE_BY_LOOKUP, 0, &c); // the same again changes nothing
  assert_false(c.created);
  assert_int_equal(c.changed, 0);
  assert_true(store_record_count(f->s, &n, &e));
  assert_int_equal(n, 1);
  assert_false(store_record_get(f->s, "粤A99999", &got, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_persons_word_stays(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), fix = {.plate = "粤A12345"}, got;
  struct store_change c;
  struct err e;
  put(f->s, &r, STORE_BY_LOOKUP, 0, NULL);
  (void)snprintf(fix.phone, sizeof fix.phone, "13900000009");
  put(f->s, &fix, STORE_BY_PERSON, STORE_FIELD_PHONE | STORE_FIELD_COLOR, &c);
  assert_int_equal(c.changed, STORE_FIELD_PHONE | STORE_FIELD_COLOR); // colour was emptied
  (void)snprintf(r.name, sizeof r.name, "测试新主");
  put(f->s, &r, STORE_BY_IMPORT, 0, &c);
  assert_int_equal(c.changed & STORE_FIELD_NAME, STORE_FIELD_NAME);
  assert_int_equal(c.kept, STORE_FIELD_PHONE | STORE_FIELD_COLOR);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_string_equal(got.name, "测试新主");
  assert_string_equal(got.phone, "13900000009");
  assert_string_equal(got.color, "");
  assert_int_equal(got.corrected, STORE_FIELD_PHONE | STORE_FIELD_COLOR);
}

static void an_empty_text_replaces_nothing(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), bare = {.plate = "粤A12345"}, got;
  struct store_change c;
  struct err e;
  put(f->s, &r, STORE_BY_LOOKUP, 0, NULL);
  put(f->s, &bare, STORE_BY_IMPORT, 0, &c);
  assert_int_equal(c.changed, 0);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_same(&got, &r);
}

static void a_new_term_takes_the_place_of_the_old(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), got;
  struct store_change c;
  struct err e;
  put(f->s, &r, STORE_BY_LOOKUP, 0, NULL);
  r.policies = 1; // the answer names the renewed compulsory one only
  (void)snprintf(r.policy[0].number, sizeof r.policy[0].number, "C-2");
  (void)snprintf(r.policy[0].start, sizeof r.policy[0].start, "2026-04-01");
  (void)snprintf(r.policy[0].end, sizeof r.policy[0].end, "2027-03-31");
  put(f->s, &r, STORE_BY_LOOKUP, 0, &c);
  assert_int_equal(c.changed, STORE_FIELD_POLICIES);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_int_equal(got.policies, 1);
  assert_string_equal(got.policy[0].number, "C-2");
  // Both terms at once, as some servers answer: the one that ends last counts.
  struct store_record both = record();
  both.policies = 3;
  both.policy[2] = r.policy[0];
  put(f->s, &both, STORE_BY_LOOKUP, 0, &c);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_int_equal(got.policies, 2);
  assert_string_equal(got.policy[0].end, "2027-03-31");
  assert_int_equal(got.policy[1].kind, POLICY_COMMERCIAL);
}

static void a_policy_a_person_corrected_is_kept(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), fix = record(), got;
  struct store_change c;
  struct err e;
  put(f->s, &r, STORE_BY_LOOKUP, 0, NULL);
  fix.policies = 1;
  (void)snprintf(fix.policy[0].end, sizeof fix.policy[0].end, "2026-12-31");
  put(f->s, &fix, STORE_BY_PERSON, STORE_FIELD_POLICIES, &c);
  assert_int_equal(c.changed, STORE_FIELD_POLICIES);
  put(f->s, &r, STORE_BY_LOOKUP, 0, &c);
  assert_int_equal(c.kept, STORE_FIELD_POLICIES);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_int_equal(got.policies, 2);
  assert_string_equal(got.policy[0].end, "2026-12-31");
  assert_int_equal(got.policy[0].source, STORE_BY_PERSON);
}

static void impossible_records_are_refused_whole(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_record bad[9], got;
  for (int i = 0; i < 9; i++)
    bad[i] = record();
  bad[0].plate[0] = '\0';
  (void)snprintf(bad[1].plate, sizeof bad[1].plate, "粤a·12345");
  (void)snprintf(bad[2].policy[1].end, STORE_DATE_MAX, "2026-02-29");
  bad[3].policy[1].end[0] = '\0';
  (void)snprintf(bad[4].policy[1].start, STORE_DATE_MAX, "2026-04-11"); // after the end
  bad[5].name[0] = (char)0xff;
  bad[6].policies = STORE_POLICIES_MAX + 1;
  (void)snprintf(bad[7].registered, STORE_DATE_MAX, "2020-13-01");
  bad[8].policy[1].insurer[0] = (char)0xc0;
  for (int i = 0; i < 9; i++) {
    e.code = ERR_NONE;
    assert_false(store_record_put(f->s, &bad[i], STORE_BY_LOOKUP, 0, NOW, NULL, &e));
    assert_int_equal(e.code, ERR_ARG);
  }
  assert_false(store_record_get(f->s, "粤A12345", &got, &e));
}

static void texts_are_data_not_sql(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), got;
  struct err e;
  (void)snprintf(r.name, sizeof r.name, "'); DROP TABLE customer;--");
  put(f->s, &r, STORE_BY_LOOKUP, 0, NULL);
  assert_true(store_record_get(f->s, "粤A12345", &got, &e));
  assert_string_equal(got.name, r.name);
}

static void erasing_leaves_nothing(void **state) {
  struct fixture *f = *state;
  struct store_record r = record(), got;
  struct store_lookup l;
  struct err e;
  put(f->s, &r, STORE_BY_LOOKUP, 0, NULL);
  assert_true(store_lookup_put(f->s, r.plate, STORE_LOOKUP_FOUND, "{}", NOW, &e));
  assert_true(store_record_erase(f->s, r.plate, &e));
  assert_false(store_record_get(f->s, r.plate, &got, &e));
  assert_true(store_lookup_get(f->s, r.plate, &l, NULL, &e));
  assert_int_equal(l.state, STORE_LOOKUP_NEVER);
  assert_false(store_record_erase(f->s, r.plate, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  // Not in the bytes of the file either.
  fixture_close(f);
  FILE *file = fopen(f->path, "rb");
  static char bytes[1 << 20];
  assert_non_null(file);
  size_t n = fread(bytes, 1, sizeof bytes, file);
  assert_int_equal(fclose(file), 0);
  assert_null(memmem(bytes, n, "13800000001", 11));
}

static void a_failed_look_up_keeps_the_answer(void **state) {
  struct fixture *f = *state;
  struct store_lookup l;
  struct err e;
  unsigned gone;
  char *answer, *huge;
  assert_true(store_lookup_get(f->s, "粤A12345", &l, &answer, &e));
  assert_int_equal(l.state, STORE_LOOKUP_NEVER);
  assert_null(answer);
  assert_true(store_lookup_failed(f->s, "粤A12345", "connect: refused", NOW, &e));
  assert_true(store_lookup_get(f->s, "粤A12345", &l, NULL, &e));
  assert_int_equal(l.state, STORE_LOOKUP_NEVER);
  assert_int_equal(l.failures, 1);
  assert_true(store_lookup_put(f->s, "粤A12345", STORE_LOOKUP_FOUND, "{\"a\":1}", NOW + 1, &e));
  assert_true(store_lookup_failed(f->s, "粤A12345", "timeout", NOW + 2, &e));
  assert_true(store_lookup_failed(f->s, "粤A12345", "timeout", NOW + 3, &e));
  assert_true(store_lookup_get(f->s, "粤A12345", &l, &answer, &e));
  assert_int_equal(l.state, STORE_LOOKUP_FOUND);
  assert_int_equal(l.as_of_ms, NOW + 1);
  assert_int_equal(l.tried_ms, NOW + 3);
  assert_int_equal(l.failures, 2);
  assert_string_equal(l.error, "timeout");
  assert_string_equal(answer, "{\"a\":1}");
  free(answer);
  assert_true(store_lookup_put(f->s, "粤A12345", STORE_LOOKUP_UNKNOWN, NULL, NOW + 4, &e));
  assert_true(store_lookup_get(f->s, "粤A12345", &l, &answer, &e));
  assert_int_equal(l.state, STORE_LOOKUP_UNKNOWN);
  assert_string_equal(l.error, "");
  assert_null(answer);
  huge = malloc(STORE_LOOKUP_ANSWER_MAX + 2);
  assert_non_null(huge);
  memset(huge, 'x', STORE_LOOKUP_ANSWER_MAX + 1);
  huge[STORE_LOOKUP_ANSWER_MAX + 1] = '\0';
  assert_false(store_lookup_put(f->s, "粤A12345", STORE_LOOKUP_FOUND, huge, NOW, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  free(huge);
  assert_true(store_lookup_expire(f->s, NOW + 4, &gone, &e));
  assert_int_equal(gone, 0);
  assert_true(store_lookup_expire(f->s, NOW + 5, &gone, &e));
  assert_int_equal(gone, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      T(a_record_comes_back_as_it_was_put),
      T(a_persons_word_stays),
      T(an_empty_text_replaces_nothing),
      T(a_new_term_takes_the_place_of_the_old),
      T(a_policy_a_person_corrected_is_kept),
      T(impossible_records_are_refused_whole),
      T(texts_are_data_not_sql),
      T(erasing_leaves_nothing),
      T(a_failed_look_up_keeps_the_answer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
