// SPDX-License-Identifier: Apache-2.0
#include "firmware/lookup_record.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// Copies as much as fits without splitting a UTF-8 character.
static void cut(char *out, size_t size, const char *text) {
  size_t n = strnlen(text, size);
  if (n == size) {
    n = size - 1;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
      n--;
  }
  memcpy(out, text, n);
  out[n] = '\0';
}

// As many covers as fit into the column, as a JSON array.
static void covers(const struct policy *p, char *out, size_t size) {
  out[0] = '\0';
  for (int n = p->covers; n > 0; n--) {
    json_t *list = json_array();
    if (!list)
      return;
    bool ok = true;
    for (int i = 0; i < n; i++)
      ok = json_array_append_new(list, json_string(p->cover[i])) == 0 && ok;
    char *text = ok ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    bool fits = text && strlen(text) < size;
    if (fits)
      memcpy(out, text, strlen(text) + 1);
    free(text);
    if (fits)
      return;
  }
}

static void one(const struct policy *p, struct store_policy *out) {
  out->kind = p->kind;
  cut(out->insurer, sizeof out->insurer, p->insurer);
  cut(out->number, sizeof out->number, p->number);
  policy_date_text(&p->start, out->start);
  policy_date_text(&p->end, out->end);
  out->premium_cents = p->premium_fen;
  out->claims = p->claims;
  out->source = STORE_BY_LOOKUP;
  covers(p, out->covers, sizeof out->covers);
}

static int ends_later(const void *a, const void *b) {
  const struct policy *const *pa = a, *const *pb = b;
  const struct policy_date *x = &(*pa)->end, *y = &(*pb)->end;
  int xv = x->year * 10000 + x->month * 100 + x->day;
  int yv = y->year * 10000 + y->month * 100 + y->day;
  return (yv > xv) - (yv < xv);
}

void lookup_record(const char *plate, const struct policy_answer *answer,
                   struct store_record *out) {
  memset(out, 0, sizeof *out);
  cut(out->plate, sizeof out->plate, plate);
  cut(out->name, sizeof out->name, answer->owner.name);
  cut(out->phone, sizeof out->phone, answer->owner.phone);
  out->has_customer = out->name[0] != '\0' || out->phone[0] != '\0';
  cut(out->model, sizeof out->model, answer->vehicle.model);
  cut(out->vin, sizeof out->vin, answer->vehicle.vin);
  cut(out->color, sizeof out->color, answer->vehicle.color);
  policy_date_text(&answer->vehicle.first_registered, out->registered);
  const struct policy *order[POLICY_POLICIES_MAX] = {NULL};
  for (int i = 0; i < answer->policies; i++)
    order[i] = &answer->policy[i];
  // cppcheck-suppress uninitvar; all that is sorted was set above, of none there is nothing to sort
  qsort(order, (size_t)answer->policies, sizeof order[0], ends_later);
  for (int i = 0; i < answer->policies && out->policies < STORE_POLICIES_MAX; i++)
    one(order[i], &out->policy[out->policies++]);
}
