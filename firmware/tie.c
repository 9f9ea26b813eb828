// SPDX-License-Identifier: Apache-2.0
#include "firmware/tie.h"

#include "firmware/said.h"
#include "firmware/store_customer.h"

#include <string.h>

// A plate with nothing but a row is nobody's: somebody must be behind it.
static bool is_customer(struct store *s, const char *plate, bool *is, struct err *e) {
  struct store_record r;
  *is = false;
  if (store_record_get(s, plate, &r, e))
    *is = r.has_customer || r.policies > 0;
  else if (e->code != ERR_NOT_FOUND)
    return false;
  return true;
}

static void choose(struct store_visit *v, int which) {
  const struct plate_alternative chosen = v->alternative[which];
  memmove(&v->alternative[1], &v->alternative[0], (size_t)which * sizeof v->alternative[0]);
  memcpy(v->alternative[0].text, v->text, sizeof v->text);
  v->alternative[0].confidence = (float)v->confidence;
  memcpy(v->picture, v->text, sizeof v->picture);
  memcpy(v->text, chosen.text, sizeof v->text);
  v->confidence = (double)chosen.confidence;
  v->type = said_type(v->type, v->text);
}

bool tie_break(struct store *s, struct store_visit *v, struct err *e) {
  bool known = false;
  int chosen = -1;
  if (v->certainty != VISIT_UNSURE || v->picture[0] || !v->text[0])
    return true;
  bool tie = false;
  for (int i = 0; i < v->alternatives; i++)
    tie |= v->alternative[i].confidence >= TIE_LEAST &&
           (double)v->alternative[i].confidence >= (double)TIE_SHARE * v->confidence;
  if (!tie) // most visits: the store is not asked
    return true;
  if (!is_customer(s, v->text, &known, e))
    return false;
  for (int i = 0; i < v->alternatives && !known; i++) {
    const float c = v->alternative[i].confidence;
    bool is = false;
    if (c < TIE_LEAST || (double)c < (double)TIE_SHARE * v->confidence)
      continue;
    if (!is_customer(s, v->alternative[i].text, &is, e))
      return false;
    if (is && chosen >= 0) // two customers' plates tie: a person must look
      return true;
    if (is)
      chosen = i;
  }
  if (!known && chosen >= 0)
    choose(v, chosen);
  return true;
}

const char *tie_picture_text(const struct store_visit *v) {
  return v->picture[0] ? v->picture : v->text;
}
