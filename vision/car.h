// SPDX-License-Identifier: Apache-2.0
// Vehicle-sized things in front of the background, followed from frame to frame, so that a car
// whose plate is never found is known as well.
#ifndef BAYPLATE_VISION_CAR_H
#define BAYPLATE_VISION_CAR_H

#include "vision/motion.h"

#include <stdbool.h>
#include <stdint.h>

#define CARS_MAX 8
#define CAR_GHOSTS_MAX 8

struct car_area {
  float x0, y0, x1, y1; // parts of the frame
};

struct car {
  bool used;
  struct car_area area;
  int64_t first_ns, last_ns;
  int64_t still_ns;    // since when it stands; INT64_MAX: it moves
  float x, y;          // smoothed centre
  float cover, cover0; // part of the frame covered: smoothed, and at first
  unsigned moving;     // frames in which much of it moved
  bool known;          // a plate with a visit belongs to it, or it is a visit itself
};

// All zero is a valid empty one.
struct cars {
  struct car car[CARS_MAX];
  struct {
    struct car_area area;
    int64_t from_ns, until_ns;
  } ghost[CAR_GHOSTS_MAX];
  int64_t step_ns;
};

// Follows the boxes of one frame.
void cars_step(struct cars *c, const struct motion_result *m, int64_t t_ns);

// Has this one come in, been here for hold_ns, and does it stand or grow? A wall's shadow, a person
// or a change of the light over the whole picture is none.
bool car_arrived(const struct cars *cs, const struct car *c, int64_t t_ns, int64_t hold_ns);

// Something stood here long enough to become background and left: what appears there now is the
// floor behind it.
void cars_left(struct cars *c, struct car_area area, int64_t t_ns);

// Another car took this one's place without a gap between them: its arrival begins anew.
void car_again(struct car *car, int64_t t_ns);

// The camera was away, or the light was switched: nothing is known.
void cars_forget(struct cars *c);

// Area both share, over the area of the smaller one. 0..1
float car_overlap(const struct car_area *a, const struct car_area *b);

// Where the car around a plate is likely to be, in parts of the frame.
struct car_area car_around(const struct quad *plate, int width, int height);

#endif
