// SPDX-License-Identifier: Apache-2.0
#include "vision/tess_text.h"

#include "vision/grammar.h"

#include <math.h>
#include <string.h>

#define BEAM 24
#define TEXT_MIN 1e-4f // a text less probable than this was not seen

struct beginning {
  uint8_t symbol[PLATE_SYMBOLS_MAX];
  float p;
};

struct tess_place *tess_text_place(struct tess_text *t) {
  if (t->places == PLATE_SYMBOLS_MAX) {
    t->too_long = true;
    return NULL;
  }
  struct tess_place *p = &t->place[t->places++];
  *p = (struct tess_place){0};
  return p;
}

void tess_place_add(struct tess_place *p, const char *symbol, float weight) {
  size_t bytes = 0;
  const int s = grammar_symbol_at(symbol, &bytes);
  if (s < 0 || symbol[bytes] != '\0' || !(weight > 0.0f) || !isfinite(weight))
    return;
  int i = 0;
  while (i < p->choices && p->symbol[i] != s)
    i++;
  if (i < p->choices && p->weight[i] >= weight) // told twice: the larger one counts
    return;
  if (i == TESS_CHOICES_MAX && p->weight[--i] >= weight)
    return;
  if (i == p->choices)
    p->choices++;
  for (; i > 0 && p->weight[i - 1] < weight; i--) {
    p->symbol[i] = p->symbol[i - 1];
    p->weight[i] = p->weight[i - 1];
  }
  p->symbol[i] = (uint8_t)s;
  p->weight[i] = weight;
}

static void keep(struct beginning *list, int *n, const struct beginning *b) {
  int i = *n;
  if (i == BEAM) {
    if (list[i - 1].p >= b->p)
      return;
    i--;
  } else {
    (*n)++;
  }
  for (; i > 0 && list[i - 1].p < b->p; i--)
    list[i] = list[i - 1];
  list[i] = *b;
}

// The type a text most likely stands on: Tesseract sees no colours.
static enum plate_type type_of(const char *text, bool two_lines) {
  const unsigned can = grammar_types(text);
  static const enum plate_type one[] = {PLATE_BLUE,  PLATE_GREEN, PLATE_GREEN_LARGE, PLATE_YELLOW,
                                        PLATE_WHITE, PLATE_BLACK, PLATE_YELLOW2,     PLATE_WHITE2};
  static const enum plate_type two[] = {PLATE_YELLOW2, PLATE_WHITE2};
  for (size_t i = 0; two_lines && i < sizeof two / sizeof *two; i++)
    if (can >> two[i] & 1)
      return two[i];
  for (size_t i = 0; i < sizeof one / sizeof *one; i++)
    if (can >> one[i] & 1)
      return one[i];
  return PLATE_UNKNOWN;
}

static float calibrated(float p, float scale, float offset) {
  p = fminf(fmaxf(p, 1e-6f), 1.0f - 1e-6f);
  return 1.0f / (1.0f + expf(-(scale * logf(p / (1.0f - p)) + offset)));
}

void tess_text_rank(const struct tess_text *t, bool two_lines, float scale, float offset,
                    struct plate_read *out) {
  struct beginning now[BEAM], next[BEAM];
  int n = 1;
  now[0] = (struct beginning){.p = 1.0f};
  out->text[0] = 0;
  out->type = PLATE_UNKNOWN;
  out->confidence = 0.0f;
  out->alternatives = 0;
  for (int at = 0; at < t->places && n > 0; at++) {
    const struct tess_place *place = &t->place[at];
    int more = 0;
    float all = 0.0f;
    for (int k = 0; k < place->choices; k++)
      all += place->weight[k];
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < place->choices; k++) {
        struct beginning b = now[i];
        b.symbol[at] = place->symbol[k];
        grammar_spell(b.symbol, at + 1);
        b.p *= place->weight[k] / all;
        if (grammar_prefix(PLATE_UNKNOWN, b.symbol, at + 1))
          keep(next, &more, &b);
      }
    }
    memcpy(now, next, (size_t)more * sizeof *now);
    n = more;
  }
  if (t->too_long || t->places == 0)
    return;
  float best = 0.0f;
  for (int i = 0; i < n; i++) {
    char text[PLATE_TEXT_MAX];
    if (now[i].p < TEXT_MIN || !grammar_complete(PLATE_UNKNOWN, now[i].symbol, t->places) ||
        !grammar_join(now[i].symbol, t->places, text))
      continue;
    if (out->text[0] == 0) {
      memcpy(out->text, text, sizeof out->text);
      out->type = type_of(text, two_lines);
      out->confidence = calibrated(now[i].p, scale, offset);
      best = now[i].p;
    } else if (out->alternatives < PLATE_ALTERNATIVES) {
      struct plate_alternative *a = &out->alternative[out->alternatives++];
      memcpy(a->text, text, sizeof a->text);
      a->confidence = fminf(out->confidence * now[i].p / best, 1.0f - out->confidence);
    }
  }
}
