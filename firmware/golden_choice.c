// SPDX-License-Identifier: Apache-2.0
#include "firmware/golden_choice.h"

#include <string.h>

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define QUARTERS 4
#define KINDS (PLATE_TYPE_COUNT * QUARTERS)

static int kind(const struct golden_row *r) {
  return (int)r->type * QUARTERS + r->hour / (24 / QUARTERS);
}

// The oldest row of one kind (-1: any) and of one origin; -1: none.
static int oldest(const struct golden_row *rows, int n, int of_kind, bool by_person) {
  int found = -1;
  for (int i = 0; i < n; i++)
    if (rows[i].by_person == by_person && (of_kind < 0 || kind(&rows[i]) == of_kind) &&
        (found < 0 || rows[i].wall_ms < rows[found].wall_ms))
      found = i;
  return found;
}

static int fullest(const int count[KINDS]) {
  int most = 0;
  for (int k = 1; k < KINDS; k++)
    if (count[k] > count[most])
      most = k;
  return most;
}

static enum golden_verdict replace(int at, int *out) {
  *out = at;
  return at < 0 ? GOLDEN_KEEP_OUT : GOLDEN_REPLACE;
}

static enum golden_verdict choose_by_agreement(const struct golden_row *rows, int n,
                                               const struct golden_row *in, int *at) {
  int count[KINDS] = {0};
  int64_t newest = INT64_MIN;
  for (int i = 0; i < n; i++) {
    if (rows[i].by_person)
      continue;
    count[kind(&rows[i])]++;
    if (rows[i].wall_ms > newest)
      newest = rows[i].wall_ms;
  }
  const int most = fullest(count), own = kind(in);
  if (count[own] + 1 < count[most])
    return replace(oldest(rows, n, most, false), at);
  const int old = oldest(rows, n, own, false);
  if (old < 0 || in->wall_ms - rows[old].wall_ms < GOLDEN_SETTLED_DAYS * DAY_MS ||
      in->wall_ms - newest < DAY_MS)
    return GOLDEN_KEEP_OUT;
  return replace(old, at);
}

enum golden_verdict golden_choose(const struct golden_row *rows, int n, const struct golden_row *in,
                                  int *at) {
  int persons = 0;
  for (int i = 0; i < n; i++) {
    persons += rows[i].by_person;
    if (strcmp(rows[i].plate, in->plate) == 0 || rows[i].visit == in->visit)
      return GOLDEN_KEEP_OUT;
  }
  if (in->by_person && persons >= GOLDEN_BY_PERSON)
    return replace(oldest(rows, n, -1, true), at);
  if (n < GOLDEN_MAX)
    return GOLDEN_APPEND;
  if (!in->by_person)
    return choose_by_agreement(rows, n, in, at);
  return replace(oldest(rows, n, -1, false), at);
}

int golden_expired(const struct golden_row *rows, int n, int64_t now_ms) {
  for (int i = 0; i < n; i++)
    if (now_ms - rows[i].wall_ms > GOLDEN_AGE_DAYS * DAY_MS)
      return i;
  return -1;
}
