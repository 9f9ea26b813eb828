// SPDX-License-Identifier: Apache-2.0
// From what a reader says of itself to the probability that its text is exactly right, as measured
// on plates that it was not trained on.
#ifndef BAYPLATE_VISION_CALIBRATION_H
#define BAYPLATE_VISION_CALIBRATION_H

#include "vision/plate.h"

#include <stdbool.h>

// log odds of being right = offset + own * log odds of `raw` + lead * log(raw / next best).
// Logistic regression on two values (Platt 1999 with a second one); own and lead are not negative,
// so that a surer read never becomes less sure. Fitted by tools/train/calibrate.
struct calibration {
  bool known; // false: confidences stay as they are
  float offset, own, lead;
  float most; // no read is said to be surer: as many were counted as this says, and no more
};

// Calibrated probability of a text with the reader's own probability `raw`, whose next best text
// has `second` (0: none was seen). 0 stays 0.
float calibration_of(const struct calibration *c, float raw, float second);

// Sets read->confidence from read->raw and raw_second, and shares what is left among its
// alternatives as they stood to each other; none becomes surer than the text.
void calibration_apply(const struct calibration *c, struct plate_read *read);

#endif
