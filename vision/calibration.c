// SPDX-License-Identifier: Apache-2.0
#include "vision/calibration.h"

#include <math.h>

#define LEAST 1e-4f // probabilities are kept this far from 0 and 1: beyond it nothing was measured

static float between(float p) {
  return fminf(fmaxf(p, LEAST), 1.0f - LEAST);
}

float calibration_of(const struct calibration *c, float raw, float second) {
  if (!(raw > 0.0f))
    return 0.0f;
  if (!c->known)
    return fminf(raw, 1.0f);
  const float p = between(raw);
  const float odds =
      c->offset + c->own * logf(p / (1.0f - p)) + c->lead * logf(p / between(second));
  return fminf(1.0f / (1.0f + expf(-odds)), c->most);
}

void calibration_apply(const struct calibration *c, struct plate_read *read) {
  read->confidence = calibration_of(c, read->raw, read->raw_second);
  if (!c->known || !(read->raw > 0.0f))
    return;
  // What the reader itself gave to all other texts, told here or not, is now 1 - confidence.
  const float scale = (1.0f - read->confidence) / fmaxf(1.0f - read->raw, LEAST);
  for (int i = 0; i < read->alternatives; i++)
    read->alternative[i].confidence =
        fminf(read->alternative[i].confidence * scale, read->confidence);
}
