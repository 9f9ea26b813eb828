// SPDX-License-Identifier: Apache-2.0
// The region of interest: a polygon in parts of the frame (0..1), so that a camera may change its
// size.
#ifndef BAYPLATE_VISION_ZONE_H
#define BAYPLATE_VISION_ZONE_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/plate.h"

#define ZONE_POINTS_MAX 16

struct zone {
  int points; // 0: the whole frame
  struct point point[ZONE_POINTS_MAX];
};

// A rectangle of whole pixels inside a frame.
struct image_rect {
  int x, y, width, height;
};

// Copies and checks a polygon: 0 or 3..ZONE_POINTS_MAX points, each inside 0..1, no edges that
// cross, some area. ERR_ARG names the point or edge that is wrong.
BP_CHECK bool zone_init(struct zone *z, const struct point *points, int n, struct err *e);

// Is a place (parts of the frame) in the zone? Its edges belong to it.
bool zone_contains(const struct zone *z, float x, float y);

// Is the centre of a quad (pixels of a width x height frame) in the zone?
bool zone_contains_quad(const struct zone *z, const struct quad *q, int width, int height);

// Smallest rectangle of pixels of a width x height frame that holds the zone, grown by `margin`
// parts of the frame on each side and cut at the frame.
struct image_rect zone_rect(const struct zone *z, int width, int height, float margin);

// Sets mask[y * width + x] to 1 where the cell's centre is in the zone, else 0. mask: width *
// height bytes.
void zone_mask(const struct zone *z, int width, int height, unsigned char *mask);

#endif
