// SPDX-License-Identifier: Apache-2.0
// The plate detector: a fully convolutional network whose maps give each plate's centre and four
// corners. vision/models/detector.md specifies the maps. Not thread-safe: one thread uses one
// detector.
#ifndef BAYPLATE_VISION_DETECTOR_H
#define BAYPLATE_VISION_DETECTOR_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/plate.h"
#include "vision/zone.h"

#define DETECTIONS_MAX 32

struct detector;

struct detection {
  struct quad quad;   // pixels of the frame, clockwise from the plate's top left
  float score;        // 0..1
  float double_score; // 0..1: probability that the plate has two lines
};

// Reads detector.json and detector.onnx from a model directory and runs the network once, so that
// the first frame is as fast as the others. A file that is missing, damaged, or of another format
// is named in the error.
BP_CHECK bool detector_new(struct detector **out, const char *model_dir, struct err *e);
void detector_free(struct detector *d); // NULL is fine

// Smallest score reported (default: the one of detector.json). Tracking may want lower scores than
// alerts.
void detector_set_threshold(struct detector *d, float score);
// Longest side of the network's input for detector_find() in pixels, 64..2048 (default: the one of
// detector.json).
void detector_set_input(struct detector *d, int pixels);

// Plates of one video frame, one scale, best first, overlaps suppressed. rect: look only there
// (NULL: everywhere); plates are given in the frame's pixels all the same. out: DETECTIONS_MAX
// entries of the caller; n: how many were found. No plate is no error.
BP_CHECK bool detector_find(struct detector *d, const struct image_view *frame,
                            const struct image_rect *rect, struct detection *out, int *n,
                            struct err *e);

// The same for a still picture of any size, looked at in several scales: slower, finds small and
// huge plates.
BP_CHECK bool detector_find_still(struct detector *d, const struct image_view *picture,
                                  struct detection *out, int *n, struct err *e);

// A second, near look at one plate found before (vision/second_look.h): its corners and its count
// of lines become exact, its score the geometric mean of both looks, or 0 where that is under the
// threshold: it is no plate then. Costs about a twentieth of detector_find().
BP_CHECK bool detector_refine(struct detector *d, const struct image_view *frame,
                              struct detection *plate, struct err *e);

// A near look alone: is the plate that should be at `where` by now there? As cheap as a refinement.
// out is filled when it was found. A plate half its width away from `where` is still found.
BP_CHECK bool detector_follow(struct detector *d, const struct image_view *frame,
                              const struct quad *where, struct detection *out, bool *found,
                              struct err *e);

#endif
