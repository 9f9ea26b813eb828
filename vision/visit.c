// SPDX-License-Identifier: Apache-2.0
#include "vision/visit.h"

#include "vision/crop.h"
#include "vision/track.h"
#include "vision/visit_book.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_READS 2          // agreeing reads that open a visit
#define OPEN_CONFIDENCE 0.35f // of the fused text
#define OPEN_READS_UNSURE 8   // reads that open one though they do not agree
#define TRAVEL_MIN 0.5f // plate widths: what never moved and has no clear text is a sign, not a car
#define OPEN_READS_STILL 4 // agreeing reads that open one where nothing ever moved
#define OPEN_CONFIDENCE_STILL 0.7f
#define SCORE_MIN 0.5f        // mean score of a plate that may be a visit without a text
#define IN_VIEW_NS 1500000000 // seen so short a time ago: in view
#define EVIDENCE_BETTER 1.5f  // a crop so much heavier is told for its own sake
#define EVIDENCE_PAUSE_NS 1000000000
#define CONFIDENCE_STEP 0.1f               // a rise that is told
#define ABSORBED_NS (MOTION_ABSORB_NS / 2) // what stood longer may have become background
#define SEEN_NS 1000000000
#define FOLLOW_NS 400000000       // a plate unseen for longer is not looked for where it should be
#define FOLLOW_SPEED_NS 300000000 // and its speed is not believed for longer
#define SIGN_LOOKS 25 // a plate seen so often that never moved is a sign: it is not followed
#define SIGN_READ_NS 1000000000 // and read only so often
#define VIEW_READS 12           // reads of one view after which a further one may wait
#define BLANK_READS 6           // the same for reads that gave nothing,
#define BLANK_GROWN 1.05f       // unless the plate has become larger
#define READ_AGAIN_NS 200000000
#define CERTAIN_READ_NS 80000000 // a certain text is read again in new views, at most so often
#define CHECK_NS 400000000       // and in any case so often: another car may have taken its place
#define ASKED_MAX 4              // times the second reader is asked about one visit
#define ASK_AGAIN 1.5f // a crop of the same text must be so much heavier to be asked about
#define SLOTS 2        // crops kept a plate: of the winning text and of its rival
#define PLATE_CROP_BYTES (EVIDENCE_WIDTH_MAX * EVIDENCE_HEIGHT_MAX * 3)
#define CAR_CROP_BYTES (EVIDENCE_CAR_MAX * EVIDENCE_CAR_MAX * 3)

struct slot {
  char text[PLATE_TEXT_MAX];
  float weight;
  int64_t t_ns;
  struct image_view crop;
  struct quad quad; // the plate in the crop
  bool two_lines;
  uint8_t *pixels;
};

// What belongs to a track beside its place.
struct link {
  uint32_t track_id;
  uint64_t visit; // 0: none
  int64_t first_read_ns;
  int64_t tried_ns; // last frame in which the reader looked at it
  int blank;        // looks of the reader since it last made out a text,
  float blank_h;    // and the height of the plate in the last of them
  struct slot slot[SLOTS];
};

struct visits {
  struct analyser_config config;
  struct visit_book book;
  struct tracker tracker;
  struct link link[TRACKS_MAX];
  struct cars cars;
  uint64_t car_visit[CARS_MAX];
  uint8_t *pixels; // of all slots, and of one car
  bool lost;
  int64_t last_ns; // last step
  bool started;
};

bool visits_new(struct visits **out, const struct analyser_config *config, struct err *e) {
  struct visits *v = calloc(1, sizeof *v);
  if (v == NULL)
    return err_set(e, ERR_NOMEM, "visits: no memory");
  v->pixels = malloc((size_t)TRACKS_MAX * SLOTS * PLATE_CROP_BYTES + CAR_CROP_BYTES);
  if (v->pixels == NULL) {
    free(v);
    return err_set(e, ERR_NOMEM, "visits: no memory for evidence");
  }
  v->config = *config;
  v->book.next_id = config->first_visit > 0 ? config->first_visit : 1;
  v->book.gap_ns = config->same_car_gap_ns;
  v->book.gone_ns = config->gone_after_ns;
  v->book.threshold = config->certain_threshold;
  tracker_init(&v->tracker, config->in_direction_deg);
  for (int i = 0; i < TRACKS_MAX; i++)
    for (int k = 0; k < SLOTS; k++)
      v->link[i].slot[k].pixels = v->pixels + (size_t)(i * SLOTS + k) * PLATE_CROP_BYTES;
  *out = v;
  return true;
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

static void clear_link(struct link *l) {
  l->track_id = 0;
  l->visit = 0;
  l->first_read_ns = 0;
  l->tried_ns = 0;
  l->blank = 0;
  l->blank_h = 0;
  for (int k = 0; k < SLOTS; k++) {
    l->slot[k].text[0] = 0;
    l->slot[k].weight = 0;
  }
}

// Keeps this read's crop if it is the best of its text and the text matters.
static void keep_crop(struct visits *v, int track, const struct plate_read *read,
                      const struct visit_look *look) {
  struct link *l = &v->link[track];
  struct fuse_result r;
  fuse_result(&v->tracker.track[track].fuse, &r);
  struct slot *to = NULL;
  float weight = fuse_weight(read);
  for (int k = 0; k < SLOTS; k++)
    if (strcmp(l->slot[k].text, read->text) == 0)
      to = &l->slot[k];
  if (to != NULL && weight < to->weight * 1.1f)
    return; // cutting costs little, but not nothing
  for (int k = 0; k < SLOTS && to == NULL; k++)
    if (l->slot[k].text[0] == 0)
      to = &l->slot[k];
  for (int k = 0; k < SLOTS && to == NULL; k++)
    if (strcmp(l->slot[k].text, r.text) != 0)
      to = &l->slot[k];
  if (to == NULL)
    return;
  float x0, y0, x1, y1;
  quad_bounds(&read->quad, &x0, &y0, &x1, &y1);
  float mx = 0.2f * (x1 - x0), my = 0.4f * (y1 - y0);
  struct crop_box box = {x0 - mx, y0 - my, x1 + mx, y1 + my};
  if (!crop_bgr(look->frame, box, EVIDENCE_WIDTH_MAX, EVIDENCE_HEIGHT_MAX, to->pixels,
                PLATE_CROP_BYTES, &to->crop))
    return;
  for (int i = 0; i < 4; i++)
    to->quad.corner[i] = crop_point(look->frame, box, &to->crop, read->quad.corner[i]);
  to->two_lines = read->type == PLATE_YELLOW2 || read->type == PLATE_WHITE2;
  memcpy(to->text, read->text, sizeof to->text);
  to->weight = weight;
  to->t_ns = look->t_ns;
}

// The crop that the visit's text was read from, among those of this track. NULL: none.
static const struct slot *evidence_of(const struct visits *v, int track, const char *text) {
  if (track < 0)
    return NULL;
  for (int k = 0; k < SLOTS; k++)
    if (text[0] != 0 && strcmp(v->link[track].slot[k].text, text) == 0)
      return &v->link[track].slot[k];
  return NULL;
}

// Puts the evidence into the event, if there is any that was not told yet.
static void attach_evidence(struct visits *v, struct visit *visit, int track,
                            const struct visit_look *look, struct visit_event *event) {
  const struct slot *s = evidence_of(v, track, visit->best.text);
  if (s != NULL) {
    bool other = strcmp(visit->evidence_text, s->text) != 0;
    if (!other && s->weight <= visit->evidence_weight)
      return;
    memcpy(visit->evidence_text, s->text, sizeof visit->evidence_text);
    visit->evidence_weight = s->weight;
    visit->evidence_ns = s->t_ns;
    visit->evidence_sent_ns = look->t_ns;
    event->evidence = s->crop;
    event->evidence_ns = s->t_ns;
  } else if (visit->certainty == VISIT_UNREAD && event->kind == VISIT_OPENED) {
    float w = (float)look->frame->width, h = (float)look->frame->height;
    struct crop_box box = {visit->area.x0 * w, visit->area.y0 * h, visit->area.x1 * w,
                           visit->area.y1 * h};
    uint8_t *pixels = v->pixels + (size_t)TRACKS_MAX * SLOTS * PLATE_CROP_BYTES;
    if (!crop_bgr(look->frame, box, EVIDENCE_CAR_MAX, EVIDENCE_CAR_MAX, pixels, CAR_CROP_BYTES,
                  &event->evidence))
      return;
    visit->evidence_ns = event->evidence_ns = look->t_ns;
    visit->evidence_sent_ns = look->t_ns;
  }
}

static void tell(struct visits *v, struct visit *visit, enum visit_event_kind kind, int track,
                 const struct visit_look *look, visit_event_fn *on_event, void *ctx) {
  struct visit_event event = book_event(visit, kind, look->t_ns);
  attach_evidence(v, visit, track, look, &event);
  visit->told_confidence = visit->best.confidence;
  on_event(ctx, &event);
}

// Takes over what the track shows of the visit's car now.
// The thing in front of the background that this plate is on, if there is one, else NULL.
static const struct car *carrier(const struct visits *v, const struct track *t,
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

// Is this place on a car that has a visit of its own?
static bool on_known_car(const struct visits *v, float x, float y, int64_t t_ns) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++) {
    const struct visit *o = &v->book.visit[i];
    if (o->used && o->open && o->placed && o->certainty != VISIT_UNREAD &&
        t_ns - o->alive_ns < v->book.gone_ns && x >= o->area.x0 && x <= o->area.x1 &&
        y >= o->area.y0 && y <= o->area.y1)
      return true;
  }
  return false;
}

static bool see(struct visits *v, struct visit *visit, int track, const struct visit_look *look) {
  const struct track *t = &v->tracker.track[track];
  visit->last_seen_ns = visit->alive_ns = look->t_ns;
  visit->placed = true;
  visit->x = t->x, visit->y = t->y, visit->w = t->w;
  visit->area = car_around(&t->quad, look->frame->width, look->frame->height);
  if (visit->certainty == VISIT_UNREAD) { // the plate's place is not sure; the car's is
    const struct car *c = carrier(v, t, look);
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

enum ripe { NOT_RIPE, RIPE_TEXT, RIPE_UNREAD };

// Should this plate be a visit by now, and by its text or by its staying?
static enum ripe ripe(const struct visits *v, const struct track *t, const struct fuse_result *r,
                      const struct visit_look *look) {
  bool there = t->travel >= TRAVEL_MIN || carrier(v, t, look) != NULL;
  if (r->valid && r->agreeing >= OPEN_READS && r->confidence >= OPEN_CONFIDENCE &&
      (there || (r->agreeing >= OPEN_READS_STILL && r->confidence >= OPEN_CONFIDENCE_STILL)))
    return RIPE_TEXT;
  if (t->travel < TRAVEL_MIN)
    return NOT_RIPE;
  if (r->valid && r->reads >= OPEN_READS_UNSURE && r->confidence >= OPEN_CONFIDENCE)
    return RIPE_TEXT;
  // Without a text it must look like a plate, be on something that was not there before, and not on
  // a car that is known already.
  float x = t->x / (float)look->frame->width, y = t->y / (float)look->frame->height;
  if (t->score < SCORE_MIN || carrier(v, t, look) == NULL || on_known_car(v, x, y, look->t_ns))
    return NOT_RIPE;
  int64_t hold = v->config.hold_ns, t_ns = look->t_ns;
  bool stays = t_ns - t->first_ns >= hold && t->seen >= 8 &&
               ((t->still_ns != INT64_MAX && t_ns - t->still_ns >= hold / 2) ||
                (t->grows_ns != INT64_MAX && t_ns - t->grows_ns >= hold));
  return stays ? RIPE_UNREAD : NOT_RIPE;
}

static void join(struct visits *v, int track, const struct visit_look *look,
                 visit_event_fn *on_event, void *ctx) {
  const struct track *t = &v->tracker.track[track];
  struct fuse_result r;
  fuse_result(&t->fuse, &r);
  enum ripe by = ripe(v, t, &r, look);
  if (by == NOT_RIPE)
    return;
  struct visit_sight sight = {.text = &r, .x = t->x, .y = t->y, .w = t->w};
  sight.readable = by == RIPE_TEXT;
  sight.px = t->x / (float)look->frame->width;
  sight.py = t->y / (float)look->frame->height;
  sight.area = car_around(&t->quad, look->frame->width, look->frame->height);
  for (int i = 0; i < TRACKS_MAX; i++)
    if (i != track && v->link[i].visit != 0 &&
        look->t_ns - v->tracker.track[i].last_ns < IN_VIEW_NS)
      sight.in_view[sight.views++] = v->link[i].visit;
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
  bool text = book_weigh(&v->book, visit);
  bool news = see(v, visit, track, look) || text;
  struct visit *earlier = text ? book_earlier(&v->book, visit, look->t_ns) : NULL;
  if (earlier != NULL) {
    visit = merge(v, visit, earlier, look, on_event, ctx);
    (void)see(v, visit, track, look);
    news = true;
  }
  const struct slot *s = evidence_of(v, track, visit->best.text);
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
  if (visit->placed && visit->stood_ns != 0 && visit->last_seen_ns - visit->stood_ns > ABSORBED_NS)
    cars_left(&v->cars, visit->area, t_ns);
  struct visit_event event = book_event(visit, VISIT_CLOSED, t_ns);
  on_event(ctx, &event);
  for (int i = 0; i < TRACKS_MAX; i++) {
    if (v->link[i].visit != visit->id)
      continue;
    clear_link(&v->link[i]);
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
    clear_link(&v->link[i]);
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
        on_known_car(v, (c->area.x0 + c->area.x1) / 2, (c->area.y0 + c->area.y1) / 2, look->t_ns))
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
        clear_link(l);
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
        keep_crop(v, track, &look->reads[i], look);
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
    const struct slot *s = evidence_of(v, i, visit->best.text);
    if (s == NULL ||
        (strcmp(visit->second_of, s->text) == 0 && s->weight < visit->second_weight * ASK_AGAIN))
      continue;
    visit->asked++;
    visit->second_weight = s->weight;
    memcpy(visit->second_of, s->text, sizeof visit->second_of);
    visit->second.text[0] = 0;
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

static bool is_sign(const struct visits *v, int i) {
  const struct track *t = &v->tracker.track[i];
  return v->link[i].visit == 0 && t->travel < TRAVEL_MIN && t->seen >= SIGN_LOOKS;
}

// A thing like a plate that the reader made nothing of so far.
static bool is_blank(const struct visits *v, int i) {
  return v->link[i].visit == 0 && v->link[i].blank >= BLANK_READS;
}

// Would another read of this plate say anything new?
static bool wants_read(const struct visits *v, int i, const struct quad *where, int64_t t_ns) {
  const struct track *t = &v->tracker.track[i];
  const struct link *l = &v->link[i];
  const int64_t since = l->tried_ns != 0 ? t_ns - l->tried_ns : INT64_MAX;
  if (is_sign(v, i))
    return since >= SIGN_READ_NS;
  const bool new_view = fuse_is_new_view(&t->fuse, where);
  for (int k = 0; l->visit != 0 && k < VISITS_RECENT_MAX; k++) {
    const struct visit *visit = &v->book.visit[k];
    if (visit->used && visit->id == l->visit && visit->open && visit->certainty == VISIT_CERTAIN)
      return since >= (new_view ? CERTAIN_READ_NS : CHECK_NS);
  }
  const bool known_view = t->fuse.same_view >= VIEW_READS && !new_view;
  const bool known_blank = l->blank >= BLANK_READS && quad_height(where) < BLANK_GROWN * l->blank_h;
  return since >= READ_AGAIN_NS || (!known_view && !known_blank);
}

static struct quad ahead(const struct track *t, int64_t t_ns) {
  const int64_t since = t_ns - t->last_ns;
  const float dt = (float)(since < FOLLOW_SPEED_NS ? since : FOLLOW_SPEED_NS) * 1e-9f;
  struct quad q = t->quad;
  for (int i = 0; i < 4; i++) {
    q.corner[i].x += t->vx * dt;
    q.corner[i].y += t->vy * dt;
  }
  return q;
}

int visits_plates(const struct visits *v, int64_t t_ns, struct visit_plate *out, int max) {
  int64_t tried[TRACKS_MAX];
  int n = 0;
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *t = &v->tracker.track[i];
    if (!t->used || t_ns - t->last_ns > FOLLOW_NS || is_sign(v, i) || is_blank(v, i) || max < 1)
      continue;
    struct visit_plate p = {.quad = ahead(t, t_ns)};
    p.read = wants_read(v, i, &p.quad, t_ns);
    const int64_t at = p.read ? v->link[i].tried_ns : INT64_MAX; // the longest unread first
    int k = n < max ? n++ : max;
    if (k == max && tried[--k] <= at)
      continue;
    for (; k > 0 && tried[k - 1] > at; k--) {
      out[k] = out[k - 1];
      tried[k] = tried[k - 1];
    }
    out[k] = p;
    tried[k] = at;
  }
  return n;
}

bool visits_wants_read(const struct visits *v, const struct quad *plate, int64_t t_ns) {
  const float x =
      0.25f * (plate->corner[0].x + plate->corner[1].x + plate->corner[2].x + plate->corner[3].x);
  const float y =
      0.25f * (plate->corner[0].y + plate->corner[1].y + plate->corner[2].y + plate->corner[3].y);
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *t = &v->tracker.track[i];
    if (t->used && t_ns - t->last_ns <= FOLLOW_NS && hypotf(x - t->x, y - t->y) < 0.5f * t->w)
      return wants_read(v, i, plate, t_ns);
  }
  return true;
}

bool visits_car_in_view(const struct visits *v, int64_t t_ns) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++)
    if (v->book.visit[i].used && v->book.visit[i].open && !v->book.visit[i].seeded)
      return true;
  for (int i = 0; i < TRACKS_MAX; i++)
    if (v->tracker.track[i].used && t_ns - v->tracker.track[i].last_ns < IN_VIEW_NS &&
        !is_sign(v, i))
      return true;
  return false;
}

bool visits_car_seen(const struct visits *v, int64_t t_ns) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++)
    if (v->book.visit[i].used && v->book.visit[i].open &&
        t_ns - v->book.visit[i].last_seen_ns < SEEN_NS)
      return true;
  for (int i = 0; i < TRACKS_MAX; i++)
    if (v->tracker.track[i].used && t_ns - v->tracker.track[i].last_ns < SEEN_NS &&
        (v->link[i].visit != 0 || v->tracker.track[i].travel >= TRAVEL_MIN))
      return true;
  return false;
}

bool visits_undecided(const struct visits *v, int64_t t_ns) {
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *t = &v->tracker.track[i];
    if (t->used && v->link[i].visit == 0 && t->travel >= TRAVEL_MIN &&
        t_ns - t->last_ns < IN_VIEW_NS)
      return true;
  }
  return false;
}
