// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/store_fixture.h"

#include "firmware/card.h"

#include <jansson.h>
#include <time.h>

static struct calendar_config calendar;

static struct card_context context(void) {
  calendar_config_default(&calendar);
  (void)setenv("TZ", "Asia/Shanghai", 1);
  tzset();
  return (struct card_context){.calendar = &calendar,
                               .now_ms = NOW,
                               .clock_trusted = true,
                               .found_ttl_ms = 3600000,
                               .unknown_ttl_ms = 3600000};
}

static struct store_visit visit(void) {
  struct store_visit v = fixture_visit(42, "粤A12345");
  v.rev = 3;
  v.opened_ms = NOW;
  v.last_seen_ms = NOW + 1999;
  v.frame_ms = NOW - 250;
  v.alternatives = 1;
  v.alternative[0] = (struct plate_alternative){"粤A12346", 0.0015f};
  (void)snprintf(v.evidence, sizeof v.evidence, "2026/03/08/42-2.jpg");
  return v;
}

static struct store_record record(void) {
  struct store_record r = {.plate = "粤A12345",
                           .has_customer = true,
                           .name = "测试\"一\"<b>",
                           .phone = "13800001234",
                           .model = "样车",
                           .vin = "LTESTVIN000000001",
                           .policies = 2};
  r.policy[0] = (struct store_policy){.kind = POLICY_COMPULSORY,
                                      .insurer = "样险",
                                      .number = "C-1",
                                      .start = "2025-04-01",
                                      .end = "2026-03-31",
                                      .premium_cents = 95000};
  r.policy[1] = (struct store_policy){.kind = POLICY_COMMERCIAL,
                                      .insurer = "样险",
                                      .number = "B-1",
                                      .start = "2025-03-21",
                                      .end = "2026-03-20",
                                      .premium_cents = 321055};
  return r;
}

static const struct store_lookup FOUND = {.plate = "粤A12345",
                                          .state = STORE_LOOKUP_FOUND,
                                          .as_of_ms = NOW - 1000,
                                          .tried_ms = NOW - 1000};

static json_t *compose(const struct card_context *ctx, const struct store_visit *v,
                       const struct store_record *r, const struct store_lookup *l) {
  struct err e;
  char *text;
  assert_true(card_compose(ctx, v, r, l, &text, &e));
  assert_null(strchr(text, '\n')); // one line of the event stream
  assert_true(strlen(text) < CARD_BYTES_MAX);
  json_t *card = json_loads(text, 0, NULL);
  assert_non_null(card);
  free(text);
  return card;
}

static const char *text_at(json_t *card, const char *a, const char *b) {
  json_t *o = json_object_get(card, a);
  return json_string_value(b ? json_object_get(o, b) : o);
}

static void the_card_is_the_contract_word_for_word(void **state) {
  (void)state;
  static const char want[] =
      "{\"visit\":\"42\",\"rev\":3,\"state\":\"open\",\"opened\":\"2026-03-08T09:12:33+08:00\","
      "\"last_seen\":\"2026-03-08T09:12:34+08:00\",\"closed\":null,\"certainty\":\"certain\","
      "\"direction\":\"in\",\"plate\":{\"text\":\"粤A12345\",\"type\":\"blue\","
      "\"confidence\":0.998,\"alternatives\":[{\"text\":\"粤A12346\",\"confidence\":0.0015}]},"
      "\"evidence\":\"/api/v1/evidence/42?rev=2\","
      "\"customer\":{\"name\":\"测试\\\"一\\\"<b>\",\"phone\":\"138****1234\"},"
      "\"vehicle\":{\"model\":\"样车\",\"vin\":\"LTESTVIN000000001\"},"
      "\"policies\":[{\"kind\":\"compulsory\",\"insurer\":\"样险\",\"number\":\"C-1\","
      "\"start\":\"2025-04-01\",\"end\":\"2026-03-31\",\"days_left\":23,\"premium\":950.0},"
      "{\"kind\":\"commercial\",\"insurer\":\"样险\",\"number\":\"B-1\",\"start\":\"2025-03-21\","
      "\"end\":\"2026-03-20\",\"days_left\":12,\"premium\":3210.55}],"
      "\"stage\":\"push\",\"due\":true,\"todo\":{\"zh\":\"即将到期，现在当面谈续保\","
      "\"en\":\"Ends soon: raise the renewal now, at the car\"},"
      "\"lookup\":{\"state\":\"fresh\",\"as_of\":\"2026-03-08T09:12:32+08:00\",\"error\":null},"
      "\"frame_ms\":1772932352750,\"clock_trusted\":true}";
  struct card_context ctx = context();
  struct store_visit v = visit();
  struct store_record r = record();
  struct err e;
  char *text;
  assert_true(card_compose(&ctx, &v, &r, &FOUND, &text, &e));
  assert_string_equal(text, want);
  free(text);
}

static void a_plate_just_asked_about_is_not_called_unknown(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  static const struct {
    bool asks;
    enum store_visit_phase phase;
    const char *says;
  } known[] = {{false, STORE_VISIT_OPEN, "unknown"},
               {true, STORE_VISIT_OPEN, "pending"},
               {true, STORE_VISIT_CLOSED, "unknown"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    ctx.asks = known[i].asks;
    v.phase = known[i].phase;
    json_t *card = compose(&ctx, &v, NULL, NULL);
    assert_string_equal(text_at(card, "lookup", "state"), known[i].says);
    json_decref(card);
  }
}

static void nothing_known_is_null_and_not_absent(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  v.text[0] = v.evidence[0] = '\0';
  v.certainty = VISIT_UNREAD;
  v.frame_ms = 0;
  json_t *card = compose(&ctx, &v, NULL, NULL);
  static const char *const null[] = {"plate",   "evidence", "customer",
                                     "vehicle", "closed",   "frame_ms"};
  for (size_t i = 0; i < sizeof null / sizeof *null; i++)
    assert_true(json_is_null(json_object_get(card, null[i])));
  assert_int_equal(json_array_size(json_object_get(card, "policies")), 0);
  assert_string_equal(text_at(card, "stage", NULL), "unknown");
  assert_non_null(strstr(text_at(card, "todo", "zh"), "看不清"));
  assert_string_equal(text_at(card, "lookup", "state"), "unknown");
  json_decref(card);
}

static void an_unsure_plate_is_checked_before_anything_is_said(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  struct store_record r = record();
  v.certainty = VISIT_UNSURE;
  json_t *card = compose(&ctx, &v, &r, &FOUND);
  assert_ptr_equal(strstr(text_at(card, "todo", "zh"), "先核对车牌"), text_at(card, "todo", "zh"));
  assert_ptr_equal(strstr(text_at(card, "todo", "en"), "Check the plate"),
                   text_at(card, "todo", "en"));
  json_decref(card);
}

static void a_clock_that_cannot_be_believed_gives_no_day_counts(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  struct store_record r = record();
  ctx.clock_trusted = false;
  json_t *card = compose(&ctx, &v, &r, &FOUND);
  assert_string_equal(text_at(card, "stage", NULL), "clock");
  assert_true(json_is_false(json_object_get(card, "clock_trusted")));
  assert_true(json_is_false(json_object_get(card, "due")));
  json_t *policy = json_array_get(json_object_get(card, "policies"), 0);
  assert_true(json_is_null(json_object_get(policy, "days_left")));
  assert_string_equal(json_string_value(json_object_get(policy, "end")), "2026-03-31");
  json_decref(card);
}

static void a_merged_visit_names_the_one_that_goes_on(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  v.phase = STORE_VISIT_MERGED;
  v.merged_into = 41;
  json_t *card = compose(&ctx, &v, NULL, NULL);
  assert_string_equal(text_at(card, "state", NULL), "merged");
  assert_string_equal(text_at(card, "into", NULL), "41");
  json_decref(card);
}

static void look_ups_are_fresh_stale_pending_unknown_or_failed(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_lookup l = FOUND;
  l.as_of_ms = NOW - 3600000;
  assert_int_equal(card_lookup_state(&ctx, &l), CARD_FRESH);
  l.as_of_ms--;
  assert_int_equal(card_lookup_state(&ctx, &l), CARD_STALE);
  l.as_of_ms = NOW + 1; // from the future: a clock was wrong
  assert_int_equal(card_lookup_state(&ctx, &l), CARD_STALE);
  l = (struct store_lookup){0};
  assert_int_equal(card_lookup_state(&ctx, &l), CARD_PENDING);
  (void)snprintf(l.error, sizeof l.error, "timeout");
  assert_int_equal(card_lookup_state(&ctx, &l), CARD_FAILED);
  l.state = STORE_LOOKUP_UNKNOWN;
  assert_int_equal(card_lookup_state(&ctx, &l), CARD_UNKNOWN);
}

static void phones_are_masked(void **state) {
  (void)state;
  static const char *const table[][2] = {{"13812341234", "138****1234"},
                                         {"+8613812341234", "+86****1234"},
                                         {"", ""},
                                         {"1234", "****"},
                                         {"0757-22334455", "075****4455"},
                                         {"57223344", "****"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char out[STORE_PHONE_MAX];
    card_mask_phone(table[i][0], out, sizeof out);
    assert_string_equal(out, table[i][1]);
  }
}

static void the_card_is_read_from_the_store(void **state) {
  struct fixture *f = *state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  struct store_record r = record();
  struct store *reader;
  struct err e;
  char *text;
  assert_true(store_record_put(f->s, &r, STORE_BY_LOOKUP, 0, NOW, NULL, &e));
  assert_true(store_lookup_put(f->s, r.plate, STORE_LOOKUP_FOUND, NULL, NOW - 1, &e));
  assert_true(store_visit_put(f->s, &v, &e));
  assert_true(store_open_reader(&reader, f->s, &e));
  assert_true(card_json(reader, &ctx, &v, &text, &e));
  json_t *card = json_loads(text, 0, NULL);
  assert_string_equal(text_at(card, "customer", "name"), r.name);
  assert_string_equal(text_at(card, "lookup", "state"), "fresh");
  assert_string_equal(text_at(card, "stage", NULL), "push");
  json_decref(card);
  free(text);
  // A plate nobody asked for yet is pending, not an error.
  (void)snprintf(v.text, sizeof v.text, "粤B00001");
  ctx.show_phone = true;
  assert_true(card_json(reader, &ctx, &v, &text, &e));
  card = json_loads(text, 0, NULL);
  assert_string_equal(text_at(card, "lookup", "state"), "pending");
  json_decref(card);
  free(text);
  store_close(reader);
}

// Nothing that fits into a row makes a card longer than it may be, or unreadable.
static void the_longest_texts_fit(void **state) {
  (void)state;
  struct card_context ctx = context();
  struct store_visit v = visit();
  struct store_record r = record();
  memset(r.name, '\x01', sizeof r.name - 1); // becomes \u0001: six bytes each
  memset(r.model, '\x01', sizeof r.model - 1);
  memset(r.vin, '"', sizeof r.vin - 1);
  for (unsigned i = 0; i < 2; i++) {
    memset(r.policy[i].insurer, '\x01', sizeof r.policy[i].insurer - 1);
    memset(r.policy[i].number, '\x01', sizeof r.policy[i].number - 1);
  }
  v.alternatives = PLATE_ALTERNATIVES;
  for (int i = 0; i < PLATE_ALTERNATIVES; i++)
    memset(v.alternative[i].text, '"', PLATE_TEXT_MAX - 1);
  json_decref(compose(&ctx, &v, &r, &FOUND));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_card_is_the_contract_word_for_word),
      cmocka_unit_test(a_plate_just_asked_about_is_not_called_unknown),
      cmocka_unit_test(nothing_known_is_null_and_not_absent),
      cmocka_unit_test(an_unsure_plate_is_checked_before_anything_is_said),
      cmocka_unit_test(a_clock_that_cannot_be_believed_gives_no_day_counts),
      cmocka_unit_test(a_merged_visit_names_the_one_that_goes_on),
      cmocka_unit_test(look_ups_are_fresh_stale_pending_unknown_or_failed),
      cmocka_unit_test(phones_are_masked),
      cmocka_unit_test_setup_teardown(the_card_is_read_from_the_store, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test(the_longest_texts_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
