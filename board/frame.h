// SPDX-License-Identifier: Apache-2.0
// One picture with its times, counted by reference: the last holder's unref frees it.
#ifndef BAYPLATE_BOARD_FRAME_H
#define BAYPLATE_BOARD_FRAME_H

#include "board/err.h"

#include <stdint.h>

enum frame_format { FRAME_GRAY8, FRAME_BGR24, FRAME_I420 }; // planes as in vision/image.h

#define FRAME_SIDE_MAX 30000
#define FRAME_BYTES_MAX (512u << 20) // one picture's pixels at most

struct frame {
  enum frame_format format;
  int width, height;
  uint8_t *plane[3];
  int stride[3];
  int64_t mono_ns; // when the picture was taken (or came in), CLOCK_MONOTONIC
  int64_t wall_ns; // the same moment in wall time
  uint64_t seq;    // counts up per camera since it was opened; gaps are dropped frames
};

// Pixels are uninitialised, rows 32-byte aligned. Starts with one reference.
BP_CHECK bool frame_new(struct frame **out, enum frame_format format, int width, int height,
                        struct err *e);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f); // NULL is fine; thread-safe

#endif
