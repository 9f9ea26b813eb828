// SPDX-License-Identifier: Apache-2.0
#include "net/policy.h"

#include "net/policy_fault.h"

#include <stdio.h>
#include <string.h>

static const char *const fault_names[POLICY_FAULT_COUNT] = {
    [POLICY_FAULT_NONE] = "none",
    [POLICY_FAULT_CONNECT] = "connect",
    [POLICY_FAULT_TLS] = "tls",
    [POLICY_FAULT_CLOCK] = "clock",
    [POLICY_FAULT_CUT] = "cut",
    [POLICY_FAULT_TIMEOUT] = "timeout",
    [POLICY_FAULT_DENIED] = "denied",
    [POLICY_FAULT_LIMITED] = "limited",
    [POLICY_FAULT_SERVER] = "server",
    [POLICY_FAULT_STATUS] = "status",
    [POLICY_FAULT_TOO_LARGE] = "too_large",
    [POLICY_FAULT_ENCODING] = "encoding",
    [POLICY_FAULT_MALFORMED] = "malformed",
    [POLICY_FAULT_SHAPE] = "shape",
    [POLICY_FAULT_DATE] = "date",
    [POLICY_FAULT_PLATE] = "plate",
    [POLICY_FAULT_BREAKER] = "breaker",
    [POLICY_FAULT_CANCELLED] = "cancelled",
    [POLICY_FAULT_INTERNAL] = "internal",
};

const char *policy_fault_name(enum policy_fault fault) {
  unsigned i = (unsigned)fault;
  return i < POLICY_FAULT_COUNT ? fault_names[i] : "internal";
}

const char *policy_kind_name(enum policy_kind kind) {
  return kind == POLICY_COMPULSORY ? "compulsory" : "commercial";
}

bool policy_kind_parse(const char *word, enum policy_kind *out) {
  if (strcmp(word, "compulsory") == 0 || strcmp(word, "交强险") == 0)
    *out = POLICY_COMPULSORY;
  else if (strcmp(word, "commercial") == 0 || strcmp(word, "商业险") == 0)
    *out = POLICY_COMMERCIAL;
  else
    return false;
  return true;
}

bool policy_date_exists(int year, int month, int day) {
  static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1900 || year > 2199 || month < 1 || month > 12 || day < 1)
    return false;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= days[month - 1] + (month == 2 && leap);
}

// Exactly n digits at *p; moves behind them.
static bool digits(const char **p, int n, int *out) {
  int v = 0;
  for (int i = 0; i < n; i++) {
    char c = (*p)[i];
    if (c < '0' || c > '9')
      return false;
    v = v * 10 + (c - '0');
  }
  *p += n;
  *out = v;
  return true;
}

// "+08:00", "+0800", "Z" or nothing, up to the end.
static bool zone_ok(const char *p) {
  int hour, minute;
  if (*p == '\0' || strcmp(p, "Z") == 0)
    return true;
  if (*p != '+' && *p != '-')
    return false;
  p++;
  if (!digits(&p, 2, &hour))
    return false;
  if (*p == ':')
    p++;
  return digits(&p, 2, &minute) && *p == '\0' && hour <= 14 && minute <= 59;
}

// What may stand behind a date. 24:00 is how Chinese policies write the end of their last day.
static bool time_ok(const char *p) {
  int hour, minute, second = 0;
  if (*p == '\0')
    return true;
  bool compact = *p >= '0' && *p <= '9';
  if (!compact && *p != 'T' && *p != ' ')
    return false;
  if (!compact)
    p++;
  if (!digits(&p, 2, &hour))
    return false;
  if (*p == ':')
    p++;
  if (!digits(&p, 2, &minute))
    return false;
  if (*p == ':')
    p++;
  if (*p >= '0' && *p <= '9' && !digits(&p, 2, &second))
    return false;
  if (*p == '.') {
    size_t n = strspn(++p, "0123456789");
    if (n == 0 || n > 9)
      return false;
    p += n;
  }
  bool in_day = hour < 24 || (hour == 24 && minute == 0 && second == 0);
  return in_day && minute < 60 && second <= 60 && zone_ok(p);
}

bool policy_date_parse(const char *text, struct policy_date *out, struct err *e) {
  const char *p = text;
  int y = 0, m = 0, d = 0;
  bool form = false;
  size_t lead = strspn(text, "0123456789");
  if (lead == 4 && (text[4] == '-' || text[4] == '/')) {
    char sep = text[4];
    form = digits(&p, 4, &y) && *p++ == sep && digits(&p, 2, &m) && *p++ == sep &&
           digits(&p, 2, &d) && (*p < '0' || *p > '9');
  } else if (lead == 2 && text[2] == '/') {
    form = digits(&p, 2, &d) && *p++ == '/' && digits(&p, 2, &m) && *p++ == '/' &&
           digits(&p, 4, &y) && (*p < '0' || *p > '9');
  } else if (lead == 8 || lead == 12 || lead == 14) {
    form = digits(&p, 4, &y) && digits(&p, 2, &m) && digits(&p, 2, &d);
  }
  if (!form || !time_ok(p))
    return err_set(e, ERR_FORMAT,
                   "not a date we know (2026-03-08, 2026/03/08, 20260308, 08/03/2026, with or "
                   "without a time)");
  if (!policy_date_exists(y, m, d))
    return err_set(e, ERR_FORMAT, "no such day: %04d-%02d-%02d", y, m, d);
  *out = (struct policy_date){y, m, d};
  return true;
}

void policy_date_text(const struct policy_date *d, char out[POLICY_DATE_TEXT]) {
  out[0] = '\0';
  if (!policy_date_exists(d->year, d->month, d->day))
    return;
  // In range by the check above; the modulo tells the compiler so.
  int n = snprintf(out, POLICY_DATE_TEXT, "%04d-%02d-%02d", d->year % 10000, d->month % 100,
                   d->day % 100);
  if (n != POLICY_DATE_TEXT - 1)
    out[0] = '\0';
}

// Moves behind what does not count in a plate.
static const char *skip_marks(const char *p) {
  static const char *const marks[] = {" ", ".", "-", "\t", "·", "•", "・", "\xe3\x80\x80"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks;) {
    size_t n = strlen(marks[i]);
    if (strncmp(p, marks[i], n) == 0) {
      p += n;
      i = 0;
    } else {
      i++;
    }
  }
  return p;
}

static char upper(char c) {
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool policy_plate_same(const char *a, const char *b) {
  for (;;) {
    a = skip_marks(a);
    b = skip_marks(b);
    if (*a == '\0' || upper(*a) != upper(*b))
      return *a == *b;
    a++;
    b++;
  }
}
