// SPDX-License-Identifier: Apache-2.0
// Which crops the golden set keeps. Pure: no files, no clock.
#ifndef BAYPLATE_FIRMWARE_GOLDEN_CHOICE_H
#define BAYPLATE_FIRMWARE_GOLDEN_CHOICE_H

#include "vision/plate.h"

#include <stdbool.h>
#include <stdint.h>

#define GOLDEN_MAX 60          // crops
#define GOLDEN_BY_PERSON 20    // of them at most from people: the others stand for the everyday
#define GOLDEN_AGE_DAYS 180    // an older one goes
#define GOLDEN_SETTLED_DAYS 30 // a younger one is not replaced by one of its own kind

struct golden_row {
  uint64_t visit; // names the file
  char plate[PLATE_TEXT_MAX];
  enum plate_type type;
  int hour;       // of the shop's day, 0 to 23
  bool by_person; // its text was said or confirmed by a person, not only by two readers
  int64_t wall_ms;
};

enum golden_verdict { GOLDEN_KEEP_OUT, GOLDEN_APPEND, GOLDEN_REPLACE };

// What to do with `in`: a plate is in the set once; a full set is replaced slowly, so that a new
// version is asked mostly what the old one was: at most one a day for more of the same kind, at
// once for a kind (plate type and quarter of the day) that is rarer. *at: the row that goes for it.
enum golden_verdict golden_choose(const struct golden_row *rows, int n, const struct golden_row *in,
                                  int *at);

// The first row older than GOLDEN_AGE_DAYS, or -1.
int golden_expired(const struct golden_row *rows, int n, int64_t now_ms);

#endif
