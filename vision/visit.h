// SPDX-License-Identifier: Apache-2.0
// The life of visits: opened by reads that agree or by a car that stays, improved, merged, closed
// when the car is gone. Pure: what a frame showed goes in, events come out. All memory is taken at
// visits_new().
#ifndef BAYPLATE_VISION_VISIT_H
#define BAYPLATE_VISION_VISIT_H

#include "board/err.h"
#include "vision/analyser.h"
#include "vision/detector.h"
#include "vision/motion.h"
#include "vision/visit_event.h"

#include <stdint.h>

#define VISITS_RECENT_MAX                                                                          \
  256                     // visits that a car may come back to; the oldest closed one is forgotten
#define VISIT_CROP_X 0.2f // of the plate's width and height, around it on each side in its crop
#define VISIT_CROP_Y 0.4f
#define EVIDENCE_WIDTH_MAX 320 // pixels of a plate's crop
#define EVIDENCE_HEIGHT_MAX 160
#define EVIDENCE_CAR_MAX 640 // longest side of the crop of a car that could not be read

struct visits;

// What one frame showed.
struct visit_look {
  const struct image_view *frame; // evidence is cut from it
  int64_t t_ns;
  bool looked;                    // the detector ran on it
  const struct plate_read *reads; // in the zone; empty text: a plate that was not readable
  int n;
  const struct motion_result *motion;
};

BP_CHECK bool visits_new(struct visits **out, const struct analyser_config *config, struct err *e);
void visits_free(struct visits *v); // NULL is fine

// See analyser_configure().
void visits_configure(struct visits *v, const struct analyser_config *config);

// See analyser_seed(). ERR_LIMIT: more than VISITS_RECENT_MAX.
BP_CHECK bool visits_seed(struct visits *v, const struct analyser_seed *seeds, size_t n,
                          struct err *e);

void visits_step(struct visits *v, const struct visit_look *look, visit_event_fn *on_event,
                 void *ctx);

// What the second reader should be asked: one plate in a crop of a visit's best frame.
struct visit_question {
  uint64_t visit;
  struct image_view crop; // belongs to the visits; valid until the next step
  struct detection plate; // in the crop
};
// The table that weighs its opinion; without it nothing is asked.
void visits_set_opinions(struct visits *v, const struct opinion_table *t);
// An open visit whose text the second reader should be asked about: it was told already, and its
// text or its crop is new since the last question. Every visit is asked about a bounded number of
// times. false: none.
bool visits_ask(struct visits *v, struct visit_question *out);
// Its answer to the last question: the visit is weighed again, and told when that changes it.
void visits_answer(struct visits *v, const struct visit_question *q,
                   const struct plate_read *second, int64_t t_ns, visit_event_fn *on_event,
                   void *ctx);

// See analyser_camera_lost() and analyser_idle().
void visits_camera_lost(struct visits *v);
void visits_idle(struct visits *v, int64_t t_ns, visit_event_fn *on_event, void *ctx);

// A plate that is being followed.
struct visit_plate {
  struct quad quad; // where it should be in the frame at t_ns
  bool read;        // a read of it would be news
};
// The plates seen a moment ago, those first whose text is wanted most; returns how many (at most
// max). What has never moved, or has no text after several reads, and is no visit's is left out: it
// is found again by looks at the whole zone.
int visits_plates(const struct visits *v, int64_t t_ns, struct visit_plate *out, int max);
// Would a read of a plate found here by such a look be news?
bool visits_wants_read(const struct visits *v, const struct quad *plate, int64_t t_ns);

// Is a car in view (or was a moment ago), so that the detector should look now and then though
// nothing moves?
bool visits_car_in_view(const struct visits *v, int64_t t_ns);
// Was a car, or a plate that moved, seen in the last second?
bool visits_car_seen(const struct visits *v, int64_t t_ns);
// Is a plate being followed that has no certain text yet?
bool visits_undecided(const struct visits *v, int64_t t_ns);

#endif
