// SPDX-License-Identifier: Apache-2.0
#include "firmware/said.h"

#include "vision/grammar.h"

#include <string.h>

enum plate_type said_type(enum plate_type seen, const char *text) {
  const unsigned can = grammar_types(text);
  for (int t = 0; t < PLATE_TYPE_COUNT && !(can >> seen & 1); t++)
    if (can >> t & 1)
      return (enum plate_type)t;
  return seen;
}

void said_apply(struct store_visit *v, const char *plate, int64_t by) {
  if (v->said_by == 0 && v->picture[0] == '\0')
    memcpy(v->picture, v->text, sizeof v->picture);
  memset(v->text, 0, sizeof v->text);
  memcpy(v->text, plate, strnlen(plate, sizeof v->text - 1));
  v->type = said_type(v->type, v->text);
  v->certainty = VISIT_CERTAIN;
  v->said_by = by;
}

void said_merge(struct store_visit *into, const struct store_visit *from) {
  if (from->said_by != 0 && into->said_by == 0)
    said_apply(into, from->text, from->said_by);
}
