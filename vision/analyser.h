// SPDX-License-Identifier: Apache-2.0
// Frames in, visit events out: motion gate → detector → reader → tracker → visits, for one camera.
// A cascade: a plate that is followed is looked at where it should be in every frame, the whole
// zone only now and then meanwhile; the reader looks at a plate as long as that brings news. Not
// thread-safe: one thread steps it.
#ifndef BAYPLATE_VISION_ANALYSER_H
#define BAYPLATE_VISION_ANALYSER_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/visit_event.h"
#include "vision/zone.h"

#include <stddef.h>
#include <stdint.h>

struct analyser;
struct detector;
struct reader;

struct analyser_config {
  // Region of interest, in parts of the frame (0..1), so that a camera may change its size. 0
  // points: all.
  int zone_points;
  struct point zone[ZONE_POINTS_MAX];
  float min_plate_height; // parts of the frame's height; smaller plates are ignored. Default 0.012
  float in_direction_deg; // image direction of an arriving car: 90 = downward (towards the camera).
                          // Default 90
  int64_t same_car_gap_ns; // the same plate back within this is the same visit. Default 600 s
  int64_t gone_after_ns;   // unseen for this long: gone. Default 3 s
  int64_t
      hold_ns; // unreadable car must hold still or grow for this long to be a visit. Default 2 s
  uint64_t first_visit;    // number of the first visit opened (last one of the log + 1)
  float certain_threshold; // visit confidence to be shown as certain. Default 0.9
};

// Fills in the defaults above.
void analyser_config_default(struct analyser_config *c);

// A visit of the log that may still go on after a restart (closed or open less than the gap ago).
struct analyser_seed {
  uint64_t visit;
  char text[PLATE_TEXT_MAX];
  bool open;            // not closed in the log: it is closed if the car is not seen again
  int64_t last_seen_ns; // in this boot's monotonic time; may be negative
};

struct analyser_stats {
  uint64_t second_reads;           // times the second reader was asked
  uint64_t frames, gated;          // gated: nothing moved, no plate was followed, no look was due
  uint64_t detector_runs;          // looks at the whole zone
  uint64_t near_looks;             // looks at the place of one followed plate
  uint64_t car_frames, car_looked; // frames with a car in view; those the detector looked at
  uint64_t reader_runs, reads;
  int64_t last_gate_ns_cost, last_detect_ns_cost,
      last_read_ns_cost; // filled by bench builds only; else 0
};

// detector and reader are borrowed and must outlive the analyser.
BP_CHECK bool analyser_new(struct analyser **out, const struct analyser_config *config,
                           struct detector *detector, struct reader *reader, struct err *e);
void analyser_free(struct analyser *a); // NULL is fine

// A second reader (borrowed, must outlive the analyser) for the best picture of each visit: asked
// after the visit was told, at most once a frame; `opinions` (copied) weighs what it says.
void analyser_set_second(struct analyser *a, struct reader *second,
                         const struct opinion_table *opinions);

// Another configuration from the next frame on; visits and the background stay as they are, and
// first_visit is not looked at. On failure (an impossible zone) the old one stays.
BP_CHECK bool analyser_configure(struct analyser *a, const struct analyser_config *config,
                                 struct err *e);
BP_CHECK bool analyser_seed(struct analyser *a, const struct analyser_seed *seeds, size_t n,
                            struct err *e);

// Looks at one frame of any size; t_ns must not run backwards. Calls on_event zero or more times.
BP_CHECK bool analyser_step(struct analyser *a, const struct image_view *frame, int64_t t_ns,
                            visit_event_fn *on_event, void *ctx, struct err *e);

// The camera was lost: motion background is forgotten; visits in view wait to be seen again, so
// that nothing is replayed when it comes back. Call analyser_idle() while no frames come.
void analyser_camera_lost(struct analyser *a);

// No frame, but time went on: closes visits that are gone. While the camera is lost nothing is
// closed.
void analyser_idle(struct analyser *a, int64_t t_ns, visit_event_fn *on_event, void *ctx);

// Something else than the picture (a trigger input) says that a car is there: every frame is looked
// at until t_ns, in the frames' time.
void analyser_attend(struct analyser *a, int64_t until_ns);

// The plates of the last frame, valid until the next step; returns how many, -1 when it was not
// looked at. *occupied: a car is in view.
int analyser_plates(const struct analyser *a, const struct plate_read **reads, bool *occupied);

// Stop: closes nothing (visits in view go on after the restart by analyser_seed).
void analyser_get_stats(const struct analyser *a, struct analyser_stats *out);

#endif
