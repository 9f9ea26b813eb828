// SPDX-License-Identifier: Apache-2.0
// From what Tesseract saw at each place of a line to ranked plate texts. The grammar stands here,
// outside of Tesseract, and chooses among what was seen: nothing is put in its place.
#ifndef BAYPLATE_VISION_TESS_TEXT_H
#define BAYPLATE_VISION_TESS_TEXT_H

#include "vision/plate.h"

#include <stdbool.h>
#include <stdint.h>

#define TESS_CHOICES_MAX 6 // symbols kept a place

struct tess_place {
  int choices;
  uint8_t symbol[TESS_CHOICES_MAX]; // grammar's index
  float weight[TESS_CHOICES_MAX];   // best first, any scale
};

// All zero is an empty one.
struct tess_text {
  int places;
  bool too_long;
  struct tess_place place[PLATE_SYMBOLS_MAX];
};

// The next place; NULL where the line is longer than any plate.
struct tess_place *tess_text_place(struct tess_text *t);
// A symbol that may stand there, and how likely it is next to the place's others. What stands on no
// plate is left out; where there are too many the least likely one goes.
void tess_place_add(struct tess_place *p, const char *symbol, float weight);

// Fills text, type, confidence and alternatives in: the likeliest valid plates, by the product of
// their symbols' shares of their places. Confidence is the logistic function of scale * log odds of
// the best product + offset, as calibrated. No valid plate: empty text, confidence 0.
void tess_text_rank(const struct tess_text *t, bool two_lines, float scale, float offset,
                    struct plate_read *out);

#endif
