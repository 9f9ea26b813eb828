// SPDX-License-Identifier: Apache-2.0
// What bayplate-eval counts: one picture's reads against its labels, summed per set, type and
// province.
#ifndef BAYPLATE_TOOLS_SCORE_H
#define BAYPLATE_TOOLS_SCORE_H

#include "tools/labels.h"
#include "vision/plate_finder.h"

#define SCORE_GROUPS_MAX 96 // types and provinces of a set
#define SCORE_ALERT 0.9f    // confidence from which a read may raise an alert

struct score {
  char name[LABELS_TYPE_MAX];
  long pictures, errors;         // pictures; of these not read
  long truths;                   // plates whose text is known
  long exact, no_province;       // right texts; right but for the first character
  long listed;                   // truths that stand among the read and its alternatives
  long placed, found;            // plates with a known place; of these detected
  long typed, type_right;        // reads of plates whose type is known; of these with that type
  long false_plates, false_sure; // reads that are no plate's; of these as sure as an alert
  long sure, sure_right;         // reads as sure as an alert; right ones
};

struct set_score {
  struct score all;
  int groups;
  struct score group[SCORE_GROUPS_MAX]; // "type:blue", "province:粤"
};

// How a set's boxes are written.
enum box_form {
  BOX_CORNERS, // x0 y0 top left, x1 y1 bottom right
  BOX_CENTRE,  // x0 y0 the centre, x1 - x0 and y1 - y0 the size, swapped where the plate was turned
};

struct rect {
  float x0, y0, x1, y1;
};

// One picture as it was seen.
struct seen {
  const struct label *truth;
  int truths;
  bool crop, failed; // a plate already cut out; could not be read
  char error[160];   // what was wrong with the file; "": nothing
  int reads, detections;
  struct plate_read *read;
  struct quad *detection;
  double decode_ms, detect_ms, read_ms;
};

// Which read belongs to which plate.
struct pairing {
  int of_truth[LABELS_A_PICTURE_MAX]; // -1: none
  int of_read[PLATES_MAX];            // -1: none, a false plate
};

// The place of a label. false: it is not known.
bool score_place(const struct label *l, enum box_form form, struct rect *out);
struct rect score_bounds(const struct quad *q);

// How a set's boxes are written, from what was detected: as corners, unless at least ten boxes are
// found the other way, that is more than half of all, and nearly none as corners. Correct boxes
// cannot be taken for the other kind: as (centre, size) they overlap their own plate by a seventh.
enum box_form score_box_form(const struct seen *picture, size_t n);

// Pairs reads with plates: by text, else by place, else (where the place is not known) the surest
// read that is left. A row that stands twice shares its read.
void score_pair(const struct seen *p, enum box_form form, struct pairing *out);

// Is the type that was read the labelled one? The label "green" also stands for green_large,
// "white" for white2.
bool score_same_type(const char *labelled, enum plate_type read);

// Adds one picture.
void score_picture(struct set_score *s, const struct seen *p, const struct pairing *pair,
                   enum box_form form);

// Adds b's counts to a.
void score_add(struct score *a, const struct score *b);

#endif
