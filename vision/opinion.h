// SPDX-License-Identifier: Apache-2.0
// What a second reader's word does to the confidence in a visit's text. Two readers that fail
// differently and say the same are believed more, two that differ less; by how much was measured
// on cars that neither was trained on (tools/train/tess_finish.py) and stands in the model's json.
#ifndef BAYPLATE_VISION_OPINION_H
#define BAYPLATE_VISION_OPINION_H

#include "vision/plate.h"

#define OPINION_KNOTS_MAX 16

enum opinion {
  OPINION_NONE,   // nobody was asked
  OPINION_SAME,   // the second reader read the same
  OPINION_OTHER,  // it read another plate
  OPINION_SILENT, // it read no plate
  OPINION_COUNT
};

// Probability that a visit's text is right, by what the fusion of the first reader's reads says
// (`at`, rising from 0 to 1) and by the second one's opinion.
struct opinion_table {
  int knots;
  float at[OPINION_KNOTS_MAX];
  float then[OPINION_COUNT][OPINION_KNOTS_MAX];
};

// What `second` says about `text`.
enum opinion opinion_of(const struct plate_read *second, const char *text);

// The table's value, linear between its knots; a table without knots: the confidence as it was. The
// result is in 0..1.
float opinion_confidence(const struct opinion_table *t, enum opinion o, float confidence);

const char *opinion_name(enum opinion o); // "none", "same", "other", "silent"

#endif
