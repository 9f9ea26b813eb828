// SPDX-License-Identifier: Apache-2.0
#include "vision/fuse.h"

#include "vision/grammar.h"
#include "vision/text.h"

#include <math.h>
#include <string.h>

#define FULL_HEIGHT 32.0f   // pixels of plate height from which a read counts fully
#define SAME_VIEW_HALF 8.0f // reads of one view after which a further one counts half
#define VIEW_SCALE 0.08f    // a plate this much larger or smaller is another view
#define VIEW_SHIFT 0.75f    // or one moved by this many plate heights
#define ALTERNATIVE_MIN 0.005f
#define TYPE_MIN 0.05f // of the reads' weight that must have seen a plate which can carry the text

float fuse_weight(const struct plate_read *read) {
  float seen = quad_height(&read->quad) / FULL_HEIGHT;
  seen = seen < 0.2f ? 0.2f : seen > 1.0f ? 1.0f : seen;
  float c = read->confidence < 0 ? 0 : read->confidence > 1 ? 1 : read->confidence;
  return c * c * seen;
}

static bool view_changed(float x, float y, float h, float x0, float y0, float h0) {
  if (h0 <= 0)
    return true;
  return fabsf(h - h0) > VIEW_SCALE * h0 || hypotf(x - x0, y - y0) > VIEW_SHIFT * h0;
}

// The entry of a text; makes room for it if it is new. NULL: no text that can be split.
static struct fuse_text *entry(struct fuse *f, const char *text) {
  for (int i = 0; i < f->texts; i++)
    if (strcmp(f->text[i].text, text) == 0)
      return &f->text[i];
  struct fuse_text t = {0};
  t.symbols = text_split(text, t.symbol);
  size_t length = strlen(text);
  if (t.symbols <= 0 || length >= sizeof t.text)
    return NULL;
  memcpy(t.text, text, length + 1);
  int at = f->texts;
  if (at == FUSE_TEXTS_MAX) {
    at = 0;
    for (int i = 1; i < f->texts; i++)
      if (f->text[i].weight < f->text[at].weight)
        at = i;
  } else {
    f->texts++;
  }
  f->text[at] = t;
  return &f->text[at];
}

static void centre(const struct quad *q, float *x, float *y) {
  *x = *y = 0;
  for (int i = 0; i < 4; i++) {
    *x += q->corner[i].x / 4;
    *y += q->corner[i].y / 4;
  }
}

bool fuse_is_new_view(const struct fuse *f, const struct quad *plate) {
  float x, y;
  centre(plate, &x, &y);
  return f->reads == 0 ||
         view_changed(x, y, quad_height(plate), f->view_x, f->view_y, f->view_height);
}

// The earlier of two times of which 0 means none.
static int64_t earlier(int64_t a, int64_t b) {
  return a == 0 || (b != 0 && b < a) ? b : a;
}

void fuse_add(struct fuse *f, const struct plate_read *read) {
  if (read->text[0] == 0)
    return;
  float x, y, h = quad_height(&read->quad);
  centre(&read->quad, &x, &y);
  if (view_changed(x, y, h, f->view_x, f->view_y, f->view_height)) {
    f->view_x = x, f->view_y = y, f->view_height = h;
    f->same_view = 0;
  }
  float news = 1.0f / (1.0f + (float)f->same_view / SAME_VIEW_HALF);
  f->same_view++;
  float w = fuse_weight(read) * news + 1e-6f;
  struct fuse_text *t = entry(f, read->text);
  if (t == NULL)
    return;
  f->reads++;
  t->reads++;
  t->weight += w;
  t->read_weight += w;
  t->confidence += w * read->confidence;
  if (read->confidence >= FUSE_READABLE)
    t->readable_ns = earlier(t->readable_ns, read->t_ns);
  if (w > t->best_weight)
    t->best_weight = w;
  if ((unsigned)read->type < PLATE_TYPE_COUNT)
    t->type[read->type] += w;
  if (view_changed(x, y, h, t->view_x, t->view_y, t->view_height)) {
    t->views++;
    t->view_x = x, t->view_y = y, t->view_height = h;
  }
  for (int i = 0; i < read->alternatives && i < PLATE_ALTERNATIVES; i++) {
    float c = read->alternative[i].confidence;
    if (read->confidence <= 0 || c <= 0)
      continue;
    struct fuse_text *a = entry(f, read->alternative[i].text);
    if (a != NULL)
      a->weight += w * (c / read->confidence) * (c / read->confidence);
  }
}

void fuse_merge(struct fuse *f, const struct fuse *other) {
  for (int i = 0; i < other->texts; i++) {
    const struct fuse_text *o = &other->text[i];
    struct fuse_text *t = entry(f, o->text);
    if (t == NULL)
      continue;
    t->weight += o->weight;
    t->read_weight += o->read_weight;
    t->confidence += o->confidence;
    t->readable_ns = earlier(t->readable_ns, o->readable_ns);
    t->best_weight = fmaxf(t->best_weight, o->best_weight);
    t->reads += o->reads;
    t->views += o->views;
    t->view_x = o->view_x, t->view_y = o->view_y, t->view_height = o->view_height;
    for (int k = 0; k < PLATE_TYPE_COUNT; k++)
      t->type[k] += o->type[k];
  }
  f->reads += other->reads;
  f->view_x = other->view_x, f->view_y = other->view_y, f->view_height = other->view_height;
  f->same_view = other->same_view;
}

// Votes on each place among the texts of the heaviest length.
static int vote(const struct fuse *f, uint32_t *out) {
  float length[PLATE_SYMBOLS_MAX + 1] = {0};
  int n = 0;
  for (int i = 0; i < f->texts; i++) {
    length[f->text[i].symbols] += f->text[i].weight;
    if (length[f->text[i].symbols] > length[n])
      n = f->text[i].symbols;
  }
  for (int place = 0; place < n; place++) {
    float best = -1;
    for (int i = 0; i < f->texts; i++) {
      if (f->text[i].symbols != n)
        continue;
      float sum = 0;
      for (int j = 0; j < f->texts; j++)
        if (f->text[j].symbols == n && f->text[j].symbol[place] == f->text[i].symbol[place])
          sum += f->text[j].weight;
      if (sum > best) {
        best = sum;
        out[place] = f->text[i].symbol[place];
      }
    }
  }
  return n;
}

static const struct fuse_text *find(const struct fuse *f, const char *text) {
  for (int i = 0; i < f->texts; i++)
    if (strcmp(f->text[i].text, text) == 0)
      return &f->text[i];
  return NULL;
}

static const struct fuse_text *heaviest(const struct fuse *f, const char *but, bool valid) {
  const struct fuse_text *best = NULL;
  for (int i = 0; i < f->texts; i++) {
    const struct fuse_text *t = &f->text[i];
    if (but != NULL && strcmp(t->text, but) == 0)
      continue;
    if (valid && !grammar_valid(PLATE_UNKNOWN, t->text))
      continue;
    if (best == NULL || t->weight > best->weight)
      best = t;
  }
  return best;
}

static enum plate_type winning_type(const struct fuse *f, const struct fuse_text *t) {
  float sum[PLATE_TYPE_COUNT] = {0};
  for (int i = 0; i < f->texts; i++)
    for (int k = 0; k < PLATE_TYPE_COUNT; k++)
      sum[k] += t != NULL && t->reads > 0 ? t->type[k] / (float)FUSE_TEXTS_MAX : f->text[i].type[k];
  int best = PLATE_UNKNOWN;
  for (int k = 0; k < PLATE_TYPE_COUNT; k++)
    if (sum[k] > sum[best])
      best = k;
  return (enum plate_type)best;
}

// Can text stand on a plate as the reads saw it? Nobody is asked to choose a police plate for a
// yellow one. Texts that are no plate's are not judged.
static bool fits_picture(const struct fuse *f, const char *text) {
  const unsigned types = grammar_types(text);
  float all = 0, fit = 0;
  for (int i = 0; i < f->texts; i++)
    for (int k = 0; k < PLATE_TYPE_COUNT; k++) {
      all += f->text[i].type[k];
      fit += (types >> k & 1u) != 0 || k == PLATE_UNKNOWN ? f->text[i].type[k] : 0;
    }
  return types == 0 || fit >= TYPE_MIN * all;
}

void fuse_result(const struct fuse *f, struct fuse_result *out) {
  memset(out, 0, sizeof *out);
  out->reads = f->reads;
  if (f->texts == 0)
    return;
  uint32_t symbols[PLATE_SYMBOLS_MAX];
  int n = vote(f, symbols);
  text_join(symbols, n, out->text);
  out->valid = grammar_valid(PLATE_UNKNOWN, out->text);
  if (!out->valid) {
    const struct fuse_text *t = heaviest(f, NULL, true);
    if (t == NULL)
      t = heaviest(f, NULL, false);
    else
      out->valid = true;
    if (t == NULL)
      return;
    memcpy(out->text, t->text, sizeof out->text);
  }
  const struct fuse_text *t = find(f, out->text);
  const struct fuse_text *rival = heaviest(f, out->text, false);
  out->type = winning_type(f, t);
  float total = 1e-6f;
  for (int i = 0; i < f->texts; i++)
    total += f->text[i].weight;
  if (t != NULL && t->reads > 0) {
    out->agreeing = t->reads;
    out->readable_ns = t->readable_ns;
    out->mean = t->confidence / t->read_weight;
    float k = 1 + 0.5f * log2f((float)(t->views > 0 ? t->views : 1));
    float lone = 1 - powf(1 - fminf(out->mean, 0.9999f), fminf(k, 2.5f));
    float doubt = rival != NULL ? rival->weight / t->weight : 0;
    out->confidence = lone / (1 + doubt * doubt);
  } else { // pieced together, or only ever an alternative
    float mean = 0;
    for (int i = 0; i < f->texts; i++)
      mean += f->text[i].confidence;
    out->confidence = fminf(FUSE_PATCHED_MAX, mean / total);
  }
  bool used[FUSE_TEXTS_MAX] = {false};
  while (out->alternatives < PLATE_ALTERNATIVES) {
    int best = -1;
    for (int i = 0; i < f->texts; i++)
      if (!used[i] && strcmp(f->text[i].text, out->text) != 0 && fits_picture(f, f->text[i].text) &&
          (best < 0 || f->text[i].weight > f->text[best].weight))
        best = i;
    if (best < 0)
      break;
    used[best] = true;
    float c = fminf(f->text[best].weight / total, 1 - out->confidence);
    if (c < ALTERNATIVE_MIN)
      break;
    struct plate_alternative *a = &out->alternative[out->alternatives++];
    memcpy(a->text, f->text[best].text, sizeof a->text);
    a->confidence = c;
  }
}

bool fuse_certain(const struct fuse_result *r, float threshold) {
  return r->valid && r->agreeing >= FUSE_CERTAIN_READS && r->mean >= FUSE_CERTAIN_MEAN &&
         r->confidence >= threshold;
}
