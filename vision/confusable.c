// SPDX-License-Identifier: Apache-2.0
#include "vision/confusable.h"

#include "vision/grammar.h"

#include <stddef.h>

struct confusable {
  uint8_t read, other;
  uint16_t percent;
};

#include "vision/confusable_data.h"

static float pair(uint8_t read, uint8_t other) {
  for (size_t i = 0; i < sizeof data / sizeof *data; i++)
    if (data[i].read == read && data[i].other == other)
      return (float)data[i].percent / 100.0f;
  return 1.0f;
}

float confusable_factor(const char *text, const char *other) {
  uint8_t a[PLATE_SYMBOLS_MAX], b[PLATE_SYMBOLS_MAX];
  const int n = grammar_split(text, a, PLATE_SYMBOLS_MAX);
  if (n < 1 || grammar_split(other, b, PLATE_SYMBOLS_MAX) != n)
    return 1.0f;
  float f = 1.0f;
  for (int i = 0; i < n; i++)
    if (a[i] != b[i])
      f *= pair(a[i], b[i]);
  return f;
}

void confusable_rank(struct plate_read *r) {
  float sum = 0.0f;
  for (int i = 0; i < r->alternatives; i++) {
    struct plate_alternative a = r->alternative[i];
    a.confidence *= confusable_factor(r->text, a.text);
    sum += a.confidence;
    int k = i;
    for (; k > 0 && r->alternative[k - 1].confidence < a.confidence; k--)
      r->alternative[k] = r->alternative[k - 1];
    r->alternative[k] = a;
  }
  const float room = r->confidence < 1.0f ? 1.0f - r->confidence : 0.0f;
  for (int i = 0; i < r->alternatives && sum > room; i++)
    r->alternative[i].confidence *= room / sum;
}
