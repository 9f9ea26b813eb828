// SPDX-License-Identifier: Apache-2.0
// How well a camera is aimed: what can be measured on one plate and on one frame. Pure arithmetic
// on luma, no memory of its own but a fixed buffer on the stack of the call.
#ifndef BAYPLATE_VISION_AIM_H
#define BAYPLATE_VISION_AIM_H

#include "vision/image.h"
#include "vision/plate.h"
#include "vision/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define AIM_CROP_MAX                                                                               \
  (640 * 240) // pixels of a plate's box that are looked at; of a larger one its middle

// Luma is full range here (0 black, 255 white), whatever the frame's own range.
struct aim_plate {
  float width, height; // pixels, along its edges
  // Of its base line in the picture, degrees, clockwise positive: a camera that is rolled, or looks
  // from the side and from above at once.
  float roll_deg;
  // Between the plate's normal and the line of sight, degrees: side and height together. By weak
  // perspective the plate's sides of known proportion become an affine picture whose singular
  // values are as 1 to the cosine of that angle (Horn, Robot Vision, 1986, chapter 2; Hartley and
  // Zisserman, Multiple View Geometry, 2004, 6.3.1). Small angles come out badly: an error of the
  // corners by 3 % is 14 degrees.
  float slant_deg;
  float contrast; // 95th less 5th percentile of luma on the plate
  float peak;     // 95th percentile
  // Median width of the edges met along x and along y, pixels: rise over steepest slope (after
  // Marziliano et al., A no-reference perceptual blur metric, ICIP 2002, with the slope in place of
  // the extrema's distance, which noise cuts short). A sharp edge is 1 to 2. 0: no edge was found.
  float edge_x, edge_y;
  float strokes; // edges met by one line along x, mean over the plate's middle half. Seven
                 // characters have 14 and more; few are left of a plate blurred beyond reading
  // Part of the plate, 0..1, where nothing but saturated pixels lies within a stroke's breadth
  // (1/14 of the height: GA 36's characters have strokes of 10 mm on 140 mm), so that bright
  // characters do not count.
  float glare;
};

// Measures one plate. false: it is not in the frame, or smaller than 8 x 4 pixels.
bool aim_plate_measure(const struct image_view *frame, const struct quad *quad,
                       enum plate_type type, struct aim_plate *out);

// Length of the smear that motion left, pixels. (vx, vy): the plate's speed, any unit. A box smear
// of length L makes an edge of width w one of about sqrt(w^2 + L^2) along the motion and leaves it
// across, so the two edge widths give L. Motion near a diagonal, where they tell nothing, is held
// against AIM_EDGE_SHARP instead. 0: none measurable.
#define AIM_EDGE_SHARP 1.6f
float aim_smear(const struct aim_plate *p, float vx, float vy);

struct aim_light {
  float mean;   // luma, 0..255
  float bright; // part of the pixels that are saturated (250 and above)
  float dark;   // part at 12 and below
};
// Light of the zone (NULL: of the frame), from every fourth pixel both ways. false: an impossible
// frame.
bool aim_light_measure(const struct image_view *frame, const struct zone *zone,
                       struct aim_light *out);

// Full-range luma of a pixel that lies in the frame.
int aim_luma(const struct image_view *v, int x, int y);

#endif
