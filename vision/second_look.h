// SPDX-License-Identifier: Apache-2.0
// The second look at a likely plate: a small network sees it at one size and turned level, and says
// where its corners are, whether it is a plate, and whether it has two lines.
// vision/models/detector.md specifies it. Not thread-safe: one thread uses one.
#ifndef BAYPLATE_VISION_SECOND_LOOK_H
#define BAYPLATE_VISION_SECOND_LOOK_H

#include "board/err.h"
#include "vision/detector.h"
#include "vision/image.h"

struct second_look;

// Reads near.onnx from a model directory and runs it once. A file that is missing, damaged or has
// another shape is named in the error.
BP_CHECK bool second_look_new(struct second_look **out, const char *model_dir, struct err *e);
void second_look_free(struct second_look *s); // NULL is fine

// Looks at `plate` in `frame`, twice where the first corners were far off. Its corners and
// double_score become this network's, its score the geometric mean of its own and the network's
// probability of a plate. A quad under a pixel wide or not finite is left as it is.
BP_CHECK bool second_look_at(struct second_look *s, const struct image_view *frame,
                             struct detection *plate, struct err *e);

#endif
