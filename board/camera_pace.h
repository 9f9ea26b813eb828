// SPDX-License-Identifier: Apache-2.0
// When the pictures of a recording are due, and which times they carry.
#ifndef BAYPLATE_BOARD_CAMERA_PACE_H
#define BAYPLATE_BOARD_CAMERA_PACE_H

#include "board/camera.h"

struct camera_pace {
  bool begun;
  int64_t mono_ns, wall_ns; // of media time 0
};

// Gives `f` its times. `media_ns`: its time since the recording began, over all loops. Real pace:
// waits until it is due. False with ERR_STATE when cancelled meanwhile.
BP_CHECK bool camera_pace(struct camera_pace *p, const struct camera_config *config,
                          int64_t media_ns, struct frame *f, struct err *e);

// A live picture: taken now.
void camera_stamp_now(const struct camera_config *config, struct frame *f);

bool camera_cancelled(const struct camera_config *config);

// Waits until CLOCK_MONOTONIC of the configured clock says `until_ns`; false with ERR_STATE when
// cancelled.
BP_CHECK bool camera_wait(const struct camera_config *config, int64_t until_ns, struct err *e);

#endif
