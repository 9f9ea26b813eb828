// SPDX-License-Identifier: Apache-2.0
// The commissioning meters: what the last frames said about the camera's aim, light, focus and
// shutter. Without thread or clock; memory is taken by the caller.
#ifndef BAYPLATE_FIRMWARE_METERS_H
#define BAYPLATE_FIRMWARE_METERS_H

#include "vision/aim.h"
#include "vision/aim_marks.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define METERS_HOLD_NS INT64_C(120000000000)  // a passing car's figures are shown for so long
#define METERS_SHUTTER_SPEED_MIN 0.5f         // plate heights a second: slower tells no smear
#define METERS_PASS_NS INT64_C(4000000000)    // a plate unseen for so long: another car's pass
#define METERS_LETTERS_NS INT64_C(1000000000) // lettering is looked for so often
#define METERS_SMEARS 25                      // looks at a moving plate whose median is told
#define METERS_DETAIL_WIDTH_MIN 70         // of 1280: smaller plates are blurred by lens and codec
#define METERS_LIGHT_NS INT64_C(200000000) // light is measured so often

enum meter {
  METER_WIDTH,     // of the largest plate at its largest, pixels
  METER_HEIGHT,    // pixels
  METER_ROLL,      // degrees
  METER_SLANT,     // degrees
  METER_SHARPNESS, // width of a still or slow plate's edges, in parts of its height (percent)
  METER_SMEAR,     // of a moving plate, percent of its height
  METER_CONTRAST,  // of the plate, luma
  METER_GLARE,     // part of the plate that is burnt out, percent
  METER_EXPOSURE,  // mean luma of the region
  METER_BRIGHT,    // burnt-out part of the region, percent
  METER_COUNT
};

enum grade { GRADE_NONE, GRADE_GOOD, GRADE_FAIR, GRADE_BAD };

struct meter_value {
  bool known;
  float value;
  enum grade grade;
  bool high; // what is wrong with it: too much, not too little
};

struct meters {
  struct meter_value meter[METER_COUNT];
  float shutter_s;   // estimated from smear and speed; 0: unknown
  float speed;       // fastest plate of the last pass, plate heights a second
  struct quad plate; // of the last frame, pixels
  bool plate_now;
  char text[PLATE_TEXT_MAX]; // last read of it
  int width, height;         // of the frames
  struct aim_marks marks;
  struct aim_letters letters;
  struct image_rect lettering; // where
  bool lettered, occupied;
  // --- of the pass that is measured
  int64_t seen_ns, last_ns, letters_ns, light_ns;
  struct quad last;
  bool has_last;
  float best_width;                                // at which the figures of this pass were taken
  float smear[METERS_SMEARS], rate[METERS_SMEARS]; // of this pass, percent and heights a second
  float shutter[METERS_SMEARS];
  int smears;
};

void meters_init(struct meters *m);

// Takes in one frame and the n plates found in it (-1: it was not looked for plates). `zone` as
// configured; `occupied`: a car is in view.
void meters_frame(struct meters *m, const struct image_view *frame, const struct zone *zone,
                  const struct plate_read *reads, int n, bool occupied, int64_t t_ns);

// Time goes on without frames, or the page asks: forgets what is older than METERS_HOLD_NS.
void meters_age(struct meters *m, int64_t t_ns);

// "width", "height", ... : stable names, also of the page's words. Never NULL.
const char *meter_name(enum meter which);
const char *grade_name(enum grade g); // "none" "good" "fair" "bad"
enum grade meter_grade(enum meter which, float value, bool *high);

// {"id","value","unit","grade","high","good":[from,to],"fair":[from,to]} of each, in order, then
// "marks". Pixels are those of the frame, needed ones scale with it (80 at 1280 are 120 at 1920).
json_t *meters_json(const struct meters *m, int64_t t_ns);

// The worst grade of those that must be good for a pass.
enum grade meters_worst(const struct meters *m);

#endif
