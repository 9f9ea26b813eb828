// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/store_fixture.h"

#include "board/log.h"
#include "firmware/card.h"
#include "firmware/store_customer.h"
#include "firmware/tie.h"

static void customer(struct store *s, const char *plate) {
  struct store_record r = {.has_customer = true};
  struct err e;
  (void)snprintf(r.plate, sizeof r.plate, "%s", plate);
  (void)snprintf(r.name, sizeof r.name, "测试");
  if (!store_record_put(s, &r, STORE_BY_IMPORT, 0, 1000, NULL, &e))
    fail_msg("%s", e.text);
}

static struct store_visit visit(const char *text, double confidence) {
  struct store_visit v = {.id = 7,
                          .certainty = VISIT_UNSURE,
                          .type = PLATE_BLUE,
                          .confidence = confidence,
                          .opened_ms = 1,
                          .last_seen_ms = 1};
  (void)snprintf(v.text, sizeof v.text, "%s", text);
  return v;
}

static void other(struct store_visit *v, const char *text, float confidence) {
  struct plate_alternative *a = &v->alternative[v->alternatives++];
  (void)snprintf(a->text, sizeof a->text, "%s", text);
  a->confidence = confidence;
}

static void broken(struct fixture *f, struct store_visit *v) {
  struct err e = {0};
  if (!tie_break(f->s, v, &e))
    fail_msg("%s", e.text);
}

static void a_customer_breaks_a_tie_and_the_visit_says_so(void **state) {
  struct fixture *f = *state;
  struct store_visit v = visit("粤A12345", 0.5), got;
  struct err e;
  other(&v, "粤A12346", 0.2f);
  other(&v, "粤A1234S", 0.3f);
  customer(f->s, "粤A1234S");
  assert_string_equal(tie_picture_text(&v), "粤A12345");
  broken(f, &v);
  assert_string_equal(v.text, "粤A1234S");
  assert_string_equal(tie_picture_text(&v), "粤A12345");
  assert_true(v.confidence > 0.29 && v.confidence < 0.31); // no surer than the picture is
  assert_int_equal(v.certainty, VISIT_UNSURE);
  assert_string_equal(v.picture, "粤A12345");
  assert_int_equal(v.alternatives, 2);
  assert_string_equal(v.alternative[0].text, "粤A12345");
  assert_true(v.alternative[0].confidence == 0.5f);
  assert_string_equal(v.alternative[1].text, "粤A12346");
  assert_true(store_visit_put(f->s, &v, &e));
  assert_true(store_visit_get(f->s, 7, &got, &e));
  assert_string_equal(got.picture, "粤A12345");
  broken(f, &got); // told once
  assert_string_equal(got.text, "粤A1234S");
  assert_string_equal(got.picture, "粤A12345");
}

static void stays(struct fixture *f, struct store_visit *v) {
  const struct store_visit was = *v;
  broken(f, v);
  assert_string_equal(v->text, was.text);
  assert_string_equal(v->picture, "");
}

static void the_picture_is_never_overruled(void **state) {
  struct fixture *f = *state;
  customer(f->s, "粤A1234S");
  struct store_visit v = visit("粤A12345", 0.7);
  other(&v, "粤A1234S", 0.3f); // clearly less likely
  stays(f, &v);
  v = visit("粤A12345", 0.15);
  other(&v, "粤A1234S", 0.09f); // hardly seen
  stays(f, &v);
  v = visit("粤A12345", 0.5);
  v.certainty = VISIT_CERTAIN;
  other(&v, "粤A1234S", 0.45f);
  stays(f, &v);
  v = visit("粤A12345", 0.5); // the customer's plate is not among what was seen
  other(&v, "粤A12346", 0.45f);
  stays(f, &v);
  v = visit("", 0.0);
  v.certainty = VISIT_UNREAD;
  stays(f, &v);
}

static void a_known_text_stays_and_two_customers_are_left_to_a_person(void **state) {
  struct fixture *f = *state;
  customer(f->s, "粤A12345");
  customer(f->s, "粤A1234S");
  struct store_visit v = visit("粤A12345", 0.4);
  other(&v, "粤A1234S", 0.4f);
  stays(f, &v);
  v = visit("粤A12348", 0.4);
  other(&v, "粤A12345", 0.3f);
  other(&v, "粤A1234S", 0.3f);
  stays(f, &v);
}

static void the_type_follows_the_text(void **state) {
  struct fixture *f = *state;
  customer(f->s, "粤AD12345");
  struct store_visit v = visit("粤A12345", 0.3);
  other(&v, "粤AD12345", 0.3f);
  broken(f, &v);
  assert_string_equal(v.text, "粤AD12345");
  assert_int_equal(v.type, PLATE_GREEN);
}

static void the_card_says_what_the_picture_says(void **state) {
  struct fixture *f = *state;
  struct calendar_config calendar;
  struct err e;
  char *json = NULL;
  calendar_config_default(&calendar);
  const struct card_context ctx = {.now_ms = 1772932360000, .calendar = &calendar};
  struct store_visit v = visit("粤A1234S", 0.3);
  other(&v, "粤A12345", 0.5f);
  assert_true(card_json(f->s, &ctx, &v, &json, &e));
  assert_null(strstr(json, "\"picture\""));
  free(json);
  (void)snprintf(v.picture, sizeof v.picture, "粤A12345");
  assert_true(card_json(f->s, &ctx, &v, &json, &e));
  assert_non_null(strstr(json, "\"picture\":\"粤A12345\""));
  free(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      T(a_customer_breaks_a_tie_and_the_visit_says_so),
      T(the_picture_is_never_overruled),
      T(a_known_text_stays_and_two_customers_are_left_to_a_person),
      T(the_type_follows_the_text),
      T(the_card_says_what_the_picture_says),
  };
  log_set_level(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
