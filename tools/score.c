// SPDX-License-Identifier: Apache-2.0
#include "tools/score.h"

#include "vision/grammar.h"
#include "vision/ocv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOUND_IOU 0.5f // a detection that overlaps a label by this much has found it

struct box {
  float x0, y0, x1, y1;
};

static struct box box_of(const struct quad *q) {
  struct box b;
  quad_bounds(q, &b.x0, &b.y0, &b.x1, &b.y1);
  return b;
}

static float iou(const struct box *a, const struct box *b) {
  const float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
  const float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
  if (w <= 0.0f || h <= 0.0f)
    return 0.0f;
  const float both = w * h;
  return both / ((a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0) - both);
}

// The label's place. `centred`: the box is read as (centre, centre + size) with the sides swapped
// where it is higher than wide, which is how OpenCV's rotated rectangles come out when written as
// boxes; easypr_scenes is such a set.
static struct box place(const struct label *l, bool centred) {
  if (l->has_corners)
    return box_of(&l->corners);
  struct box b = {l->box[0], l->box[1], l->box[2], l->box[3]};
  if (centred) {
    const float u = b.x1 - b.x0, v = b.y1 - b.y0;
    const float w = 0.5f * fmaxf(u, v), h = 0.5f * fminf(u, v);
    b = (struct box){l->box[0] - w, l->box[1] - h, l->box[0] + w, l->box[1] + h};
  }
  return b;
}

static bool is_found(const struct box *at, const struct detection *d, int n) {
  for (int i = 0; i < n; i++) {
    const struct box b = box_of(&d[i].quad);
    if (iou(at, &b) >= FOUND_IOU)
      return true;
  }
  return false;
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
  a->placed += b->placed;
  a->found += b->found;
  a->found_other += b->found_other;
  a->exact += b->exact;
  a->no_province += b->no_province;
  a->false_plates += b->false_plates;
  a->false_sure += b->false_sure;
  a->sure += b->sure;
  a->sure_right += b->sure_right;
  a->decode_ms += b->decode_ms;
  a->detect_ms += b->detect_ms;
  a->read_ms += b->read_ms;
}

// After the first symbol of both.
static bool same_tail(const char *a, const char *b) {
  size_t na = 0, nb = 0;
  return grammar_symbol_at(a, &na) >= 0 && grammar_symbol_at(b, &nb) >= 0 &&
         strcmp(a + na, b + nb) == 0;
}

// Which read belongs to each truth: the one with its text, else the one at its place, else (where
// the place is not known) the surest that is left. -1: none.
static void match(const struct label *truth, int truths, const struct found_plates *read,
                  bool centred, int *of_truth, bool *used) {
  for (int t = 0; t < truths; t++) {
    of_truth[t] = -1;
    for (int i = 0; i < read->n && of_truth[t] < 0; i++) {
      if (!used[i] && strcmp(read->plate[i].text, truth[t].plate) == 0) {
        of_truth[t] = i;
        used[i] = true;
      }
    }
  }
  for (int t = 0; t < truths; t++) {
    const bool known = truth[t].has_box || truth[t].has_corners;
    const struct box at = place(&truth[t], centred);
    for (int i = 0; i < read->n && of_truth[t] < 0; i++) {
      const struct box b = box_of(&read->plate[i].quad);
      if (!used[i] && (!known || iou(&at, &b) >= 0.2f)) {
        of_truth[t] = i;
        used[i] = true;
      }
    }
  }
}

static struct score score_of(const struct label *l, const struct plate_read *r) {
  struct score one = {.truths = 1};
  if (!r)
    return one;
  const bool right = strcmp(r->text, l->plate) == 0;
  const bool sure = r->confidence >= SCORE_ALERT;
  one.exact = right;
  one.no_province = right || same_tail(r->text, l->plate);
  one.sure = sure;
  one.sure_right = sure && right;
  return one;
}

void score_picture(struct set_score *s, const struct label *truth, int truths,
                   const struct detection *detected, int detections,
                   const struct found_plates *read) {
  int of_truth[SCORE_TRUTHS_MAX];
  bool used[PLATES_MAX] = {false};
  if (truths > SCORE_TRUTHS_MAX)
    truths = SCORE_TRUTHS_MAX;
  // The second reading of boxes only helps to pair reads with truths; right texts never depend on
  // it.
  bool centred = false;
  for (int t = 0; t < truths && detected; t++) {
    const struct box plain = place(&truth[t], false), other = place(&truth[t], true);
    centred = centred ||
              (!is_found(&plain, detected, detections) && is_found(&other, detected, detections));
  }
  match(truth, truths, read, centred, of_truth, used);
  for (int t = 0; t < truths; t++) {
    struct score one = score_of(&truth[t], of_truth[t] < 0 ? NULL : &read->plate[of_truth[t]]);
    if (detected && (truth[t].has_box || truth[t].has_corners)) {
      const struct box plain = place(&truth[t], false), other = place(&truth[t], true);
      one.placed = 1;
      one.found = is_found(&plain, detected, detections);
      one.found_other = is_found(&other, detected, detections);
    }
    score_add(&s->all, &one);
    struct score *by_type =
        group(s, "type", truth[t].type[0] ? truth[t].type : "unknown", LABELS_TYPE_MAX);
    size_t bytes = 0;
    struct score *by_province = grammar_symbol_at(truth[t].plate, &bytes) >= 0
                                    ? group(s, "province", truth[t].plate, bytes)
                                    : NULL;
    if (by_type)
      score_add(by_type, &one);
    if (by_province)
      score_add(by_province, &one);
  }
  for (int i = 0; i < read->n; i++) {
    const bool sure = read->plate[i].confidence >= SCORE_ALERT;
    if (!used[i]) {
      s->all.false_plates++;
      s->all.false_sure += sure;
      s->all.sure += sure;
    }
  }
  s->all.pictures++;
}
