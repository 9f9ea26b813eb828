// SPDX-License-Identifier: Apache-2.0
#include "vision/analyser.h"

#include "vision/detector.h"
#include "vision/motion.h"
#include "vision/reader.h"
#include "vision/visit.h"
#include "vision/zone.h"

#include <stdlib.h>
#include <string.h>

#define SETTLE_NS 600000000 // after the last motion every frame is looked at for so long
#define PARKED_NS 500000000 // with a car in view and nothing moving, one frame in this time
#define IDLE_NS 2000000000  // with nothing in view: what came unnoticed is found in this time
#define FRAME_READS_MAX 4   // plates read in one frame, best first; more are only followed
#define ZONE_MARGIN 0.04f   // of the frame, round the zone: a plate at its edge is seen whole

struct analyser {
  struct analyser_config config;
  struct detector *detector;
  struct reader *reader;
  struct zone zone;
  struct motion *motion;
  struct visits *visits;
  struct analyser_stats stats;
  int64_t last_ns, moved_ns, looked_ns;
  bool started;
  struct detection found[DETECTIONS_MAX];
  struct plate_read read[DETECTIONS_MAX];
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

bool analyser_seed(struct analyser *a, const struct analyser_seed *seeds, size_t n, struct err *e) {
  return visits_seed(a->visits, seeds, n, e);
}

// Is this frame worth the detector's time?
static bool worth_a_look(const struct analyser *a, int64_t t_ns) {
  if (a->looked_ns == INT64_MIN || t_ns - a->moved_ns <= SETTLE_NS)
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

// Finds and reads the plates of one frame; returns how many are in a->read, or -1.
static int look_at(struct analyser *a, const struct image_view *frame, struct err *e) {
  struct image_rect rect = zone_rect(&a->zone, frame->width, frame->height, ZONE_MARGIN);
  int found = 0, n = 0, read = 0;
  a->stats.detector_runs++;
  if (!detector_find(a->detector, frame, a->zone.points > 0 ? &rect : NULL, a->found, &found, e)) {
    (void)err_prefix(e, "looking for plates");
    return -1;
  }
  for (int i = 0; i < found && i < DETECTIONS_MAX; i++) {
    struct detection *d = &a->found[i];
    if (quad_height(&d->quad) < a->config.min_plate_height * (float)frame->height ||
        !zone_contains_quad(&a->zone, &d->quad, frame->width, frame->height))
      continue;
    struct plate_read *r = &a->read[n++];
    if (read < FRAME_READS_MAX) {
      read++;
      a->stats.reader_runs++;
      if (!detector_refine(a->detector, frame, d, e) || !reader_read(a->reader, frame, d, r, e)) {
        (void)err_prefix(e, "reading a plate");
        return -1;
      }
      a->stats.reads += r->text[0] != 0;
    } else {
      *r = (struct plate_read){.quad = d->quad, .detection = d->score};
    }
  }
  return n;
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
  a->stats.frames++;
  struct motion_result motion;
  if (!motion_step(a->motion, frame, t_ns, &motion, e))
    return err_prefix(e, "analyser");
  if (motion.moving || motion.scene_changed)
    a->moved_ns = t_ns;
  keep_inside(&a->zone, &motion);
  struct visit_look look = {.frame = frame, .t_ns = t_ns, .reads = a->read, .motion = &motion};
  if (worth_a_look(a, t_ns)) {
    look.n = look_at(a, frame, e);
    if (look.n < 0)
      return err_prefix(e, "analyser");
    look.looked = true;
    a->looked_ns = t_ns;
  } else {
    a->stats.gated++;
  }
  visits_step(a->visits, &look, on_event, ctx);
  return true;
}

void analyser_camera_lost(struct analyser *a) {
  motion_reset(a->motion);
  visits_camera_lost(a->visits);
  a->looked_ns = INT64_MIN; // look at once when it is back
}

void analyser_idle(struct analyser *a, int64_t t_ns, visit_event_fn *on_event, void *ctx) {
  visits_idle(a->visits, t_ns, on_event, ctx);
}

void analyser_get_stats(const struct analyser *a, struct analyser_stats *out) {
  *out = a->stats;
}
