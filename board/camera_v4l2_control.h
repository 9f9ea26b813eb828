// SPDX-License-Identifier: Apache-2.0
// Exposure, gain and focus by V4L2's user and camera controls: Linux
// Documentation/userspace-api/media/v4l/control.rst, ext-ctrls-camera.rst.
#ifndef BAYPLATE_BOARD_CAMERA_V4L2_CONTROL_H
#define BAYPLATE_BOARD_CAMERA_V4L2_CONTROL_H

#include "board/camera_control.h"
#include "board/camera_v4l2_kernel.h"

// Meets what is wished, as far as the device at `fd` can (values are cut to its range and step, and
// told in state[].error when it has no such control), then reads how it stands.
void camera_v4l2_control(const struct v4l2_kernel *kernel, int fd,
                         const struct camera_controls *want,
                         struct camera_knob_state state[CAMERA_KNOBS]);

#endif
