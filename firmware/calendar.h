// SPDX-License-Identifier: Apache-2.0
// The renewal calendar: where a policy stands, how many days are left, what to do at the car. Pure
// apart from date_today and iso_time, which use the process's time zone (main sets TZ once at start
// with setenv and tzset, before any thread).
#ifndef BAYPLATE_FIRMWARE_CALENDAR_H
#define BAYPLATE_FIRMWARE_CALENDAR_H

#include "board/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct date {
  int year; // 1..9999, Gregorian
  int month, day;
};

#define DATE_TEXT_MAX 16
#define ISO_TIME_MAX 40

bool date_valid(struct date d);
// Exactly "YYYY-MM-DD" and a day that exists.
bool date_parse(const char *text, struct date *out);
void date_format(struct date d, char out[DATE_TEXT_MAX]);
// Days since 1970-01-01 and back, after Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms": days_from_civil, civil_from_days.
int64_t date_to_days(struct date d);
struct date date_from_days(int64_t days);
// to - from in days.
int64_t date_diff(struct date from, struct date to);
// The shop's day at this moment. False when the moment is outside the years 1..9999.
bool date_today(int64_t wall_ns, struct date *out);
// "2026-03-08T09:12:33+08:00" in the process's zone; "" when out of range.
void iso_time(int64_t wall_ms, char out[ISO_TIME_MAX]);

enum stage {
  STAGE_NOT_DUE,
  STAGE_LISTED,
  STAGE_FIRST_CALL,
  STAGE_QUOTE,
  STAGE_FOLLOW,
  STAGE_PUSH,
  STAGE_LAPSED,
  STAGE_UNKNOWN, // no policy is known
  STAGE_CLOCK,   // the clock cannot be believed: no day counts
};

// The most days left at which a stage begins; see renewal.md's table.
struct calendar_config {
  int listed, first_call, quote, follow, push;
  enum stage due_from; // cards are due from this stage on up to lapsed; default first call: from
                       // then on the advisor can act at the car; listed cars only get a message
};

#define CALENDAR_DAYS_MAX 366

void calendar_config_default(struct calendar_config *c);
// Limits must fall strictly from listed to push, push >= 0, listed <= CALENDAR_DAYS_MAX; due_from
// one of listed..lapsed. ERR_ARG names the field.
BP_CHECK bool calendar_config_check(const struct calendar_config *c, struct err *e);

// 0: the last day covered is today.
enum stage calendar_stage(const struct calendar_config *c, int64_t days_left);

// One car's policies: NULL where none is known.
struct calendar_input {
  const struct date *compulsory_end, *commercial_end;
  const struct date *today; // NULL: the clock cannot be believed
};

#define CALENDAR_TODO_MAX 192

struct calendar_result {
  enum stage stage; // of the policy that ends first
  bool due;
  bool has_compulsory, has_commercial;
  int64_t compulsory_left, commercial_left; // days; valid when has_* and stage is not STAGE_CLOCK
  char todo_zh[CALENDAR_TODO_MAX], todo_en[CALENDAR_TODO_MAX]; // one line what to do now
};

void calendar_decide(const struct calendar_config *c, const struct calendar_input *in,
                     struct calendar_result *out);

// "not_due" "listed" "first_call" "quote" "follow" "push" "lapsed" "unknown" "clock". Never NULL.
const char *stage_name(enum stage s);
bool stage_parse(const char *name, enum stage *out);

#endif
