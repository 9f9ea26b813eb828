// SPDX-License-Identifier: Apache-2.0
// The words of the vision room: a plate's place in a frame and what was read from it.
#ifndef BAYPLATE_VISION_PLATE_H
#define BAYPLATE_VISION_PLATE_H

#include <stdbool.h>
#include <stdint.h>

#define PLATE_TEXT_MAX 32 // bytes of UTF-8 with the NUL: 8 characters of at most 3 bytes, and room
#define PLATE_SYMBOLS_MAX 8  // characters on the longest plate
#define PLATE_ALTERNATIVES 4 // next best texts kept with a read

// GA 36-2018 types by what the plate looks like.
enum plate_type {
  PLATE_UNKNOWN,
  PLATE_BLUE,        // small cars
  PLATE_GREEN,       // new energy, small: 8 characters
  PLATE_GREEN_LARGE, // new energy, large: yellow-green, 8 characters
  PLATE_YELLOW,      // large vehicles, front, single line; also 学
  PLATE_YELLOW2,     // large vehicles, rear, and 挂: double line
  PLATE_WHITE,       // police 警, 应急, military single line
  PLATE_WHITE2,      // military double line
  PLATE_BLACK,       // 使 领 港 澳
  PLATE_TYPE_COUNT
};

struct point {
  float x, y; // pixels of the frame, origin at the centre of the top left pixel
};

struct quad {
  struct point corner[4]; // clockwise from top left as the plate is read
};

struct plate_alternative {
  char text[PLATE_TEXT_MAX];
  float confidence; // 0..1, calibrated
};

// One plate in one frame.
struct plate_read {
  struct quad quad;
  float detection; // the detector's score, 0..1
  enum plate_type type;
  char text[PLATE_TEXT_MAX]; // UTF-8, no dot, no spaces; empty: not readable
  float confidence;          // probability that text is exactly right, calibrated, 0..1
  float raw, raw_second;     // the reader's own of this text and of the next best, not calibrated
  int alternatives;
  struct plate_alternative
      alternative[PLATE_ALTERNATIVES]; // best first, text itself not among them
  int64_t t_ns;                        // the frame's time; 0: unknown
  bool skipped; // the plate was found, but not given to the reader in this frame
};

// "blue", "green", ... as bayplate-read prints them; "unknown" for anything else. Never NULL.
const char *plate_type_name(enum plate_type type);
// The reverse; false for a word that is no type.
bool plate_type_parse(const char *name, enum plate_type *out);

// Smallest upright box around a quad.
void quad_bounds(const struct quad *q, float *x0, float *y0, float *x1, float *y1);
// Mean of the left and right edge's length: the plate's height in pixels. Mean of top and bottom:
// its width.
float quad_height(const struct quad *q);
float quad_width(const struct quad *q);
// Square pixels.
float quad_area(const struct quad *q);
// Convex and clockwise on a screen whose y points down: every turn is to the right.
bool quad_is_clockwise(const struct quad *q);

#endif
