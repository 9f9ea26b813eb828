// SPDX-License-Identifier: Apache-2.0
// What vision tells about visits. Firmware makes them durable and shows them.
#ifndef BAYPLATE_VISION_VISIT_EVENT_H
#define BAYPLATE_VISION_VISIT_EVENT_H

#include "vision/image.h"
#include "vision/opinion.h"
#include "vision/plate.h"

#include <stdbool.h>
#include <stdint.h>

enum visit_event_kind {
  VISIT_OPENED,   // a car is here; exactly one a visit, always first
  VISIT_IMPROVED, // text, certainty, evidence or direction changed
  VISIT_MERGED,   // this visit turned out to be the same car as the earlier visit `into`; ends this
                  // one
  VISIT_CLOSED,   // the car is gone; exactly one a visit unless merged, always last
  VISIT_REOPENED, // a closed visit goes on: the same car came back within the gap
};

enum visit_certainty {
  VISIT_UNREAD,  // 看不清: no text that can be shown
  VISIT_UNSURE,  // 待确认: the text may be wrong, alternatives are listed
  VISIT_CERTAIN, // the reads agree
};

enum visit_direction { DIRECTION_UNKNOWN, DIRECTION_IN, DIRECTION_OUT };

// Times are the monotonic nanoseconds that the frames carried.
struct visit_event {
  enum visit_event_kind kind;
  uint64_t visit; // grows from the seed given at start; one number for the visit's whole life
  uint64_t into;  // VISIT_MERGED: the visit that goes on; else 0
  int64_t t_ns;   // frame that caused the event
  int64_t opened_ns, last_seen_ns;
  int64_t first_read_ns; // first frame in which any text was read; 0: none yet
  int64_t readable_ns;   // first frame whose own read was best.text, sure enough to be trusted
                         // (FUSE_READABLE); 0: none yet
  enum visit_certainty certainty;
  enum visit_direction direction;
  struct plate_read best; // fused over all reads: text, confidence and alternatives of the visit
  unsigned reads;         // that were weighed
  enum opinion opinion;   // the second reader's, of best.text
  // The crop the winning text was read from (for unread cars: the car), BGR24, only when it is new;
  // valid during the callback. evidence.plane[0] == NULL: unchanged.
  struct image_view evidence;
  int64_t evidence_ns;
};

// Called on the thread that stepped the analyser.
typedef void visit_event_fn(void *ctx, const struct visit_event *event);

#endif
