// SPDX-License-Identifier: Apache-2.0
#include "vision/analyser.h"

#include "vision/detector.h"
#include "vision/motion.h"
#include "vision/reader.h"
#include "vision/visit.h"
#include "vision/zone.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_NS 600000000 // after the last motion every frame is looked at for so long
#define PARKED_NS 500000000 // with a car in view and nothing moving, one frame in this time
#define IDLE_NS 2000000000  // with nothing in view: what came unnoticed is found in this time
#define WHOLE_NS 120000000  // while something moves, the whole zone is looked at so often at least
#define FOLLOW_MAX 6        // plates followed in one frame
#define FRAME_READS_MAX 3   // plates read in one frame; more are only followed
#define SAME_PLATE 0.5f     // plates whose centres are closer than this part of a width are one
#define ZONE_MARGIN 0.04f   // of the frame, round the zone: a plate at its edge is seen whole

struct analyser {
  struct analyser_config config;
  struct detector *detector;
  struct reader *reader, *second; // second: NULL, or for the best picture of each visit
  struct zone zone;
  struct motion *motion;
  struct visits *visits;
  struct analyser_stats stats;
  int64_t last_ns, moved_ns;
  int64_t looked_ns; // last look at the whole zone; INT64_MIN: none
  int64_t attend_ns; // until then every frame is looked at
  bool started;
  int plates;                             // in `read`, of the last frame; -1: it was not looked at
  struct detection whole[DETECTIONS_MAX]; // of a look at the whole zone
  struct detection found[DETECTIONS_MAX]; // the frame's plates,
  bool news[DETECTIONS_MAX];              // whether a read of them is news,
  struct plate_read read[DETECTIONS_MAX]; // and what was read
};

void analyser_config_default(struct analyser_config *c) {
  *c = (struct analyser_config){.min_plate_height = 0.012f,
                                .in_direction_deg = 90,
                                .same_car_gap_ns = INT64_C(600000000000),
                                .gone_after_ns = INT64_C(3000000000),
                                .hold_ns = INT64_C(2000000000),
                                .first_visit = 1,
                                .certain_threshold = 0.9f};
}

bool analyser_new(struct analyser **out, const struct analyser_config *config,
                  struct detector *detector, struct reader *reader, struct err *e) {
  struct analyser *a = calloc(1, sizeof *a);
  if (a == NULL)
    return err_set(e, ERR_NOMEM, "analyser: no memory");
  a->config = *config;
  a->detector = detector;
  a->reader = reader;
  if (!zone_init(&a->zone, config->zone, config->zone_points, e) ||
      !motion_new(&a->motion, &a->zone, e) || !visits_new(&a->visits, config, e)) {
    analyser_free(a);
    return err_prefix(e, "analyser");
  }
  *out = a;
  return true;
}

void analyser_free(struct analyser *a) {
  if (a == NULL)
    return;
  visits_free(a->visits);
  motion_free(a->motion);
  free(a);
}

void analyser_set_second(struct analyser *a, struct reader *second,
                         const struct opinion_table *opinions) {
  a->second = second;
  visits_set_opinions(a->visits, opinions);
}

bool analyser_configure(struct analyser *a, const struct analyser_config *config, struct err *e) {
  struct zone zone;
  if (!zone_init(&zone, config->zone, config->zone_points, e))
    return err_prefix(e, "analyser");
  a->config = *config;
  a->zone = zone;
  motion_set_zone(a->motion, &zone);
  visits_configure(a->visits, config);
  return true;
}

bool analyser_seed(struct analyser *a, const struct analyser_seed *seeds, size_t n, struct err *e) {
  return visits_seed(a->visits, seeds, n, e);
}

// Is this frame worth the detector's time?
static bool worth_a_look(const struct analyser *a, int64_t t_ns) {
  if (a->looked_ns == INT64_MIN || t_ns - a->moved_ns <= SETTLE_NS || t_ns < a->attend_ns)
    return true;
  int64_t since = t_ns - a->looked_ns;
  if (visits_undecided(a->visits, t_ns))
    return true;
  return since >= (visits_car_in_view(a->visits, t_ns) ? PARKED_NS : IDLE_NS);
}

// Things that only reach into the zone are not in it.
static void keep_inside(const struct zone *zone, struct motion_result *m) {
  int n = 0;
  for (int i = 0; i < m->boxes && i < MOTION_BOXES_MAX; i++) {
    const struct motion_box *b = &m->box[i];
    if (zone_contains(zone, (b->x0 + b->x1) / 2, (b->y0 + b->y1) / 2))
      m->box[n++] = *b;
  }
  m->boxes = n;
}

static void centre(const struct quad *q, float *x, float *y) {
  *x = *y = 0;
  for (int i = 0; i < 4; i++) {
    *x += q->corner[i].x / 4;
    *y += q->corner[i].y / 4;
  }
}

static bool is_among(const struct analyser *a, int n, const struct quad *q) {
  float x, y;
  centre(q, &x, &y);
  for (int i = 0; i < n; i++) {
    float ox, oy;
    centre(&a->found[i].quad, &ox, &oy);
    if (hypotf(x - ox, y - oy) < SAME_PLATE * fmaxf(quad_width(q), quad_width(&a->found[i].quad)))
      return true;
  }
  return false;
}

static bool counts(const struct analyser *a, const struct image_view *frame, const struct quad *q) {
  return quad_height(q) >= a->config.min_plate_height * (float)frame->height &&
         zone_contains_quad(&a->zone, q, frame->width, frame->height);
}

// Looks for each followed plate where it should be. *lost: one of them was not there.
static bool follow_plates(struct analyser *a, const struct image_view *frame,
                          const struct visit_plate *plate, int plates, int *n, bool *lost,
                          struct err *e) {
  for (int i = 0; i < plates; i++) {
    struct detection d;
    bool found = false;
    a->stats.near_looks++;
    if (!detector_follow(a->detector, frame, &plate[i].quad, &d, &found, e))
      return err_prefix(e, "following a plate");
    if (!found) {
      *lost = true;
    } else if (counts(a, frame, &d.quad) && !is_among(a, *n, &d.quad)) {
      a->news[*n] = plate[i].read;
      a->found[(*n)++] = d;
    }
  }
  return true;
}

// Looks at the whole zone for plates that are not among the n found.
static bool find_plates(struct analyser *a, const struct image_view *frame, int64_t t_ns, int *n,
                        struct err *e) {
  struct image_rect rect = zone_rect(&a->zone, frame->width, frame->height, ZONE_MARGIN);
  int all = 0;
  a->stats.detector_runs++;
  a->looked_ns = t_ns;
  if (!detector_find(a->detector, frame, a->zone.points > 0 ? &rect : NULL, a->whole, &all, e))
    return err_prefix(e, "looking for plates");
  int refined = 0;
  for (int i = 0; i < all && i < DETECTIONS_MAX && *n < DETECTIONS_MAX; i++) {
    struct detection *d = &a->whole[i];
    if (!counts(a, frame, &d->quad) || is_among(a, *n, &d->quad))
      continue;
    if (refined++ < FRAME_READS_MAX && !detector_refine(a->detector, frame, d, e))
      return err_prefix(e, "looking at a plate");
    if (!(d->score > 0.0f))
      continue; // none, seen from near
    a->news[*n] = visits_wants_read(a->visits, &d->quad, t_ns);
    a->found[(*n)++] = *d;
  }
  return true;
}

// Reads those of the n found plates that are worth it.
static bool read_plates(struct analyser *a, const struct image_view *frame, int64_t t_ns, int n,
                        struct err *e) {
  int read = 0;
  for (int i = 0; i < n; i++) {
    struct plate_read *r = &a->read[i];
    if (a->news[i] && read < FRAME_READS_MAX) {
      read++;
      a->stats.reader_runs++;
      if (!reader_read(a->reader, frame, &a->found[i], r, e))
        return err_prefix(e, "reading a plate");
      a->stats.reads += r->text[0] != 0;
      r->skipped = false;
    } else {
      *r = (struct plate_read){
          .quad = a->found[i].quad, .detection = a->found[i].score, .skipped = true};
    }
    r->t_ns = t_ns;
  }
  return true;
}

// Finds and reads the plates of one frame. `due`: the frame is worth a look at the whole zone, if
// no plate is followed or the last such look is long enough ago. *looked: the detector ran.
static bool look_at(struct analyser *a, const struct image_view *frame, int64_t t_ns, bool due,
                    struct visit_look *look, struct err *e) {
  struct visit_plate plate[FOLLOW_MAX];
  const int plates = visits_plates(a->visits, t_ns, plate, FOLLOW_MAX);
  bool lost = plates == 0;
  look->n = 0;
  // A car in view is looked at in every frame: everywhere, if it shows no plate to follow.
  look->looked = plates > 0 || due || visits_car_seen(a->visits, t_ns);
  if (!look->looked)
    return true;
  if (!follow_plates(a, frame, plate, plates, &look->n, &lost, e))
    return false;
  const bool whole = lost || a->looked_ns == INT64_MIN || (due && t_ns - a->looked_ns >= WHOLE_NS);
  return (!whole || find_plates(a, frame, t_ns, &look->n, e)) &&
         read_plates(a, frame, t_ns, look->n, e);
}

// After the visits were told: no card waits for it.
static bool ask_second(struct analyser *a, int64_t t_ns, visit_event_fn *on_event, void *ctx,
                       struct err *e) {
  struct visit_question q;
  struct plate_read answer;
  if (a->second == NULL || !visits_ask(a->visits, &q))
    return true;
  a->stats.second_reads++;
  if (!reader_read(a->second, &q.crop, &q.plate, &answer, e))
    return err_prefix(e, "asking the second reader");
  visits_answer(a->visits, &q, &answer, t_ns, on_event, ctx);
  return true;
}

bool analyser_step(struct analyser *a, const struct image_view *frame, int64_t t_ns,
                   visit_event_fn *on_event, void *ctx, struct err *e) {
  if (a->started && t_ns < a->last_ns)
    return err_set(e, ERR_ARG, "analyser: time runs backwards by %lld ns",
                   (long long)(a->last_ns - t_ns));
  if (!a->started) {
    a->started = true;
    a->looked_ns = INT64_MIN;
    a->moved_ns = t_ns - SETTLE_NS - 1;
  }
  a->last_ns = t_ns;
  a->plates = -1;
  a->stats.frames++;
  struct motion_result motion;
  if (!motion_step(a->motion, frame, t_ns, &motion, e))
    return err_prefix(e, "analyser");
  if (motion.moving || motion.scene_changed)
    a->moved_ns = t_ns;
  keep_inside(&a->zone, &motion);
  struct visit_look look = {.frame = frame, .t_ns = t_ns, .reads = a->read, .motion = &motion};
  if (!look_at(a, frame, t_ns, worth_a_look(a, t_ns), &look, e))
    return err_prefix(e, "analyser");
  a->stats.gated += !look.looked;
  a->plates = look.looked ? look.n : -1;
  if (visits_car_seen(a->visits, t_ns)) {
    a->stats.car_frames++;
    a->stats.car_looked += look.looked;
  }
  visits_step(a->visits, &look, on_event, ctx);
  return ask_second(a, t_ns, on_event, ctx, e);
}

void analyser_camera_lost(struct analyser *a) {
  motion_reset(a->motion);
  visits_camera_lost(a->visits);
  a->looked_ns = INT64_MIN; // look at once when it is back
}

void analyser_idle(struct analyser *a, int64_t t_ns, visit_event_fn *on_event, void *ctx) {
  visits_idle(a->visits, t_ns, on_event, ctx);
}

void analyser_attend(struct analyser *a, int64_t until_ns) {
  a->attend_ns = until_ns;
}

int analyser_plates(const struct analyser *a, const struct plate_read **reads, bool *occupied) {
  *reads = a->read;
  *occupied = a->started && visits_car_in_view(a->visits, a->last_ns);
  return a->started ? a->plates : -1;
}

void analyser_get_stats(const struct analyser *a, struct analyser_stats *out) {
  *out = a->stats;
}
