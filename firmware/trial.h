// SPDX-License-Identifier: Apache-2.0
// The two trials of a commissioning: is a car that drives in and out told right, and are five test
// cars read right? Kept as a file, so that a restart in between loses nothing. Not thread-safe.
#ifndef BAYPLATE_FIRMWARE_TRIAL_H
#define BAYPLATE_FIRMWARE_TRIAL_H

#include "board/err.h"
#include "firmware/config.h"
#include "vision/visit_event.h"

#include <jansson.h>

#define TRIAL_CARS 5                // wanted
#define TRIAL_CARS_MAX 12           // kept; the oldest that was not judged right gives way
#define TRIAL_JPEG_MAX (256u << 10) // bytes of a car's picture

enum trial_word { TRIAL_OPEN, TRIAL_RIGHT, TRIAL_WRONG };

struct trial_car {
  uint64_t visit;
  char text[PLATE_TEXT_MAX];
  enum plate_type type;
  enum visit_certainty certainty;
  float confidence;
  enum visit_direction direction;
  int64_t wall_ms;      // when it came
  enum trial_word word; // the technician's
  void *jpeg;           // the crop its text was read from; NULL: none yet
  size_t jpeg_len;
  bool kept; // the picture is in its file
};

struct trial_way {
  bool waiting; // the next car should be told as this
  enum trial_word word;
  int64_t wall_ms;
  uint64_t visit;
};

struct trial {
  bool on; // cars are taken in
  struct trial_way in, out;
  int cars;
  struct trial_car car[TRIAL_CARS_MAX];
  char dir[CONFIG_PATH_MAX + 32];
};

// Reads DIR/trial.json and DIR/car-VISIT.jpg when they are there; what is damaged is logged and
// left out. The folder is made by the first change.
void trial_init(struct trial *t, const char *dir);
void trial_finish(struct trial *t);

// Cars are taken in from now on; those of an earlier trial are dropped.
BP_CHECK bool trial_begin(struct trial *t, struct err *e);
BP_CHECK bool trial_end(struct trial *t, struct err *e);
// The next car to be told should come in (or go out).
BP_CHECK bool trial_expect(struct trial *t, enum visit_direction d, struct err *e);
// What a technician says of a car. ERR_NOT_FOUND: no such car.
BP_CHECK bool trial_judge(struct trial *t, uint64_t visit, enum trial_word word, struct err *e);

// Takes a visit event in. `jpeg` (may be NULL) is copied. true: something changed that should be
// kept with trial_save().
bool trial_event(struct trial *t, const struct visit_event *event, int64_t wall_ms,
                 const void *jpeg, size_t len);
BP_CHECK bool trial_save(struct trial *t, struct err *e);

const struct trial_car *trial_find(const struct trial *t, uint64_t visit);
int trial_right(const struct trial *t);   // cars judged right since the last that was judged wrong
bool trial_passed(const struct trial *t); // five right, both ways right

// {"on","in":{"state","visit","at"},"out":{...},"cars":[{"visit","plate","type","certainty",
// "confidence","direction","at","word","picture"}],"right","wanted"}. The newest car first.
json_t *trial_json(const struct trial *t);
const char *trial_word_name(enum trial_word w); // "open" "right" "wrong"

#endif
