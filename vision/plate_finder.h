// SPDX-License-Identifier: Apache-2.0
// A whole still picture to its plates: detector, then reader. Used by bayplate-read and
// bayplate-eval.
#ifndef BAYPLATE_VISION_PLATE_FINDER_H
#define BAYPLATE_VISION_PLATE_FINDER_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/plate.h"

#define PLATES_MAX 32 // told of one picture

struct plate_finder;
struct detection;

struct found_plates {
  int n; // best first
  struct plate_read plate[PLATES_MAX];
};

// Loads both models of a directory; their files are named in the error.
BP_CHECK bool plate_finder_new(struct plate_finder **out, const char *model_dir, struct err *e);
void plate_finder_free(struct plate_finder *f); // NULL is fine

// The two steps, apart so that a caller with a clock can time them. find() keeps its detections for
// read(), which must be given the same picture. Plates whose text is not readable are left out.
BP_CHECK bool plate_finder_find(struct plate_finder *f, const struct image_view *picture,
                                struct err *e);
BP_CHECK bool plate_finder_read(struct plate_finder *f, const struct image_view *picture,
                                struct found_plates *out, struct err *e);

// What find() found, read or not; valid until the next call.
const struct detection *plate_finder_detections(const struct plate_finder *f, int *n);

// A picture that is one plate already cut out: one entry, or none.
BP_CHECK bool plate_finder_read_crop(struct plate_finder *f, const struct image_view *picture,
                                     struct found_plates *out, struct err *e);

#endif
