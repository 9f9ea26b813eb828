// SPDX-License-Identifier: Apache-2.0
// What bayplate-eval counts: one picture's reads against its labels, summed per set, type and
// province.
#ifndef BAYPLATE_TOOLS_SCORE_H
#define BAYPLATE_TOOLS_SCORE_H

#include "tools/labels.h"
#include "vision/detector.h"
#include "vision/plate_finder.h"

#define SCORE_GROUPS_MAX 96 // types and provinces of a set
#define SCORE_ALERT 0.9f    // confidence from which a read may raise an alert
#define SCORE_TRUTHS_MAX 64 // labels of one picture

struct score {
  char name[LABELS_TYPE_MAX];
  long pictures, errors, truths;
  long placed, found;            // truths with a known place; of these detected
  long found_other;              // detected, if boxes were (centre, centre + size)
  long exact, no_province;       // right texts; right but for the first character
  long false_plates, false_sure; // reads that are no truth's; of these as sure as an alert
  long sure, sure_right;         // reads as sure as an alert; right ones
  double decode_ms, detect_ms, read_ms;
};

struct set_score {
  struct score all;
  int groups;
  struct score group[SCORE_GROUPS_MAX]; // "type:blue", "province:粤"
};

// Adds one picture: its labels, what was detected (NULL: a crop) and what was read.
void score_picture(struct set_score *s, const struct label *truth, int truths,
                   const struct detection *detected, int detections,
                   const struct found_plates *read);

// Adds b's counts to a.
void score_add(struct score *a, const struct score *b);

#endif
