// SPDX-License-Identifier: Apache-2.0
// What people corrected, as a folder that bayplate-eval and the training read: DIR/labels.csv and
// DIR/img/<visit>.jpg, the crop that the visit's text was read from. Kept apart from the evidence,
// which is rotated away. Thread-safe.
#ifndef BAYPLATE_FIRMWARE_CORRECTIONS_H
#define BAYPLATE_FIRMWARE_CORRECTIONS_H

#include "board/err.h"
#include "vision/plate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORRECTIONS_MAX 20000 // rows; beyond it the oldest goes, with its crop

struct corrections;

// ERR_ARG, ERR_NOMEM. The folder is made by the first correction; its parent must exist.
// max: rows kept at most, 1 to CORRECTIONS_MAX.
BP_CHECK bool corrections_open(struct corrections **out, const char *dir, int max, struct err *e);
void corrections_free(struct corrections *c); // NULL is fine

struct correction {
  uint64_t visit;
  const char *plate;    // what a person says stands there; canonical and valid, else ERR_ARG
  enum plate_type type; // as read; kept where the corrected text can stand on it
  const char *read;     // what was read; "": nothing, the crop is then of the car, not of the plate
  double confidence;    // of it
  int64_t wall_ms;
  const void *jpeg; // the crop
  size_t len;
};

// Durable on return: crop and row. A visit corrected again keeps its last word. A labels.csv that a
// person damaged is an error that names it (ERR_FORMAT), and is not written over. Errors of the
// disk as evidence_write().
BP_CHECK bool corrections_put(struct corrections *c, const struct correction *what, struct err *e);

#endif
