// SPDX-License-Identifier: Apache-2.0
// The system calls the V4L2 driver makes, so that a test can stand in for the kernel.
#ifndef BAYPLATE_BOARD_CAMERA_V4L2_KERNEL_H
#define BAYPLATE_BOARD_CAMERA_V4L2_KERNEL_H

#include "board/camera.h"

#include <stddef.h>
#include <stdint.h>

// Each as the call of the same name: -1 and errno on failure.
struct v4l2_kernel {
  int (*open)(const char *path);
  int (*ioctl)(int fd, unsigned long request, void *arg);
  void *(*map)(int fd, size_t length, int64_t offset); // MAP_FAILED on failure
  int (*unmap)(void *at, size_t length);
  int (*poll)(int fd, int timeout_ms); // > 0 readable, 0 time is out
  int (*close)(int fd);
};

// As camera_v4l2.open, with another kernel. `kernel` must outlive the camera.
BP_CHECK bool camera_v4l2_open(struct camera **out, const struct camera_config *config,
                               const struct v4l2_kernel *kernel, struct err *e);

#endif
