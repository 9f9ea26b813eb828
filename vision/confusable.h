// SPDX-License-Identifier: Apache-2.0
// Symbols that are taken for each other (0 D Q, 8 B, 2 Z, provinces that look alike): how much
// more, or less, an alternative is to be believed than it says itself, as measured
// (confusable_data.h). Ranks what was seen; adds nothing.
#ifndef BAYPLATE_VISION_CONFUSABLE_H
#define BAYPLATE_VISION_CONFUSABLE_H

#include "vision/plate.h"

// Factor for `other` where `text` is what was read: the product over the places in which they
// differ. 1 for texts of different lengths, for pairs that were not measured, and for texts that
// are no plate's.
float confusable_factor(const char *text, const char *other);

// Weighs a read's alternatives by it and sorts them; together they stay at most 1 - confidence.
void confusable_rank(struct plate_read *r);

#endif
