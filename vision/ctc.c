// SPDX-License-Identifier: Apache-2.0
#include "vision/ctc.h"

#include <math.h>
#include <string.h>

#define BEAM 16         // beginnings kept after each column
#define LIVE 160        // beginnings while a column is worked on
#define CLASS_MIN 1e-3f // a symbol less probable than this in a column is not followed
#define CLASSES_TOP 8   // nor more symbols than this: a column that says everything says nothing
#define BEAM_MIN 1e-5f  // of the best one: beginnings less probable are dropped
#define TEXT_MIN 1e-3f  // a text less probable than this is not told
#define WRONG_TYPE                                                                                 \
  0.15f // weight of a text that does not fit the type the network saw: its type head errs too

struct beam {
  uint8_t symbol[PLATE_SYMBOLS_MAX]; // as the network names them: before grammar_spell()
  int n;
  float blank, other; // probability of all paths that end in a blank, in the last symbol
};

struct search {
  const struct reader_model *model;
  int beams, next;
  struct beam beam[BEAM], live[LIVE];
};

static void softmax(const float *in, int n, float temperature, float *out) {
  float top = -INFINITY, sum = 0.0f;
  for (int i = 0; i < n; i++)
    top = isfinite(in[i]) ? fmaxf(top, in[i]) : top;
  for (int i = 0; i < n; i++) {
    out[i] = isfinite(in[i]) ? expf((in[i] - top) / temperature) : 0.0f;
    sum += out[i];
  }
  for (int i = 0; i < n; i++)
    out[i] = sum > 0.0f ? out[i] / sum : 0.0f;
}

// The entry of this beginning in the column being built, made when it is new; NULL when there is no
// room.
static struct beam *live(struct search *s, const uint8_t *symbol, int n) {
  for (int i = 0; i < s->next; i++) {
    if (s->live[i].n == n && memcmp(s->live[i].symbol, symbol, (size_t)n) == 0)
      return &s->live[i];
  }
  if (s->next == LIVE)
    return NULL;
  struct beam *b = &s->live[s->next++];
  *b = (struct beam){.n = n};
  memcpy(b->symbol, symbol, (size_t)n);
  return b;
}

static bool may_begin(const uint8_t *symbol, int n) {
  uint8_t meant[PLATE_SYMBOLS_MAX];
  memcpy(meant, symbol, (size_t)n);
  grammar_spell(meant, n);
  return grammar_prefix(PLATE_UNKNOWN, meant, n);
}

static void extend(struct search *s, const struct beam *from, uint8_t symbol, float p) {
  uint8_t longer[PLATE_SYMBOLS_MAX];
  if (from->n >= PLATE_SYMBOLS_MAX || !(p > 0.0f))
    return;
  memcpy(longer, from->symbol, (size_t)from->n);
  longer[from->n] = symbol;
  struct beam *b = may_begin(longer, from->n + 1) ? live(s, longer, from->n + 1) : NULL;
  if (b)
    b->other += p;
}

// Classes of a column that are worth following, the likeliest first. Returns how many.
static int likely(const struct reader_model *m, const float *p, int *out) {
  int n = 0;
  for (int c = 1; c <= m->symbols; c++) {
    if (m->symbol[c - 1] < 0 || p[c] < CLASS_MIN)
      continue;
    int i = n < CLASSES_TOP ? n++ : CLASSES_TOP;
    if (i == CLASSES_TOP && p[out[--i]] >= p[c])
      continue;
    for (; i > 0 && p[out[i - 1]] < p[c]; i--)
      out[i] = out[i - 1];
    out[i] = c;
  }
  return n;
}

static void column(struct search *s, const float *p) {
  int follow[CLASSES_TOP];
  const int classes = likely(s->model, p, follow);
  s->next = 0;
  for (int i = 0; i < s->beams; i++) {
    const struct beam *b = &s->beam[i];
    const float all = b->blank + b->other;
    struct beam *same = live(s, b->symbol, b->n);
    if (same)
      same->blank += all * p[0];
    for (int k = 0; k < classes; k++) {
      const int c = follow[k], symbol = s->model->symbol[c - 1];
      const bool again = b->n > 0 && b->symbol[b->n - 1] == symbol;
      if (again && same)
        same->other += b->other * p[c];
      // A symbol that follows itself needs a blank between.
      extend(s, b, (uint8_t)symbol, (again ? b->blank : all) * p[c]);
    }
  }
}

// Keeps the best BEAM of the column's beginnings, best first.
static void prune(struct search *s) {
  s->beams = 0;
  for (int i = 0; i < s->next; i++) {
    const struct beam *b = &s->live[i];
    const float p = b->blank + b->other;
    int k = s->beams;
    if (k == BEAM) {
      if (s->beam[k - 1].blank + s->beam[k - 1].other >= p)
        continue;
      k--;
    } else {
      s->beams++;
    }
    for (; k > 0 && s->beam[k - 1].blank + s->beam[k - 1].other < p; k--)
      s->beam[k] = s->beam[k - 1];
    s->beam[k] = *b;
  }
  const float least = BEAM_MIN * (s->beam[0].blank + s->beam[0].other);
  while (s->beams > 1 && s->beam[s->beams - 1].blank + s->beam[s->beams - 1].other < least)
    s->beams--;
}

static void offer(struct ctc_result *out, const struct ctc_text *t) {
  int i = out->texts;
  if (i == CTC_TEXTS_MAX) {
    if (out->text[i - 1].probability >= t->probability)
      return;
    i--;
  } else {
    out->texts++;
  }
  for (; i > 0 && out->text[i - 1].probability < t->probability; i--)
    out->text[i] = out->text[i - 1];
  out->text[i] = *t;
}

// The likeliest type that the text can stand on; *share: probability of all such types.
static enum plate_type type_of(const struct reader_model *m, unsigned can, const float *types,
                               float *share) {
  enum plate_type best = PLATE_UNKNOWN;
  float top = -1.0f;
  *share = 0.0f;
  for (int i = 0; i < m->types; i++) {
    if (!(can >> m->type[i] & 1))
      continue;
    *share += types[i];
    if (types[i] > top) {
      top = types[i];
      best = m->type[i];
    }
  }
  return best;
}

void ctc_decode(const struct reader_model *m, const float *logits, int steps,
                const float *type_logits, struct ctc_result *out) {
  struct search s = {.model = m, .beams = 1};
  s.beam[0] = (struct beam){.blank = 1.0f};
  *out = (struct ctc_result){0};
  const int classes = m->symbols + 1;
  float p[MODEL_CLASSES_MAX] = {0}, types[MODEL_TYPES_MAX] = {0};
  for (int t = 0; t < steps && t < MODEL_STEPS_MAX; t++) {
    softmax(logits + (size_t)t * (size_t)classes, classes, m->temperature, p);
    column(&s, p);
    prune(&s);
  }
  softmax(type_logits, m->types, 1.0f, types);
  for (int i = 0; i < s.beams; i++) {
    struct beam *b = &s.beam[i];
    grammar_spell(b->symbol, b->n);
    struct ctc_text t = {.probability = b->blank + b->other};
    if (b->n == 0 || !grammar_complete(PLATE_UNKNOWN, b->symbol, b->n) ||
        !grammar_join(b->symbol, b->n, t.text))
      continue;
    float share = 0.0f;
    t.type = type_of(m, grammar_types(t.text), types, &share);
    t.probability *= WRONG_TYPE + (1.0f - WRONG_TYPE) * share;
    if (t.probability >= TEXT_MIN)
      offer(out, &t);
  }
}

void ctc_fuse(const struct ctc_result *looks, int n, struct ctc_result *out) {
  struct ctc_result r = {0};
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < looks[i].texts; k++) {
      struct ctc_text t = looks[i].text[k];
      bool seen = false;
      float best = t.probability;
      t.probability = 0.0f;
      for (int j = 0; j < n; j++) {
        for (int l = 0; l < looks[j].texts; l++) {
          const struct ctc_text *u = &looks[j].text[l];
          if (strcmp(u->text, t.text) != 0)
            continue;
          seen = seen || j < i;
          t.probability += u->probability / (float)n;
          if (u->probability > best) { // the surest look names the type
            best = u->probability;
            t.type = u->type;
          }
        }
      }
      if (!seen)
        offer(&r, &t);
    }
  }
  *out = r;
}
