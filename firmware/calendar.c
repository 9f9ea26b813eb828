// SPDX-License-Identifier: Apache-2.0
#include "firmware/calendar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

static int month_length(int year, int month) {
  static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : length[month - 1];
}

bool date_valid(struct date d) {
  return d.year >= 1 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
         d.day <= month_length(d.year, d.month);
}

static bool digits(const char *text, int n, int *out) {
  *out = 0;
  for (int i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    *out = *out * 10 + (text[i] - '0');
  }
  return true;
}

bool date_parse(const char *text, struct date *out) {
  struct date d;
  if (strnlen(text, 11) != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 4, &d.year) ||
      !digits(text + 5, 2, &d.month) || !digits(text + 8, 2, &d.day) || !date_valid(d))
    return false;
  *out = d;
  return true;
}

void date_format(struct date d, char out[DATE_TEXT_MAX]) {
  out[0] = '\0';
  if (date_valid(d))
    (void)snprintf(out, DATE_TEXT_MAX, "%04u-%02u-%02u", (unsigned)d.year % 10000,
                   (unsigned)d.month % 100, (unsigned)d.day % 100);
}

int64_t date_to_days(struct date d) {
  // Years begin in March, so that the leap day is the last of its year; eras have 400 years.
  int64_t y = d.month <= 2 ? d.year - 1 : d.year;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct date date_from_days(int64_t days) {
  int64_t z = days + 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t mp = (5 * day_of_year + 2) / 153;
  int64_t month = mp < 10 ? mp + 3 : mp - 9;
  return (struct date){(int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0)), (int)month,
                       (int)(day_of_year - (153 * mp + 2) / 5 + 1)};
}

int64_t date_diff(struct date from, struct date to) {
  return date_to_days(to) - date_to_days(from);
}

bool date_today(int64_t wall_ns, struct date *out) {
  time_t t = (time_t)(wall_ns / NS_PER_S - (wall_ns % NS_PER_S < 0 ? 1 : 0));
  struct tm tm;
  if (!localtime_r(&t, &tm))
    return false;
  struct date d = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
  if (!date_valid(d))
    return false;
  *out = d;
  return true;
}

void iso_time(int64_t wall_ms, char out[ISO_TIME_MAX]) {
  time_t t = (time_t)(wall_ms / 1000 - (wall_ms % 1000 < 0 ? 1 : 0));
  struct tm tm;
  out[0] = '\0';
  if (!localtime_r(&t, &tm) || tm.tm_year + 1900 < 1000 || tm.tm_year + 1900 > 9999)
    return;
  size_t n = strftime(out, ISO_TIME_MAX - 8, "%Y-%m-%dT%H:%M:%S", &tm);
  int off = (int)(tm.tm_gmtoff / 60); // within a day
  unsigned size = (unsigned)(off < 0 ? -off : off) % (24 * 60);
  (void)snprintf(out + n, ISO_TIME_MAX - n, "%c%02u:%02u", off < 0 ? '-' : '+', size / 60,
                 size % 60);
}

static const char *const STAGE[] = {"not_due", "listed", "first_call", "quote", "follow",
                                    "push",    "lapsed", "unknown",    "clock"};

const char *stage_name(enum stage s) {
  return (unsigned)s <= STAGE_CLOCK ? STAGE[s] : STAGE[STAGE_UNKNOWN];
}

bool stage_parse(const char *name, enum stage *out) {
  for (int i = 0; i <= STAGE_CLOCK; i++) {
    if (strcmp(name, STAGE[i]) != 0)
      continue;
    *out = (enum stage)i;
    return true;
  }
  return false;
}

void calendar_config_default(struct calendar_config *c) {
  *c = (struct calendar_config){.listed = 60,
                                .first_call = 50,
                                .quote = 45,
                                .follow = 29,
                                .push = 15,
                                .due_from = STAGE_FIRST_CALL};
}

bool calendar_config_check(const struct calendar_config *c, struct err *e) {
  const struct {
    const char *name;
    int days;
  } limit[] = {{"listed", c->listed},
               {"first_call", c->first_call},
               {"quote", c->quote},
               {"follow", c->follow},
               {"push", c->push}};
  if (c->listed > CALENDAR_DAYS_MAX)
    return err_set(e, ERR_ARG, "calendar: listed is %d days, at most %d", c->listed,
                   CALENDAR_DAYS_MAX);
  for (size_t i = 1; i < sizeof limit / sizeof *limit; i++)
    if (limit[i].days >= limit[i - 1].days)
      return err_set(e, ERR_ARG, "calendar: %s (%d days) must be less than %s (%d days)",
                     limit[i].name, limit[i].days, limit[i - 1].name, limit[i - 1].days);
  if (c->push < 0)
    return err_set(e, ERR_ARG, "calendar: push is %d days, at least 0", c->push);
  if (c->due_from < STAGE_LISTED || c->due_from > STAGE_LAPSED)
    return err_set(e, ERR_ARG, "calendar: due_from must be one of listed to lapsed, not %s",
                   stage_name(c->due_from));
  return true;
}

enum stage calendar_stage(const struct calendar_config *c, int64_t days_left) {
  if (days_left < 0)
    return STAGE_LAPSED;
  if (days_left <= c->push)
    return STAGE_PUSH;
  if (days_left <= c->follow)
    return STAGE_FOLLOW;
  if (days_left <= c->quote)
    return STAGE_QUOTE;
  if (days_left <= c->first_call)
    return STAGE_FIRST_CALL;
  return days_left <= c->listed ? STAGE_LISTED : STAGE_NOT_DUE;
}

static const struct {
  const char *zh, *en;
} TODO[] = {
    [STAGE_NOT_DUE] = {"正常接待，不谈保险", "Serve as usual; do not raise insurance"},
    [STAGE_LISTED] = {"告知本店续保和理赔服务，确认联系方式",
                      "Mention our renewal and claims service; confirm how to reach the owner"},
    [STAGE_FIRST_CALL] = {"提醒到期时间，了解续保需求", "Remind of the end date; learn the need"},
    [STAGE_QUOTE] = {"报价并讲解，约定下次时间和方式",
                     "Quote and explain; agree when and how to talk next"},
    [STAGE_FOLLOW] = {"按约定跟进，确认客户想法", "Follow up as agreed; ask what the owner thinks"},
    [STAGE_PUSH] = {"即将到期，现在当面谈续保", "Ends soon: raise the renewal now, at the car"},
    [STAGE_LAPSED] = {"友善提醒已脱保，询问在哪投保并记录",
                      "Warn kindly that cover has lapsed; ask where insured now and record it"},
    [STAGE_UNKNOWN] = {"无保单信息，可询问到期时间", "No policy known; the end date may be asked"},
    [STAGE_CLOCK] = {"设备时间不可信，请按到期日期判断",
                     "The device's clock cannot be trusted; judge by the end dates"},
};

static void put_todo(struct calendar_result *r) {
  const char *zh = "", *en = "";
  // A single known policy is said as such: the other may have gone elsewhere.
  if (r->stage != STAGE_UNKNOWN && !r->has_commercial) {
    zh = "；未见商业险，可询问";
    en = "; no commercial policy known, ask";
  } else if (r->stage != STAGE_UNKNOWN && !r->has_compulsory) {
    zh = "；未见交强险，请核对";
    en = "; no compulsory policy known, check";
  } else if (r->stage == STAGE_LAPSED && (r->compulsory_left >= 0 || r->commercial_left >= 0)) {
    zh = r->compulsory_left < 0 ? "（交强险）" : "（商业险）";
    en = r->compulsory_left < 0 ? " (compulsory)" : " (commercial)";
  }
  // Constants that fit; a longer one would be seen by the test.
  (void)snprintf(r->todo_zh, sizeof r->todo_zh, "%s%s", TODO[r->stage].zh, zh);
  (void)snprintf(r->todo_en, sizeof r->todo_en, "%s%s", TODO[r->stage].en, en);
}

void calendar_decide(const struct calendar_config *c, const struct calendar_input *in,
                     struct calendar_result *out) {
  memset(out, 0, sizeof *out);
  out->has_compulsory = in->compulsory_end != NULL;
  out->has_commercial = in->commercial_end != NULL;
  if (!out->has_compulsory && !out->has_commercial) {
    out->stage = STAGE_UNKNOWN;
  } else if (!in->today) {
    out->stage = STAGE_CLOCK;
  } else {
    if (out->has_compulsory)
      out->compulsory_left = date_diff(*in->today, *in->compulsory_end);
    if (out->has_commercial)
      out->commercial_left = date_diff(*in->today, *in->commercial_end);
    int64_t least = out->has_compulsory ? out->compulsory_left : out->commercial_left;
    if (out->has_commercial && out->commercial_left < least)
      least = out->commercial_left;
    out->stage = calendar_stage(c, least);
    out->due = out->stage >= c->due_from;
  }
  put_todo(out);
}
