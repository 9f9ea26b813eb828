// SPDX-License-Identifier: Apache-2.0
// Motion gate: does anything move, and where does something stand that was not there before? Works
// on a small grey picture, robust to exposure changes and sensor noise. Deterministic; memory only
// at motion_new().
#ifndef BAYPLATE_VISION_MOTION_H
#define BAYPLATE_VISION_MOTION_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/zone.h"

#include <stdint.h>

#define MOTION_WIDTH                                                                               \
  160 // the small picture; its height is MOTION_HEIGHT whatever the frame's aspect
#define MOTION_HEIGHT 90
#define MOTION_BOXES_MAX 8

struct motion;

// One connected thing in front of the background, in parts of the frame.
struct motion_box {
  float x0, y0, x1, y1;
  float area;   // part of the frame that is covered by it (not its box)
  float moving; // 0..1: part of it that changed since the last frame
};

struct motion_result {
  bool moving;        // something in the zone changed since the last frame
  bool occupied;      // something in the zone stands in front of the background
  bool scene_changed; // light switched, camera moved: the background was begun anew in this frame
  float changed;      // part of the zone that changed since the last frame
  int boxes;          // largest area first
  struct motion_box box[MOTION_BOXES_MAX];
};

// zone: copied; NULL means the whole frame.
BP_CHECK bool motion_new(struct motion **out, const struct zone *zone, struct err *e);
void motion_free(struct motion *m); // NULL is fine

// Looks at the next frame (any size or format; the size may change). t_ns: its monotonic time,
// which decides how fast a thing that stays still becomes background (MOTION_ABSORB_NS). The first
// frame after motion_new() or motion_reset() is the background: `scene_changed` is set, nothing
// moves.
#define MOTION_ABSORB_NS (60 * INT64_C(1000000000))
BP_CHECK bool motion_step(struct motion *m, const struct image_view *frame, int64_t t_ns,
                          struct motion_result *out, struct err *e);

// Another zone from the next frame on; the background stays.
void motion_set_zone(struct motion *m, const struct zone *zone);

// Forgets the background (the camera was lost or turned).
void motion_reset(struct motion *m);

#endif
