// SPDX-License-Identifier: Apache-2.0
#include "vision/visit_book.h"

#include "vision/text.h"

#include <math.h>
#include <string.h>

#define NEAR_WIDTHS 1.5f // "the same place", in plate widths
#define NEAR_SCALE 1.35f
#define SHOW_CONFIDENCE 0.2f    // less is 看不清
#define HIDE_CONFIDENCE 0.1f    // a text once shown is taken back below this only
#define CERTAIN_HYSTERESIS 0.1f // a certain text stays certain until it has fallen by this much
#define ALMOST_SAME 1           // symbols that may differ between reads of one car
#define RELIABLE 0.6f
// A plate that is coming nearer: a text is certain from this height on, pixels, and when it has
// stayed the same while the height grew by this factor. Measured on 30 approaches (clip-eval).
#define COMING_HEIGHT 40.0f
#define COMING_GROWN 1.25f
#define SETTLE_NS 250000000 // how long a plate must be followed until its growth is known

static bool sure_text(const struct fuse_result *r) {
  return r->text[0] != 0 && r->valid && r->agreeing >= 2 && r->confidence >= RELIABLE;
}

static bool in_view(const struct visit_sight *s, const struct visit *v) {
  for (int i = 0; i < s->views; i++)
    if (s->in_view[i] == v->id)
      return true;
  return false;
}

static bool near(const struct visit_sight *s, const struct visit *v) {
  if (!v->placed)
    return false;
  if (v->w > 0 && s->w > 0) {
    float scale = fmaxf(v->w, s->w) / fminf(v->w, s->w);
    return hypotf(s->x - v->x, s->y - v->y) < NEAR_WIDTHS * v->w && scale < NEAR_SCALE;
  }
  return car_overlap(&s->area, &v->area) > 0.6f;
}

struct visit *book_match(struct visit_book *b, const struct visit_sight *s, int64_t t_ns) {
  struct visit *same = NULL, *place = NULL;
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    struct visit *v = &b->visit[i];
    if (!v->used)
      continue;
    bool shown = s->text->text[0] != 0 && s->text->valid && s->text->agreeing >= 2;
    if (shown && strcmp(v->best.text, s->text->text) == 0 &&
        (v->open || t_ns - v->last_seen_ns <= b->gap_ns)) {
      if (same == NULL || v->last_seen_ns > same->last_seen_ns)
        same = v;
      continue;
    }
    if (!v->open || in_view(s, v))
      continue;
    int apart = v->best.text[0] != 0 && s->text->text[0] != 0
                    ? text_distance(v->best.text, s->text->text)
                    : 0;
    bool both = v->certainty == VISIT_CERTAIN && sure_text(s->text);
    const bool goes_on = s->goes_on != 0 && s->goes_on == v->id;
    const bool other = fuse_certain(s->text, b->threshold) || (apart > ALMOST_SAME && !goes_on);
    if (apart > 0 && both && other)
      continue; // two good texts that differ are two cars
    bool here = near(s, v) || goes_on;
    // The plate of a car that could not be read so far.
    if (v->certainty == VISIT_UNREAD && v->w <= 0 && v->placed && s->w > 0)
      here = car_overlap(&s->area, &v->area) > 0.5f;
    // Things like plates on one unread car are that car.
    if (!s->readable && v->certainty == VISIT_UNREAD && v->placed && s->w > 0)
      here |=
          s->px >= v->area.x0 && s->px <= v->area.x1 && s->py >= v->area.y0 && s->py <= v->area.y1;
    if (here && (place == NULL || v->last_seen_ns > place->last_seen_ns))
      place = v;
  }
  return same != NULL ? same : place;
}

struct visit *book_earlier(struct visit_book *b, const struct visit *of, int64_t t_ns) {
  if (of->certainty == VISIT_UNREAD || of->best.text[0] == 0)
    return NULL;
  struct visit *found = NULL;
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    struct visit *v = &b->visit[i];
    if (v->used && v != of && v->id < of->id && strcmp(v->best.text, of->best.text) == 0 &&
        (v->open || t_ns - v->last_seen_ns <= b->gap_ns) &&
        (found == NULL || v->last_seen_ns > found->last_seen_ns))
      found = v;
  }
  return found;
}

struct visit *book_open(struct visit_book *b, int64_t t_ns) {
  struct visit *v = NULL;
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    struct visit *o = &b->visit[i];
    if (!o->used) {
      v = o;
      break;
    }
    if (v == NULL || (v->open && !o->open) ||
        (v->open == o->open && o->last_seen_ns < v->last_seen_ns))
      v = o;
  }
  memset(v, 0, sizeof *v);
  v->used = v->open = true;
  v->id = b->next_id++;
  v->opened_ns = v->last_seen_ns = v->alive_ns = t_ns;
  return v;
}

// The second reader's word counts for the text that it was asked about, and for the one it read.
static enum opinion opinion_on(const struct visit *v, const char *text) {
  if (v->second_of[0] == 0 || text[0] == 0)
    return OPINION_NONE;
  const enum opinion o = opinion_of(&v->second, text);
  return o == OPINION_SAME || strcmp(v->second_of, text) == 0 ? o : OPINION_NONE;
}

// What the second reader reads instead is a candidate, too.
static void add_candidate(struct fuse_result *r, const struct plate_read *second) {
  const float c = (1.0f - r->confidence) * second->confidence;
  int i = 0;
  while (i < r->alternatives && strcmp(r->alternative[i].text, second->text) != 0)
    i++;
  if (i < r->alternatives && r->alternative[i].confidence >= c)
    return;
  if (i == PLATE_ALTERNATIVES && r->alternative[--i].confidence >= c)
    return;
  if (i == r->alternatives)
    r->alternatives++;
  for (; i > 0 && r->alternative[i - 1].confidence < c; i--)
    r->alternative[i] = r->alternative[i - 1];
  memcpy(r->alternative[i].text, second->text, sizeof r->alternative[i].text);
  r->alternative[i].confidence = c;
}

// Plates of the army have no province (letters first; those of the armed police do): rare where
// cars are serviced, and what foreign plates are taken for by a reader that knows Chinese ones
// only.
static bool without_province(const char *text) {
  return text[0] >= 'A' && text[0] <= 'Z' && strncmp(text, "WJ", 2) != 0;
}

void book_approach(struct visit *v, const struct track *t) {
  v->coming = t->grows_ns != INT64_MAX || t->last_ns - t->first_ns < SETTLE_NS;
  v->h = t->h;
}

static bool lasted(const struct visit *v) {
  return !v->coming || (v->h >= COMING_HEIGHT && v->h >= COMING_GROWN * v->won_h);
}

bool book_weigh(const struct visit_book *b, struct visit *v) {
  struct fuse_result r;
  fuse_result(&v->fuse, &r);
  if (r.reads == 0)
    return false; // a seed that was not read again yet keeps what the log knows
  struct plate_read was = v->best;
  enum visit_certainty certainty = v->certainty;
  v->opinion = opinion_on(v, r.text);
  r.confidence = opinion_confidence(&b->opinions, v->opinion, r.confidence);
  if (v->opinion == OPINION_OTHER)
    add_candidate(&r, &v->second);
  bool same = strcmp(was.text, r.text) == 0;
  if (!same)
    v->won_h = v->h;
  float show = certainty != VISIT_UNREAD ? HIDE_CONFIDENCE : SHOW_CONFIDENCE;
  bool stays = same && certainty == VISIT_CERTAIN && v->opinion != OPINION_OTHER && r.valid &&
               r.agreeing >= FUSE_CERTAIN_READS &&
               r.confidence >= b->threshold - CERTAIN_HYSTERESIS;
  v->sure = stays || fuse_certain(&r, b->threshold);
  if (without_province(r.text) && v->opinion != OPINION_SAME)
    v->sure = false; // one reader alone is not enough
  if (r.text[0] == 0 || !r.valid || r.confidence < show)
    v->certainty = VISIT_UNREAD;
  else
    v->certainty = v->sure && (stays || lasted(v)) ? VISIT_CERTAIN : VISIT_UNSURE;
  v->reads = r.reads;
  v->readable_ns = r.readable_ns;
  v->best.type = r.type;
  v->best.confidence = r.confidence;
  v->best.alternatives = r.alternatives;
  memcpy(v->best.alternative, r.alternative, sizeof r.alternative);
  memcpy(v->best.text, r.text, sizeof v->best.text);
  if (v->certainty == VISIT_UNREAD)
    v->best.text[0] = 0;
  return v->certainty != certainty || strcmp(was.text, v->best.text) != 0;
}

struct visit_event book_event(const struct visit *v, enum visit_event_kind kind, int64_t t_ns) {
  return (struct visit_event){.kind = kind,
                              .visit = v->id,
                              .t_ns = t_ns,
                              .opened_ns = v->opened_ns,
                              .last_seen_ns = v->last_seen_ns,
                              .first_read_ns = v->first_read_ns,
                              .readable_ns = v->readable_ns,
                              .certainty = v->certainty,
                              .direction = v->direction,
                              .best = v->best,
                              .reads = v->reads,
                              .opinion = v->opinion,
                              .evidence_ns = v->evidence_ns};
}
