// SPDX-License-Identifier: Apache-2.0
#include "vision/opinion.h"

#include <string.h>

enum opinion opinion_of(const struct plate_read *second, const char *text) {
  if (second->text[0] == 0)
    return OPINION_SILENT;
  return strcmp(second->text, text) == 0 ? OPINION_SAME : OPINION_OTHER;
}

float opinion_confidence(const struct opinion_table *t, enum opinion o, float confidence) {
  const float c = !(confidence > 0.0f) ? 0.0f : confidence > 1.0f ? 1.0f : confidence;
  if (o >= OPINION_COUNT || t->knots < 2)
    return c;
  const float *then = t->then[o];
  int i = 1;
  while (i < t->knots - 1 && t->at[i] < c)
    i++;
  const float width = t->at[i] - t->at[i - 1];
  const float part = width > 0.0f ? (c - t->at[i - 1]) / width : 1.0f;
  return then[i - 1] + (then[i] - then[i - 1]) * (part > 1.0f ? 1.0f : part);
}

const char *opinion_name(enum opinion o) {
  static const char *const name[OPINION_COUNT] = {"none", "same", "other", "silent"};
  return o < OPINION_COUNT ? name[o] : "none";
}
