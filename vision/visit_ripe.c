// SPDX-License-Identifier: Apache-2.0
#include "vision/visit_private.h"

#define OPEN_READS 2                 // agreeing reads that open a visit
#define OPEN_CONFIDENCE 0.35f        // of the fused text of a car that stands,
#define OPEN_CONFIDENCE_COMING 0.85f // and of one that moves: better views of it are to come,
#define SHRINKS (-0.08f)             // e-folds a second: what goes away shows nothing better later
#define COMING_NS 600000000          // for which it is waited so long from the first read on
#define OPEN_READS_UNSURE 8          // reads that open one though they do not agree
#define OPEN_READS_STILL 4           // agreeing reads that open one where nothing ever moved
#define OPEN_CONFIDENCE_STILL 0.7f
#define UNREAD_TRAVEL                                                                              \
  0.3f // plate widths: a car without a text that was here at the start has left its place
#define UNREAD_LOOKS 8

const struct car *visit_carrier(const struct visits *v, const struct track *t,
                                const struct visit_look *look) {
  const struct car *best = NULL;
  float x = t->x / (float)look->frame->width, y = t->y / (float)look->frame->height;
  for (int i = 0; i < CARS_MAX; i++) {
    const struct car *c = &v->cars.car[i];
    if (c->used && look->t_ns - c->last_ns < IN_VIEW_NS && x >= c->area.x0 && x <= c->area.x1 &&
        y >= c->area.y0 && y <= c->area.y1 && (best == NULL || c->cover < best->cover))
      best = c;
  }
  return best;
}

bool visit_on_known_car(const struct visits *v, float x, float y, int64_t t_ns) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    const struct visit *o = &v->book.visit[i];
    if (o->used && o->open && o->placed && o->certainty != VISIT_UNREAD &&
        t_ns - o->alive_ns < v->book.gone_ns && x >= o->area.x0 && x <= o->area.x1 &&
        y >= o->area.y0 && y <= o->area.y1)
      return true;
  }
  return false;
}

enum ripe visit_ripe(const struct visits *v, const struct track *t, const struct fuse_result *r,
                     const struct visit_look *look) {
  const int64_t t_ns = look->t_ns, hold = v->config.hold_ns;
  const bool carried = visit_carrier(v, t, look) != NULL;
  const bool there = t->travel >= TRAVEL_MIN || carried;
  const bool held = t_ns - t->first_ns >= hold;
  const int64_t first = v->link[t - v->tracker.track].first_read_ns;
  const bool coming =
      t->still_ns == INT64_MAX && t->growth > SHRINKS && !held && t_ns - first < COMING_NS;
  const float open = coming ? OPEN_CONFIDENCE_COMING : OPEN_CONFIDENCE;
  if (r->valid && r->agreeing >= OPEN_READS && r->confidence >= open &&
      (there || (r->agreeing >= OPEN_READS_STILL && r->confidence >= OPEN_CONFIDENCE_STILL)))
    return RIPE_TEXT;
  if (t->travel >= TRAVEL_MIN && r->valid && r->reads >= OPEN_READS_UNSURE && r->confidence >= open)
    return RIPE_TEXT;
  // Without a text it must look like a plate, be on something that was not there before, and not on
  // a car that is known already.
  const float x = t->x / (float)look->frame->width, y = t->y / (float)look->frame->height;
  if (t->score < SCORE_MIN || !carried || visit_on_known_car(v, x, y, t_ns) || !held ||
      t->seen < UNREAD_LOOKS)
    return NOT_RIPE;
  return t->travel >= UNREAD_TRAVEL ? RIPE_UNREAD : NOT_RIPE;
}
