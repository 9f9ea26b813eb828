// SPDX-License-Identifier: Apache-2.0
// One text out of many reads of one plate. Every read is weighed by its calibrated confidence and
// by how large the plate was; symbols are voted on place by place. Neither the first read nor the
// loudest single one decides.
#ifndef BAYPLATE_VISION_FUSE_H
#define BAYPLATE_VISION_FUSE_H

#include "vision/plate.h"

#include <stdbool.h>
#include <stdint.h>

#define FUSE_TEXTS_MAX 24 // different texts remembered; the lightest is forgotten

// A single read this sure is one that a person would trust, too: the plate is readable in its
// frame.
#define FUSE_READABLE 0.9f

struct fuse_text {
  char text[PLATE_TEXT_MAX];
  uint32_t symbol[PLATE_SYMBOLS_MAX]; // code points
  int symbols;
  float weight;      // of all reads and alternatives that said so
  float read_weight; // of the reads alone
  float confidence;  // sum of read weight * confidence
  float best_weight; // of the heaviest read
  unsigned reads;
  unsigned views; // reads from notably different distances or places
  float view_x, view_y, view_height;
  float type[PLATE_TYPE_COUNT]; // weight for each type
  int64_t readable_ns;          // frame of the first read at FUSE_READABLE or more; 0: none yet
};

// May be copied; all zero is a valid empty one.
struct fuse {
  int texts;
  struct fuse_text text[FUSE_TEXTS_MAX];
  unsigned reads; // with a text
  float view_x, view_y, view_height;
  unsigned same_view; // reads since the plate last changed its place or size
};

struct fuse_result {
  char text[PLATE_TEXT_MAX]; // empty: nothing was read
  enum plate_type type;
  float confidence;    // probability that text is right, 0..1
  unsigned reads;      // weighed
  unsigned agreeing;   // reads that said exactly this
  bool valid;          // text obeys the grammar of plates
  float mean;          // mean confidence of the agreeing reads
  int64_t readable_ns; // first frame whose own read was `text` at FUSE_READABLE; 0: none yet
  int alternatives;
  struct plate_alternative alternative[PLATE_ALTERNATIVES];
};

// What a read counts: confidence squared, times how well the plate could be seen (0.2..1, full from
// 32 pixels of height).
float fuse_weight(const struct plate_read *read);

// Weighs one more read in. Reads without text are ignored. Reads of a plate that stands still bring
// little news, so that they count less and less (an hour of glare must not outvote the approach).
void fuse_add(struct fuse *f, const struct plate_read *read);

// Would a read of this plate be news: none was weighed yet, or it is seen from another distance or
// place than the last ones?
bool fuse_is_new_view(const struct fuse *f, const struct quad *plate);

// Weighs in everything that another fusion of the same car knows.
void fuse_merge(struct fuse *f, const struct fuse *other);

// The text all reads together speak for.
//  - The length is the heaviest one; each place's symbol is the heaviest one there. Where that
//  makes no plate but a
//    text that was read does, that text is taken.
//  - confidence = (1 - (1 - mean)^k) / (1 + (runner-up / winner)^2), k = 1 + log2(views) / 2, at
//  most 2.5: views from
//    different distances are independent evidence, frames of a standing car are not. A text that
//    never was read as a whole gets at most FUSE_PATCHED_MAX.
//  - Alternatives are what else was read or nearly read, heaviest first, but none that cannot stand
//    on the type of plate that at least 95 % of the reads saw.
#define FUSE_PATCHED_MAX 0.6f
void fuse_result(const struct fuse *f, struct fuse_result *out);

// May this result be shown as certain? It obeys the grammar, at least FUSE_CERTAIN_READS agree,
// their mean confidence is FUSE_CERTAIN_MEAN and the whole reaches `threshold`.
#define FUSE_CERTAIN_READS 2
#define FUSE_CERTAIN_MEAN 0.8f
bool fuse_certain(const struct fuse_result *r, float threshold);

#endif
