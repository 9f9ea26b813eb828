// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/calendar.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS_2026_03_08 INT64_C(1772932353000) // 2026-03-08T01:12:33Z

static struct date day(const char *text) {
  struct date d;
  assert_true(date_parse(text, &d));
  return d;
}

static void zone(const char *tz) {
  assert_int_equal(setenv("TZ", tz, 1), 0);
  tzset();
}

static void dates_that_do_not_exist_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",           "2026-02-29",  "2100-02-29",  "2026-00-10",    "2026-13-01",
      "2026-04-31", "2026-01-00",  "2026-01-32",  "2026-1-1",      "26-01-01",
      "2026/01/01", "2026-01-01 ", " 2026-01-01", "2026-01-0x",    "0000-01-01",
      "-026-01-01", "2026-01-011", "20260101",    "２０２６-01-01"};
  static const char *const good[] = {"2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"};
  struct date d = {1, 2, 3};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(date_parse(bad[i], &d));
  assert_int_equal(d.day, 3); // untouched
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    char text[DATE_TEXT_MAX];
    assert_true(date_parse(good[i], &d));
    date_format(d, text);
    assert_string_equal(text, good[i]);
  }
}

// Every day of the calendar, counted by the rules of months and leap years alone.
static void days_count_without_a_gap(void **state) {
  (void)state;
  int64_t n = date_to_days((struct date){1, 1, 1});
  assert_int_equal(n, -719162);
  assert_int_equal(date_to_days((struct date){1970, 1, 1}), 0);
  for (struct date d = {1, 1, 1}; d.year <= 9999; n++) {
    struct date back = date_from_days(n);
    if (date_to_days(d) != n || back.year != d.year || back.month != d.month || back.day != d.day)
      fail_msg("%d-%d-%d is not day %lld", d.year, d.month, d.day, (long long)n);
    d.day++;
    if (!date_valid(d))
      d = (struct date){d.year, d.month + 1, 1};
    if (d.month > 12)
      d = (struct date){d.year + 1, 1, 1};
  }
  assert_int_equal(date_diff(day("2024-02-28"), day("2024-03-01")), 2);
  assert_int_equal(date_diff(day("2026-03-01"), day("2026-02-28")), -1);
}

static void every_limit_and_its_neighbours(void **state) {
  (void)state;
  static const struct {
    int left;
    enum stage stage;
  } table[] = {{-1000, STAGE_LAPSED},  {-1, STAGE_LAPSED},     {0, STAGE_PUSH},
               {1, STAGE_PUSH},        {15, STAGE_PUSH},       {16, STAGE_FOLLOW},
               {29, STAGE_FOLLOW},     {30, STAGE_QUOTE},      {45, STAGE_QUOTE},
               {46, STAGE_FIRST_CALL}, {50, STAGE_FIRST_CALL}, {51, STAGE_LISTED},
               {60, STAGE_LISTED},     {61, STAGE_NOT_DUE},    {400, STAGE_NOT_DUE}};
  struct calendar_config c;
  calendar_config_default(&c);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    assert_int_equal(calendar_stage(&c, table[i].left), table[i].stage);
  c = (struct calendar_config){90, 70, 50, 30, 0, STAGE_LISTED};
  assert_int_equal(calendar_stage(&c, 90), STAGE_LISTED);
  assert_int_equal(calendar_stage(&c, 1), STAGE_FOLLOW);
  assert_int_equal(calendar_stage(&c, 0), STAGE_PUSH);
}

static void impossible_limits_are_named(void **state) {
  (void)state;
  struct err e;
  struct calendar_config c;
  calendar_config_default(&c);
  assert_true(calendar_config_check(&c, &e));
  static const struct {
    struct calendar_config c;
    const char *word;
  } bad[] = {{{60, 60, 45, 29, 15, STAGE_QUOTE}, "first_call"},
             {{60, 50, 51, 29, 15, STAGE_QUOTE}, "quote"},
             {{60, 50, 45, 45, 15, STAGE_QUOTE}, "follow"},
             {{60, 50, 45, 29, 29, STAGE_QUOTE}, "push"},
             {{60, 50, 45, 29, -1, STAGE_QUOTE}, "push"},
             {{367, 50, 45, 29, 15, STAGE_QUOTE}, "listed"},
             {{60, 50, 45, 29, 15, STAGE_NOT_DUE}, "due_from"},
             {{60, 50, 45, 29, 15, STAGE_UNKNOWN}, "due_from"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(calendar_config_check(&bad[i].c, &e));
    assert_int_equal(e.code, ERR_ARG);
    assert_non_null(strstr(e.text, bad[i].word));
  }
}

static struct calendar_result decide(const char *compulsory, const char *commercial,
                                     const char *today) {
  struct calendar_config c;
  struct calendar_result r;
  struct date d[3];
  calendar_config_default(&c);
  if (compulsory)
    d[0] = day(compulsory);
  if (commercial)
    d[1] = day(commercial);
  if (today)
    d[2] = day(today);
  calendar_decide(&c,
                  &(struct calendar_input){compulsory ? &d[0] : NULL, commercial ? &d[1] : NULL,
                                           today ? &d[2] : NULL},
                  &r);
  assert_true(strlen(r.todo_zh) > 0 && strlen(r.todo_zh) < CALENDAR_TODO_MAX - 1);
  assert_true(strlen(r.todo_en) > 0 && strlen(r.todo_en) < CALENDAR_TODO_MAX - 1);
  return r;
}

static void the_earlier_policy_decides(void **state) {
  (void)state;
  struct calendar_result r = decide("2026-04-30", "2026-03-20", "2026-03-08");
  assert_int_equal(r.stage, STAGE_PUSH);
  assert_int_equal(r.compulsory_left, 53);
  assert_int_equal(r.commercial_left, 12);
  assert_true(r.due);
  r = decide("2026-03-20", "2026-04-30", "2026-03-08");
  assert_int_equal(r.stage, STAGE_PUSH);
  r = decide("2026-03-08", NULL, "2026-03-08"); // the last day is covered
  assert_int_equal(r.compulsory_left, 0);
  assert_int_equal(r.stage, STAGE_PUSH);
  r = decide("2024-02-29", "2025-02-28", "2024-03-01");
  assert_int_equal(r.stage, STAGE_LAPSED);
  assert_int_equal(r.compulsory_left, -1);
  assert_non_null(strstr(r.todo_zh, "交强险"));
  assert_non_null(strstr(r.todo_en, "compulsory"));
}

static void due_begins_with_the_first_call(void **state) {
  (void)state;
  assert_false(decide("2026-05-08", "2026-05-08", "2026-03-08").due); // 61 days
  struct calendar_result r = decide("2026-05-07", "2026-05-07", "2026-03-08");
  assert_int_equal(r.stage, STAGE_LISTED);
  assert_false(r.due);
  assert_true(decide("2026-04-27", "2026-04-27", "2026-03-08").due); // 50 days
  assert_true(decide("2020-01-01", NULL, "2026-03-08").due);
}

static void a_missing_policy_is_said(void **state) {
  (void)state;
  struct calendar_result r = decide("2026-04-01", NULL, "2026-03-08");
  assert_true(r.has_compulsory && !r.has_commercial);
  assert_non_null(strstr(r.todo_zh, "未见商业险"));
  assert_non_null(strstr(r.todo_en, "no commercial policy known"));
  r = decide(NULL, "2026-04-01", "2026-03-08");
  assert_non_null(strstr(r.todo_zh, "未见交强险"));
  r = decide(NULL, NULL, "2026-03-08");
  assert_int_equal(r.stage, STAGE_UNKNOWN);
  assert_false(r.due);
}

static void no_day_counts_without_a_clock(void **state) {
  (void)state;
  struct calendar_result r = decide("2026-03-01", "2026-04-01", NULL);
  assert_int_equal(r.stage, STAGE_CLOCK);
  assert_false(r.due);
  assert_int_equal(r.compulsory_left, 0);
  assert_int_equal(decide(NULL, NULL, NULL).stage, STAGE_UNKNOWN);
}

static void the_shops_day_begins_at_its_own_midnight(void **state) {
  (void)state;
  static const struct {
    const char *tz;
    int64_t s; // UTC
    const char *today;
  } table[] = {
      {"Asia/Shanghai", 1772899199, "2026-03-07"}, // 2026-03-07T23:59:59+08:00
      {"Asia/Shanghai", 1772899200, "2026-03-08"},
      {"UTC", 1772899200, "2026-03-07"},
      // New York, the 23-hour day (clocks forward on 2026-03-08) and the 25-hour one (11-01).
      {"America/New_York", 1772945999, "2026-03-07"},
      {"America/New_York", 1772946000, "2026-03-08"},
      {"America/New_York", 1773028799, "2026-03-08"},
      {"America/New_York", 1773028800, "2026-03-09"},
      {"America/New_York", 1793505600, "2026-11-01"},
      {"America/New_York", 1793595599, "2026-11-01"},
      {"America/New_York", 1793595600, "2026-11-02"},
      {"UTC", -1, "1969-12-31"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct date d;
    char text[DATE_TEXT_MAX];
    zone(table[i].tz);
    assert_true(date_today(table[i].s * 1000000000, &d));
    date_format(d, text);
    assert_string_equal(text, table[i].today);
  }
  // Nanoseconds before midnight are the day before, also before 1970.
  struct date d;
  zone("UTC");
  assert_true(date_today(-1, &d));
  assert_int_equal(d.year, 1969);
}

static void times_carry_their_offset(void **state) {
  (void)state;
  static const struct {
    const char *tz;
    int64_t ms;
    const char *text;
  } table[] = {{"Asia/Shanghai", MS_2026_03_08, "2026-03-08T09:12:33+08:00"},
               {"UTC", MS_2026_03_08 + 999, "2026-03-08T01:12:33+00:00"},
               {"America/New_York", MS_2026_03_08, "2026-03-07T20:12:33-05:00"},
               {"America/New_York", 1773028800000, "2026-03-09T00:00:00-04:00"},
               {"Asia/Kolkata", MS_2026_03_08, "2026-03-08T06:42:33+05:30"},
               {"America/St_Johns", MS_2026_03_08, "2026-03-07T21:42:33-03:30"},
               {"UTC", INT64_MAX, ""},
               {"UTC", INT64_MIN, ""}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char text[ISO_TIME_MAX];
    zone(table[i].tz);
    iso_time(table[i].ms, text);
    assert_string_equal(text, table[i].text);
  }
}

static void stages_have_names(void **state) {
  (void)state;
  enum stage s;
  for (int i = 0; i <= STAGE_CLOCK; i++) {
    assert_true(stage_parse(stage_name((enum stage)i), &s));
    assert_int_equal(s, i);
  }
  assert_false(stage_parse("soon", &s));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dates_that_do_not_exist_are_refused),
      cmocka_unit_test(days_count_without_a_gap),
      cmocka_unit_test(every_limit_and_its_neighbours),
      cmocka_unit_test(impossible_limits_are_named),
      cmocka_unit_test(the_earlier_policy_decides),
      cmocka_unit_test(due_begins_with_the_first_call),
      cmocka_unit_test(a_missing_policy_is_said),
      cmocka_unit_test(no_day_counts_without_a_clock),
      cmocka_unit_test(the_shops_day_begins_at_its_own_midnight),
      cmocka_unit_test(times_carry_their_offset),
      cmocka_unit_test(stages_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
