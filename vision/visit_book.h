// SPDX-License-Identifier: Apache-2.0
// Inside of visit.c: the recent visits, which of them a car belongs to, and what is told about
// them.
#ifndef BAYPLATE_VISION_VISIT_BOOK_H
#define BAYPLATE_VISION_VISIT_BOOK_H

#include "vision/car.h"
#include "vision/fuse.h"
#include "vision/track.h"
#include "vision/visit.h"

#include <stdbool.h>
#include <stdint.h>

// One visit.
struct visit {
  bool used, open, seeded;
  uint64_t id;
  int64_t opened_ns, last_seen_ns, first_read_ns, readable_ns;
  int64_t alive_ns; // from when the time to be gone counts
  enum visit_certainty certainty;
  bool sure; // certain, or would be if its plate were not coming
  enum visit_direction direction;
  struct fuse fuse;
  struct plate_read best;
  unsigned reads;
  struct plate_read second;       // what the second reader read, of
  char second_of[PLATE_TEXT_MAX]; // a crop that the first read as this; "": not asked yet
  float second_weight;            // of that crop
  unsigned asked;                 // times the second reader was asked
  enum opinion opinion;           // its opinion of best.text
  bool placed;                    // x.. area are known
  float x, y, w;                  // last place of the plate, pixels; w == 0: no plate was seen
  bool coming;                    // its plate was growing when it was last seen,
  float h, won_h;                 // its height then, and when best.text became what it is
  struct car_area area;           // of the car, parts of the frame
  bool stood;                     // it stood when it was last seen
  int64_t stood_ns;               // since when
  bool disturbed;                 // something moved there since
  float told_confidence;
  char evidence_text[PLATE_TEXT_MAX];
  float evidence_weight;
  int64_t evidence_ns, evidence_sent_ns;
};

struct visit_book {
  struct visit visit[VISITS_RECENT_MAX];
  uint64_t next_id;
  int64_t gap_ns, gone_ns;
  float threshold;
  struct opinion_table opinions; // without knots: confidences stay as they are
};

// A car as the book must recognise it.
struct visit_sight {
  const struct fuse_result *text;
  bool readable; // its text is good enough to be shown
  float x, y, w; // place of its plate, pixels; w == 0: no plate
  float px, py;  // the same in parts of the frame
  struct car_area area;
  uint64_t in_view[TRACKS_MAX]; // visits that other plates of this frame belong to
  int views;
  uint64_t goes_on; // visit of the plate that this one begins where and when it ended; 0: none
};

// The visit this car belongs to, or NULL: the same text within the gap; a text that is almost the
// same, or none, at the same place a moment ago; an unread car of which this is the plate.
struct visit *book_match(struct visit_book *b, const struct visit_sight *s, int64_t t_ns);

// An earlier visit of the same text, which this visit turned out to belong to; NULL: none.
struct visit *book_earlier(struct visit_book *b, const struct visit *of, int64_t t_ns);

// A new visit, open, not told yet. Never NULL: the oldest closed visit, or the oldest, is
// forgotten.
struct visit *book_open(struct visit_book *b, int64_t t_ns);

// Takes over how the plate moves now, for book_weigh.
void book_approach(struct visit *v, const struct track *t);

// Weighs the visit's reads again: best, certainty. true: text or certainty is another one. A text
// without a province is certain only when the second reader says the same; one of a plate that is
// still coming nearer only when it has lasted while the plate grew: blurred reads of one approach
// err alike, however many agree.
bool book_weigh(const struct visit_book *b, struct visit *v);

// Fills an event without evidence in.
struct visit_event book_event(const struct visit *v, enum visit_event_kind kind, int64_t t_ns);

#endif
