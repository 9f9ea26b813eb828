// SPDX-License-Identifier: Apache-2.0
// Plate texts as symbols: UTF-8 split into code points, and how far two texts are apart.
#ifndef BAYPLATE_VISION_TEXT_H
#define BAYPLATE_VISION_TEXT_H

#include "vision/plate.h"

#include <stdint.h>

// Splits text into code points, at most PLATE_SYMBOLS_MAX of them. -1: not UTF-8, or longer.
int text_split(const char *text, uint32_t *symbols);
// Joins n code points (of text_split); out holds PLATE_TEXT_MAX bytes.
void text_join(const uint32_t *symbols, int n, char *out);
// Smallest number of symbols to change, add or leave out to make one of the other (Levenshtein).
// Texts that cannot be split are PLATE_SYMBOLS_MAX apart from everything but themselves.
int text_distance(const char *a, const char *b);

#endif
