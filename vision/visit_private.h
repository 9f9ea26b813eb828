// SPDX-License-Identifier: Apache-2.0
// Inside of the visit*.c files: the state they share.
#ifndef BAYPLATE_VISION_VISIT_PRIVATE_H
#define BAYPLATE_VISION_VISIT_PRIVATE_H

#include "vision/track.h"
#include "vision/visit.h"
#include "vision/visit_book.h"

#include <stdbool.h>
#include <stdint.h>

#define TRAVEL_MIN 0.5f // plate widths: what never moved and has no clear text is a sign, not a car
#define SCORE_MIN 0.5f  // mean score of a plate that may be a visit without a text
#define IN_VIEW_NS 1500000000 // seen so short a time ago: in view
#define SLOTS 2               // crops kept a plate: of the winning text and of its rival
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

// --- visit_evidence.c: crops

// Forgets what a track's place in the list held.
void visit_clear_link(struct link *l);
// Keeps this read's crop if it is the best of its text and the text matters.
void visit_keep_crop(struct visits *v, int track, const struct plate_read *read,
                     const struct visit_look *look);
// The crop that the visit's text was read from, among those of this track. NULL: none.
const struct slot *visit_evidence(const struct visits *v, int track, const char *text);
// Puts the evidence into the event, if there is any that was not told yet.
void visit_attach_evidence(struct visits *v, struct visit *visit, int track,
                           const struct visit_look *look, struct visit_event *event);

// --- visit_ripe.c: when a plate becomes a visit

enum ripe { NOT_RIPE, RIPE_TEXT, RIPE_UNREAD };
// Should this plate be a visit by now, and by its text or by its staying?
enum ripe visit_ripe(const struct visits *v, const struct track *t, const struct fuse_result *r,
                     const struct visit_look *look);
// The thing in front of the background that this plate is on, if there is one, else NULL.
const struct car *visit_carrier(const struct visits *v, const struct track *t,
                                const struct visit_look *look);
// Is this place (parts of the frame) on a car that has a visit of its own?
bool visit_on_known_car(const struct visits *v, float x, float y, int64_t t_ns);

#endif
