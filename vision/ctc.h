// SPDX-License-Identifier: Apache-2.0
// From a network's columns of logits to ranked plate texts: CTC prefix beam search (Graves 2012,
// ch. 7.5; Hannun 2014) that follows only beginnings the plate grammar knows. The grammar chooses
// among what the network saw; probabilities are not scaled up to make up for what it excluded, so a
// text that the network did not see stays improbable.
#ifndef BAYPLATE_VISION_CTC_H
#define BAYPLATE_VISION_CTC_H

#include "vision/model.h"
#include "vision/plate.h"

#define CTC_TEXTS_MAX (PLATE_ALTERNATIVES + 1)

struct ctc_text {
  char text[PLATE_TEXT_MAX];
  enum plate_type type; // the likeliest one that the text can stand on
  float probability;    // of this text and a fitting type, after the temperature
};

struct ctc_result {
  int texts; // best first; 0: nothing that could be a plate
  struct ctc_text text[CTC_TEXTS_MAX];
};

// logits: steps x (symbols + 1) values, class 0 is the blank. type_logits: model->types values.
// steps is cut at MODEL_STEPS_MAX. Values that are not finite count as impossible.
void ctc_decode(const struct reader_model *model, const float *logits, int steps,
                const float *type_logits, struct ctc_result *out);

// Mixes the opinions of n looks at one plate: the mean of each text's probability.
void ctc_fuse(const struct ctc_result *looks, int n, struct ctc_result *out);

#endif
