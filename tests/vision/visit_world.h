// SPDX-License-Identifier: Apache-2.0
// Synthetic reads for the tests of tracking and visits.
#ifndef BAYPLATE_TESTS_VISIT_WORLD_H
#define BAYPLATE_TESTS_VISIT_WORLD_H

#include "vision/plate.h"

#include <stdio.h>
#include <string.h>

#define FRAME_NS INT64_C(40000000)
#define SECOND_NS INT64_C(1000000000)

// A plate w pixels wide (w * 140 / 440 high) centred at (x, y).
static inline struct plate_read world_read(const char *text, float confidence, float x, float y,
                                           float w) {
  float h = w * 140 / 440;
  struct plate_read r = {.detection = 0.9f, .type = PLATE_BLUE, .confidence = confidence};
  (void)snprintf(r.text, sizeof r.text, "%s", text);
  r.quad.corner[0] = (struct point){x - w / 2, y - h / 2};
  r.quad.corner[1] = (struct point){x + w / 2, y - h / 2};
  r.quad.corner[2] = (struct point){x + w / 2, y + h / 2};
  r.quad.corner[3] = (struct point){x - w / 2, y + h / 2};
  return r;
}

#endif
