// SPDX-License-Identifier: Apache-2.0
// Reads every picture of a labelled folder and scores it.
#ifndef BAYPLATE_TOOLS_EVAL_SET_H
#define BAYPLATE_TOOLS_EVAL_SET_H

#include "tools/inputs.h"
#include "tools/labels.h"
#include "tools/score.h"

// Pictures whose plates have no known place: plates already cut out, or scenes?
enum eval_kind { EVAL_BY_PICTURE, EVAL_CROPS, EVAL_SCENES };
enum eval_boxes { EVAL_BOXES_FOUND, EVAL_BOXES_CORNERS, EVAL_BOXES_CENTRE };

struct eval_options {
  enum eval_kind kind;
  enum eval_boxes boxes;
  bool plate_free;  // the folder's pictures hold no plate; it needs no labels.csv
  const char *only; // a file of texts; NULL: all
};

struct eval_picture {
  char *path;
  struct seen seen;
  struct pairing pair;
};

struct eval_set {
  struct labels labels;
  struct inputs inputs; // of a plate-free folder
  size_t n;
  struct eval_picture *picture;
  enum box_form form;
  long guessed_crops, guessed_scenes; // pictures without places, by what they were taken for
  double decode_ms, detect_ms, read_ms, all_ms; // medians over the pictures that were read
  struct set_score score;
};

// Reads and scores a folder. Pictures and rows that cannot be read are told to stderr and counted;
// an error is a folder that cannot be scored at all. *s is empty then.
BP_CHECK bool eval_set_run(struct eval_set *s, struct plate_finder *f, const char *dir,
                           const struct eval_options *o, struct err *e);
void eval_set_free(struct eval_set *s);

#endif
