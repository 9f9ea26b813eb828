// SPDX-License-Identifier: Apache-2.0
#include "firmware/release.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_BYTES 256
#define MONTHS_MAX 1200

static void take(struct release *r, const char *name, const char *value) {
  const struct {
    const char *name;
    char *to;
  } words[] = {{"BOARD", r->board},
               {"COMPATIBLE", r->compatible},
               {"VERSION", r->version},
               {"MINIMUM", r->minimum}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(name, words[i].name) == 0)
      (void)snprintf(words[i].to, RELEASE_WORD_MAX, "%s", value);
  const long long n = strtoll(value, NULL, 10); // a word: 0, not told
  if (strcmp(name, "BUILT") == 0 && n > 0)
    r->built_s = n;
  else if (strcmp(name, "SUPPORT_MONTHS") == 0 && n > 0 && n <= MONTHS_MAX)
    r->support_months = (int)n;
}

bool release_load(struct release *out, const char *path, struct err *e) {
  char line[LINE_BYTES];
  *out = (struct release){0};
  FILE *f = path[0] ? fopen(path, "re") : NULL;
  if (!f)
    return path[0] ? err_errno(e, errno, "%s", path)
                   : err_set(e, ERR_NOT_FOUND, "no file is named");
  while (fgets(line, sizeof line, f)) {
    char *is = strchr(line, '=');
    if (!is)
      continue;
    *is = '\0';
    is[1 + strcspn(is + 1, "\r\n")] = '\0';
    take(out, line, is + 1);
  }
  (void)fclose(f); // only read
  return true;
}

// The day `months` after the image was built; of a shorter month its last one.
static void day_after(const struct release *r, int months, char out[11]) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const time_t t = (time_t)r->built_s;
  struct tm tm;
  out[0] = '\0';
  if (r->built_s == 0 || !gmtime_r(&t, &tm))
    return;
  const int month = tm.tm_mon + months, year = tm.tm_year + 1900 + month / 12;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  const int last = days[month % 12] + (month % 12 == 1 && leap);
  if (year <= 9999)
    (void)snprintf(out, 11, "%04d-%02d-%02d", year, month % 12 + 1,
                   tm.tm_mday < last ? tm.tm_mday : last);
}

void release_supported_until(const struct release *r, char out[11]) {
  out[0] = '\0';
  if (r->support_months > 0)
    day_after(r, r->support_months, out);
}

void release_built(const struct release *r, char out[11]) {
  day_after(r, 0, out);
}
