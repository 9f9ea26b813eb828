// SPDX-License-Identifier: Apache-2.0
#include "vision/visit.h"

#include "vision/visit_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EVIDENCE_BETTER 1.5f // a crop so much heavier is told for its own sake
#define EVIDENCE_PAUSE_NS 1000000000
#define CONFIDENCE_STEP 0.1f               // a rise that is told
#define ABSORBED_NS (MOTION_ABSORB_NS / 2) // what stood longer may have become background
#define SAME_WIDTHS 0.9f                   // so close, in plate widths, and ...
#define SAME_SCALE 1.35f                   // ... so alike in size are two tracks of one plate
#define GOES_ON_NS                                                                                 \
  1000000000        // a lost plate is found again within this time; no car follows another so fast
#define ASKED_MAX 6 // times the second reader is asked about one visit
#define ASK_AGAIN 1.6f // a crop of the same text must be so much heavier to be asked about

bool visits_new(struct visits **out, const struct analyser_config *config, struct err *e) {
  struct visits *v = calloc(1, sizeof *v);
  if (v == NULL)
    return err_set(e, ERR_NOMEM, "visits: no memory");
  v->pixels = malloc((size_t)TRACKS_MAX * SLOTS * PLATE_CROP_BYTES + CAR_CROP_BYTES);
  if (v->pixels == NULL) {
    free(v);
    return err_set(e, ERR_NOMEM, "visits: no memory for evidence");
  }
  v->book.next_id = config->first_visit > 0 ? config->first_visit : 1;
  tracker_init(&v->tracker, config->in_direction_deg);
  visits_configure(v, config);
  for (int i = 0; i < TRACKS_MAX; i++)
    for (int k = 0; k < SLOTS; k++)
      v->link[i].slot[k].pixels = v->pixels + (size_t)(i * SLOTS + k) * PLATE_CROP_BYTES;
  *out = v;
  return true;
}

void visits_configure(struct visits *v, const struct analyser_config *config) {
  v->config = *config;
  v->book.gap_ns = config->same_car_gap_ns;
  v->book.gone_ns = config->gone_after_ns;
  v->book.threshold = config->certain_threshold;
  tracker_set_direction(&v->tracker, config->in_direction_deg);
}

void visits_free(struct visits *v) {
  if (v == NULL)
    return;
  free(v->pixels);
  free(v);
}

bool visits_seed(struct visits *v, const struct analyser_seed *seeds, size_t n, struct err *e) {
  if (n > VISITS_RECENT_MAX)
    return err_set(e, ERR_LIMIT, "visits: %zu visits to go on with, at most %d", n,
                   VISITS_RECENT_MAX);
  for (size_t i = 0; i < n; i++) {
    struct visit *s = book_open(&v->book, seeds[i].last_seen_ns);
    v->book.next_id--; // the log gave the number
    s->id = seeds[i].visit;
    s->seeded = true;
    s->open = seeds[i].open;
    s->certainty = seeds[i].text[0] != 0 ? VISIT_UNSURE : VISIT_UNREAD;
    memcpy(s->best.text, seeds[i].text, sizeof s->best.text);
    s->best.text[sizeof s->best.text - 1] = 0;
    if (s->id >= v->book.next_id)
      v->book.next_id = s->id + 1;
  }
  return true;
}

static struct visit *by_id(struct visits *v, uint64_t id) {
  for (int i = 0; id != 0 && i < VISITS_RECENT_MAX; i++)
    if (v->book.visit[i].used && v->book.visit[i].id == id)
      return &v->book.visit[i];
  return NULL;
}

static void tell(struct visits *v, struct visit *visit, enum visit_event_kind kind, int track,
                 const struct visit_look *look, visit_event_fn *on_event, void *ctx) {
  struct visit_event event = book_event(visit, kind, look->t_ns);
  visit_attach_evidence(v, visit, track, look, &event);
  visit->told_confidence = visit->best.confidence;
  on_event(ctx, &event);
}

// Takes over what the track shows of the visit's car now.
static bool see(struct visits *v, struct visit *visit, int track, const struct visit_look *look) {
  const struct track *t = &v->tracker.track[track];
  visit->last_seen_ns = visit->alive_ns = look->t_ns;
  visit->placed = true;
  visit->x = t->x, visit->y = t->y, visit->w = t->w;
  visit->area = car_around(&t->quad, look->frame->width, look->frame->height);
  if (visit->certainty == VISIT_UNREAD) { // the plate's place is not sure; the car's is
    const struct car *c = visit_carrier(v, t, look);
    if (c != NULL)
      visit->area = c->area;
  }
  visit->best.quad = t->quad;
  visit->stood = t->still_ns != INT64_MAX;
  visit->stood_ns = visit->stood ? t->still_ns : look->t_ns;
  visit->disturbed = false;
  if (visit->first_read_ns == 0)
    visit->first_read_ns = v->link[track].first_read_ns;
  if (t->direction == DIRECTION_UNKNOWN || t->direction == visit->direction ||
      (visit->certainty == VISIT_UNREAD && visit->direction != DIRECTION_UNKNOWN))
    return false;
  visit->direction = t->direction;
  return true;
}

// The visit turned out to be an earlier one: everything goes on under that one's number.
static struct visit *merge(struct visits *v, struct visit *visit, struct visit *into,
                           const struct visit_look *look, visit_event_fn *on_event, void *ctx) {
  fuse_merge(&into->fuse, &visit->fuse);
  into->alive_ns = into->last_seen_ns = look->t_ns;
  into->direction = visit->direction;
  (void)book_weigh(&v->book, into);
  if (!into->open) {
    into->open = true;
    struct visit_event back = book_event(into, VISIT_REOPENED, look->t_ns);
    on_event(ctx, &back);
  }
  struct visit_event event = book_event(visit, VISIT_MERGED, look->t_ns);
  event.into = into->id;
  on_event(ctx, &event);
  for (int i = 0; i < TRACKS_MAX; i++)
    if (v->link[i].visit == visit->id)
      v->link[i].visit = into->id;
  for (int i = 0; i < CARS_MAX; i++)
    if (v->car_visit[i] == visit->id)
      v->car_visit[i] = into->id;
  visit->used = false;
  return into;
}

// Are these two tracks of one plate? Plates of two cars are never so close to each other in one
// picture; a plate whose track was lost is found again nearby.
static bool same_plate(const struct track *a, const struct track *b) {
  return hypotf(a->x - b->x, a->y - b->y) < SAME_WIDTHS * fminf(a->w, b->w) &&
         fmaxf(a->w, b->w) < SAME_SCALE * fminf(a->w, b->w);
}

// Does a track begin where and when this plate was lost? A car that jerks, or a read that was too
// different, breaks a track.
static bool goes_on(const struct track *from, const struct track *t) {
  const int64_t gap = t->first_ns - from->last_ns;
  return gap > 0 && gap < GOES_ON_NS && hypotf(t->x0 - from->x, t->y0 - from->y) < from->w &&
         fmaxf(t->w0, from->w) < SAME_SCALE * fminf(t->w0, from->w);
}

static void join(struct visits *v, int track, const struct visit_look *look,
                 visit_event_fn *on_event, void *ctx) {
  const struct track *t = &v->tracker.track[track];
  struct fuse_result r;
  fuse_result(&t->fuse, &r);
  enum ripe by = visit_ripe(v, t, &r, look);
  if (by == NOT_RIPE)
    return;
  struct visit_sight sight = {.text = &r, .x = t->x, .y = t->y, .w = t->w};
  sight.readable = by == RIPE_TEXT;
  sight.px = t->x / (float)look->frame->width;
  sight.py = t->y / (float)look->frame->height;
  sight.area = car_around(&t->quad, look->frame->width, look->frame->height);
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *other = &v->tracker.track[i];
    if (i == track || v->link[i].visit == 0 || look->t_ns - other->last_ns >= IN_VIEW_NS)
      continue;
    if (goes_on(other, t))
      sight.goes_on = v->link[i].visit;
    else if (!same_plate(other, t))
      sight.in_view[sight.views++] = v->link[i].visit;
  }
  struct visit *visit = book_match(&v->book, &sight, look->t_ns);
  enum visit_event_kind kind = VISIT_IMPROVED;
  bool open = visit != NULL && visit->open && !visit->seeded;
  if (visit == NULL) {
    visit = book_open(&v->book, look->t_ns);
    visit->opened_ns = t->first_ns;
    kind = VISIT_OPENED;
  } else if (!open) {
    visit->open = true;
    visit->seeded = false;
    kind = VISIT_REOPENED;
  }
  v->link[track].visit = visit->id;
  fuse_merge(&visit->fuse, &t->fuse);
  book_approach(visit, t);
  bool news = book_weigh(&v->book, visit);
  news |= see(v, visit, track, look);
  struct visit *earlier =
      kind == VISIT_IMPROVED && news ? book_earlier(&v->book, visit, look->t_ns) : NULL;
  if (earlier != NULL)
    visit = merge(v, visit, earlier, look, on_event, ctx);
  if (kind != VISIT_IMPROVED || news)
    tell(v, visit, kind, track, look, on_event, ctx);
}

static void improve(struct visits *v, struct visit *visit, int track, const struct plate_read *read,
                    const struct visit_look *look, visit_event_fn *on_event, void *ctx) {
  fuse_add(&visit->fuse, read);
  book_approach(visit, &v->tracker.track[track]);
  bool text = book_weigh(&v->book, visit);
  bool news = see(v, visit, track, look) || text;
  struct visit *earlier = text ? book_earlier(&v->book, visit, look->t_ns) : NULL;
  if (earlier != NULL) {
    visit = merge(v, visit, earlier, look, on_event, ctx);
    (void)see(v, visit, track, look);
    news = true;
  }
  const struct slot *s = visit_evidence(v, track, visit->best.text);
  bool paused = look->t_ns - visit->evidence_sent_ns < EVIDENCE_PAUSE_NS;
  if (s != NULL && strcmp(s->text, visit->evidence_text) != 0)
    news = true;
  else if (s != NULL && !paused && s->weight > visit->evidence_weight * EVIDENCE_BETTER)
    news = true;
  if (visit->best.confidence > visit->told_confidence + CONFIDENCE_STEP)
    news = true;
  if (news)
    tell(v, visit, VISIT_IMPROVED, track, look, on_event, ctx);
}

static void close_visit(struct visits *v, struct visit *visit, int64_t t_ns,
                        visit_event_fn *on_event, void *ctx) {
  visit->open = false;
  visit->seeded = false;
  visit->coming = false; // it comes no nearer
  (void)book_weigh(&v->book, visit);
  if (visit->placed && visit->stood_ns != 0 && visit->last_seen_ns - visit->stood_ns > ABSORBED_NS)
    cars_left(&v->cars, visit->area, t_ns);
  struct visit_event event = book_event(visit, VISIT_CLOSED, t_ns);
  on_event(ctx, &event);
  for (int i = 0; i < TRACKS_MAX; i++) {
    if (v->link[i].visit != visit->id)
      continue;
    visit_clear_link(&v->link[i]);
    tracker_drop(&v->tracker, i);
  }
  for (int i = 0; i < CARS_MAX; i++)
    if (v->car_visit[i] == visit->id)
      v->car_visit[i] = 0;
}

static void close_gone(struct visits *v, int64_t t_ns, visit_event_fn *on_event, void *ctx) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    struct visit *visit = &v->book.visit[i];
    if (!visit->used || !visit->open)
      continue;
    // A car that stood and round which nothing moved since is still there, whatever hides its
    // plate.
    if (visit->stood && !visit->disturbed && visit->placed && !visit->seeded)
      visit->alive_ns = t_ns;
    if (t_ns - visit->alive_ns > v->book.gone_ns)
      close_visit(v, visit, t_ns, on_event, ctx);
  }
  for (int i = 0; i < TRACKS_MAX; i++) {
    if (!v->tracker.track[i].used || v->link[i].visit != 0 ||
        t_ns - v->tracker.track[i].last_ns <= v->book.gone_ns)
      continue;
    visit_clear_link(&v->link[i]);
    tracker_drop(&v->tracker, i);
  }
}

static void note_motion(struct visits *v, const struct motion_result *m) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    struct visit *visit = &v->book.visit[i];
    if (!visit->used || !visit->open || !visit->placed || visit->disturbed)
      continue;
    bool covered = false;
    for (int k = 0; k < m->boxes && k < MOTION_BOXES_MAX; k++) {
      struct car_area a = {m->box[k].x0, m->box[k].y0, m->box[k].x1, m->box[k].y1};
      bool here = car_overlap(&a, &visit->area) > 0.2f;
      covered |= here;
      if (here && m->box[k].moving > 0.05f)
        visit->disturbed = true;
    }
    // What moved and left no thing behind may have been this car going.
    if (m->scene_changed || (m->moving && !covered))
      visit->disturbed = true;
  }
}

// Cars without a plate that anybody could find.
static void step_cars(struct visits *v, const struct visit_look *look, visit_event_fn *on_event,
                      void *ctx) {
  for (int i = 0; i < CARS_MAX; i++) {
    struct car *c = &v->cars.car[i];
    if (!c->used || c->first_ns == look->t_ns)
      v->car_visit[i] = 0;
    if (!c->used)
      continue;
    bool owned = v->car_visit[i] != 0;
    // A plate in it, or a car known by its plate that it is a part of, makes it somebody's.
    for (int k = 0; k < TRACKS_MAX; k++) {
      const struct track *t = &v->tracker.track[k];
      // (a plate without a text must have looked like one for a while)
      if (!t->used || (v->link[k].visit == 0 && (t->seen < 8 || t->score < SCORE_MIN)) ||
          look->t_ns - t->last_ns > v->book.gone_ns)
        continue;
      struct car_area area = car_around(&t->quad, look->frame->width, look->frame->height);
      if (car_overlap(&area, &c->area) > 0.35f) {
        owned = true;
        if (v->link[k].visit != 0 && v->car_visit[i] != v->link[k].visit)
          v->car_visit[i] = 0;
      }
    }
    if (c->known && !owned) // its owner has gone: what is here now must arrive by itself
      car_again(c, look->t_ns);
    c->known = owned;
    struct visit *visit = by_id(v, v->car_visit[i]);
    if (visit != NULL && visit->open && c->last_ns == look->t_ns) {
      visit->last_seen_ns = visit->alive_ns = look->t_ns;
      visit->area = c->area;
      visit->stood = c->still_ns != INT64_MAX;
      visit->stood_ns = visit->stood ? c->still_ns : look->t_ns;
      visit->disturbed = false;
      continue;
    }
    if (c->known || c->last_ns != look->t_ns ||
        !car_arrived(&v->cars, c, look->t_ns, v->config.hold_ns) ||
        visit_on_known_car(v, (c->area.x0 + c->area.x1) / 2, (c->area.y0 + c->area.y1) / 2,
                           look->t_ns))
      continue;
    struct fuse_result none = {0};
    struct visit_sight sight = {.text = &none, .area = c->area};
    visit = book_match(&v->book, &sight, look->t_ns);
    if (visit !=
        NULL) { // a car that had a plate may be the one before: wait until its visit is closed
      if (visit->w <= 0)
        v->car_visit[i] = visit->id;
      continue;
    }
    visit = book_open(&v->book, look->t_ns);
    visit->opened_ns = c->first_ns;
    visit->certainty = VISIT_UNREAD;
    visit->placed = true;
    visit->area = c->area;
    visit->direction = c->cover > 1.3f * c->cover0 ? DIRECTION_IN : DIRECTION_UNKNOWN;
    v->car_visit[i] = visit->id;
    tell(v, visit, VISIT_OPENED, -1, look, on_event, ctx);
  }
}

void visits_step(struct visits *v, const struct visit_look *look, visit_event_fn *on_event,
                 void *ctx) {
  if (!v->started || v->lost) {
    // Visits in view wait to be seen again from now on; seeds as well.
    int64_t gap = v->started ? look->t_ns - v->last_ns : 0;
    tracker_shift(&v->tracker, gap);
    for (int i = 0; i < VISITS_RECENT_MAX; i++)
      if (v->book.visit[i].used && v->book.visit[i].open) {
        v->book.visit[i].alive_ns = look->t_ns;
        v->book.visit[i].disturbed = true; // what happened meanwhile nobody saw
      }
    v->started = true;
    v->lost = false;
  }
  v->last_ns = look->t_ns;
  note_motion(v, look->motion);
  cars_step(&v->cars, look->motion, look->t_ns);
  if (look->looked) {
    int assigned[TRACK_READS_MAX];
    int n = look->n < TRACK_READS_MAX ? look->n : TRACK_READS_MAX;
    uint32_t keep = 0;
    v->tracker.width = (float)look->frame->width;
    v->tracker.height = (float)look->frame->height;
    for (int i = 0; i < TRACKS_MAX; i++)
      if (v->link[i].visit != 0)
        keep |= 1u << i;
    tracker_step(&v->tracker, look->reads, n, look->t_ns, keep, assigned);
    for (int i = 0; i < n; i++) {
      int track = assigned[i];
      if (track < 0)
        continue;
      struct link *l = &v->link[track];
      if (l->track_id != v->tracker.track[track].id) {
        visit_clear_link(l);
        l->track_id = v->tracker.track[track].id;
      }
      tracker_read(&v->tracker, track, &look->reads[i], look->t_ns);
      if (!look->reads[i].skipped) {
        l->tried_ns = look->t_ns;
        l->blank = look->reads[i].text[0] != 0 ? 0 : l->blank + 1;
        l->blank_h = quad_height(&look->reads[i].quad);
      }
      if (look->reads[i].text[0] != 0) {
        if (l->first_read_ns == 0)
          l->first_read_ns = look->t_ns;
        visit_keep_crop(v, track, &look->reads[i], look);
      }
      struct visit *visit = by_id(v, l->visit);
      if (visit != NULL && visit->open)
        improve(v, visit, track, &look->reads[i], look, on_event, ctx);
      else
        join(v, track, look, on_event, ctx);
    }
  }
  step_cars(v, look, on_event, ctx);
  close_gone(v, look->t_ns, on_event, ctx);
}

void visits_set_opinions(struct visits *v, const struct opinion_table *t) {
  v->book.opinions = *t;
}

bool visits_ask(struct visits *v, struct visit_question *out) {
  for (int i = 0; i < TRACKS_MAX && v->book.opinions.knots > 0; i++) {
    struct visit *visit = by_id(v, v->link[i].visit);
    if (visit == NULL || !visit->open || visit->seeded || visit->asked >= ASKED_MAX)
      continue;
    const struct slot *s = visit_evidence(v, i, visit->best.text);
    if (s == NULL ||
        (strcmp(visit->second_of, s->text) == 0 && s->weight < visit->second_weight * ASK_AGAIN))
      continue;
    visit->asked++;
    visit->second_weight = s->weight;
    if (strcmp(visit->second_of, s->text) != 0)
      visit->second = (struct plate_read){0}; // what it said was of another text
    memcpy(visit->second_of, s->text, sizeof visit->second_of);
    *out = (struct visit_question){.visit = visit->id, .crop = s->crop};
    out->plate = (struct detection){.quad = s->quad, .score = 1.0f};
    out->plate.double_score = s->two_lines ? 1.0f : 0.0f;
    return true;
  }
  return false;
}

void visits_answer(struct visits *v, const struct visit_question *q,
                   const struct plate_read *second, int64_t t_ns, visit_event_fn *on_event,
                   void *ctx) {
  struct visit *visit = by_id(v, q->visit);
  if (visit == NULL || !visit->open)
    return;
  const enum opinion was = visit->opinion;
  if (second->confidence >= visit->second.confidence) // of its answers the surest counts
    visit->second = *second;
  const bool news = book_weigh(&v->book, visit);
  const float step = fabsf(visit->best.confidence - visit->told_confidence);
  if (!news && visit->opinion == was && step < CONFIDENCE_STEP)
    return;
  struct visit_event event = book_event(visit, VISIT_IMPROVED, t_ns);
  visit->told_confidence = visit->best.confidence;
  on_event(ctx, &event);
}

void visits_camera_lost(struct visits *v) {
  v->lost = true;
  cars_forget(&v->cars);
}

void visits_idle(struct visits *v, int64_t t_ns, visit_event_fn *on_event, void *ctx) {
  if (v->lost || !v->started || t_ns <= v->last_ns)
    return;
  close_gone(v, t_ns, on_event, ctx);
}
