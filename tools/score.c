// SPDX-License-Identifier: Apache-2.0
#include "tools/score.h"

#include "vision/grammar.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOUND_IOU 0.5f // a detection that overlaps a label by this much has found it
#define PAIR_IOU 0.2f  // a read that overlaps a label by this much may be of it

struct rect score_bounds(const struct quad *q) {
  struct rect b;
  quad_bounds(q, &b.x0, &b.y0, &b.x1, &b.y1);
  return b;
}

static float iou(const struct rect *a, const struct rect *b) {
  const float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
  const float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
  if (w <= 0.0f || h <= 0.0f)
    return 0.0f;
  const float both = w * h;
  return both / ((a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0) - both);
}

bool score_place(const struct label *l, enum box_form form, struct rect *out) {
  *out = (struct rect){0};
  if (l->has_corners) {
    *out = score_bounds(&l->corners);
    return true;
  }
  if (!l->has_box)
    return false;
  const float *b = l->box;
  if (form == BOX_CORNERS) {
    *out =
        (struct rect){fminf(b[0], b[2]), fminf(b[1], b[3]), fmaxf(b[0], b[2]), fmaxf(b[1], b[3])};
    return true;
  }
  const float u = fabsf(b[2] - b[0]), v = fabsf(b[3] - b[1]);
  const float w = 0.5f * fmaxf(u, v), h = 0.5f * fminf(u, v);
  *out = (struct rect){b[0] - w, b[1] - h, b[0] + w, b[1] + h};
  return true;
}

// The upright rectangle of a quad turned level about its centre.
static struct rect level(const struct quad *q) {
  const struct point *c = q->corner;
  const float x = 0.25f * (c[0].x + c[1].x + c[2].x + c[3].x);
  const float y = 0.25f * (c[0].y + c[1].y + c[2].y + c[3].y);
  const float w = 0.5f * quad_width(q), h = 0.5f * quad_height(q);
  return (struct rect){x - w, y - h, x + w, y + h};
}

// turned: the label is a rectangle whose angle is not known, so the detection's is taken out too.
static bool is_found(const struct rect *at, bool turned, const struct seen *p) {
  for (int i = 0; i < p->detections; i++) {
    const struct rect b = turned ? level(&p->detection[i]) : score_bounds(&p->detection[i]);
    if (iou(at, &b) >= FOUND_IOU)
      return true;
  }
  return false;
}

enum box_form score_box_form(const struct seen *picture, size_t n) {
  long boxes = 0, corners = 0, centre = 0;
  for (size_t i = 0; i < n; i++) {
    const struct seen *p = &picture[i];
    for (int t = 0; t < p->truths; t++) {
      struct rect as_corners, as_centre;
      if (p->crop || p->failed || p->truth[t].has_corners ||
          !score_place(&p->truth[t], BOX_CORNERS, &as_corners) ||
          !score_place(&p->truth[t], BOX_CENTRE, &as_centre))
        continue;
      boxes++;
      corners += is_found(&as_corners, false, p);
      centre += is_found(&as_centre, true, p);
    }
  }
  return centre >= 10 && 2 * centre > boxes && centre > 10 * corners ? BOX_CENTRE : BOX_CORNERS;
}

static bool same_place(const struct label *a, const struct label *b) {
  bool same = a->has_box == b->has_box && a->has_corners == b->has_corners;
  for (size_t i = 0; same && i < sizeof a->box / sizeof *a->box; i++)
    same = a->box[i] >= b->box[i] && a->box[i] <= b->box[i];
  for (int i = 0; same && i < 4; i++) {
    const struct point *p = &a->corners.corner[i], *q = &b->corners.corner[i];
    same = p->x >= q->x && p->x <= q->x && p->y >= q->y && p->y <= q->y;
  }
  return same;
}

// The earlier row that says the same of the same plate; -1: none. Such a row shares its read.
static int said_before(const struct seen *p, int t) {
  const struct label *l = &p->truth[t];
  for (int i = 0; i < t; i++) {
    const struct label *k = &p->truth[i];
    if (l->plate[0] && strcmp(k->plate, l->plate) == 0 && same_place(k, l))
      return i;
  }
  return -1;
}

static void join(struct pairing *out, int truth, int read) {
  out->of_truth[truth] = read;
  out->of_read[read] = truth;
}

static void pair_by_place(const struct seen *p, int t, const struct rect *at, struct pairing *out) {
  float best = PAIR_IOU;
  int which = -1;
  for (int i = 0; i < p->reads; i++) {
    const struct rect b = score_bounds(&p->read[i].quad);
    const float both = iou(at, &b);
    if (out->of_read[i] < 0 && both >= best) {
      best = both;
      which = i;
    }
  }
  if (which >= 0)
    join(out, t, which);
}

void score_pair(const struct seen *p, enum box_form form, struct pairing *out) {
  for (int t = 0; t < LABELS_A_PICTURE_MAX; t++)
    out->of_truth[t] = -1;
  for (int i = 0; i < PLATES_MAX; i++)
    out->of_read[i] = -1;
  for (int t = 0; t < p->truths; t++) {
    for (int i = 0; i < p->reads && out->of_truth[t] < 0 && said_before(p, t) < 0; i++) {
      if (out->of_read[i] < 0 && p->truth[t].plate[0] &&
          strcmp(p->read[i].text, p->truth[t].plate) == 0)
        join(out, t, i);
    }
  }
  struct rect at;
  for (int t = 0; t < p->truths; t++) {
    if (out->of_truth[t] < 0 && said_before(p, t) < 0 && score_place(&p->truth[t], form, &at))
      pair_by_place(p, t, &at, out);
  }
  for (int t = 0; t < p->truths; t++) {
    for (int i = 0; i < p->reads && out->of_truth[t] < 0 && said_before(p, t) < 0; i++) {
      if (out->of_read[i] < 0 && !score_place(&p->truth[t], form, &at))
        join(out, t, i);
    }
  }
  for (int t = 0; t < p->truths; t++) {
    const int first = said_before(p, t);
    if (first >= 0)
      out->of_truth[t] = out->of_truth[first];
  }
}

bool score_same_type(const char *labelled, enum plate_type read) {
  if (strcmp(labelled, plate_type_name(read)) == 0)
    return true;
  return (read == PLATE_GREEN_LARGE && strcmp(labelled, "green") == 0) ||
         (read == PLATE_WHITE2 && strcmp(labelled, "white") == 0);
}

static struct score *group(struct set_score *s, const char *kind, const char *name, size_t bytes) {
  char full[LABELS_TYPE_MAX];
  const int n = snprintf(full, sizeof full, "%s:%.*s", kind, (int)bytes, name);
  if (n < 0 || (size_t)n >= sizeof full)
    return NULL;
  for (int i = 0; i < s->groups; i++) {
    if (strcmp(s->group[i].name, full) == 0)
      return &s->group[i];
  }
  if (s->groups == SCORE_GROUPS_MAX)
    return NULL;
  struct score *g = &s->group[s->groups++];
  *g = (struct score){0};
  memcpy(g->name, full, sizeof full);
  return g;
}

void score_add(struct score *a, const struct score *b) {
  a->pictures += b->pictures;
  a->errors += b->errors;
  a->truths += b->truths;
  a->exact += b->exact;
  a->no_province += b->no_province;
  a->listed += b->listed;
  a->placed += b->placed;
  a->found += b->found;
  a->typed += b->typed;
  a->type_right += b->type_right;
  a->false_plates += b->false_plates;
  a->false_sure += b->false_sure;
  a->sure += b->sure;
  a->sure_right += b->sure_right;
}

// After the first symbol of both.
static bool same_tail(const char *a, const char *b) {
  size_t na = 0, nb = 0;
  return grammar_symbol_at(a, &na) >= 0 && grammar_symbol_at(b, &nb) >= 0 &&
         strcmp(a + na, b + nb) == 0;
}

static struct score score_of(const struct label *l, const struct plate_read *r) {
  struct score one = {.truths = l->plate[0] != '\0'};
  if (!r)
    return one;
  if (l->type[0]) {
    one.typed = 1;
    one.type_right = score_same_type(l->type, r->type);
  }
  if (!l->plate[0])
    return one;
  const bool right = strcmp(r->text, l->plate) == 0;
  const bool sure = r->confidence >= SCORE_ALERT;
  one.exact = right;
  one.no_province = right || same_tail(r->text, l->plate);
  one.listed = right;
  for (int i = 0; i < r->alternatives; i++)
    one.listed = one.listed || strcmp(r->alternative[i].text, l->plate) == 0;
  one.sure = sure;
  one.sure_right = sure && right;
  return one;
}

static void add_truth(struct set_score *s, const struct label *l, const struct score *one) {
  score_add(&s->all, one);
  struct score *by_type = group(s, "type", l->type[0] ? l->type : "unknown", LABELS_TYPE_MAX);
  if (by_type)
    score_add(by_type, one);
  size_t bytes = 0;
  const int symbol = grammar_symbol_at(l->plate, &bytes);
  if (symbol < 0 || symbol >= GRAMMAR_PROVINCES)
    return;
  struct score *by_province = group(s, "province", l->plate, bytes);
  if (by_province)
    score_add(by_province, one);
}

void score_picture(struct set_score *s, const struct seen *p, const struct pairing *pair,
                   enum box_form form) {
  s->all.pictures++;
  s->all.errors += p->failed || p->error[0];
  for (int t = 0; t < p->truths; t++) {
    const struct label *l = &p->truth[t];
    if (l->ignored)
      continue;
    const int i = pair->of_truth[t];
    struct score one = score_of(l, i < 0 ? NULL : &p->read[i]);
    struct rect at;
    if (!p->crop && score_place(l, form, &at)) {
      one.placed = 1;
      one.found = is_found(&at, form == BOX_CENTRE && !l->has_corners, p);
    }
    add_truth(s, l, &one);
  }
  for (int i = 0; i < p->reads; i++) {
    if (pair->of_read[i] >= 0)
      continue;
    const bool sure = p->read[i].confidence >= SCORE_ALERT;
    s->all.false_plates++;
    s->all.false_sure += sure;
    s->all.sure += sure;
  }
}
