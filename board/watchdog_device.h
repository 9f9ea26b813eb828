// SPDX-License-Identifier: Apache-2.0
// The kernel's watchdog device (Documentation/watchdog/watchdog-api.rst), for machines whose init
// does not feed it. Under systemd leave it alone: RuntimeWatchdogSec feeds it, and bayplated is
// watched by WatchdogSec.
#ifndef BAYPLATE_BOARD_WATCHDOG_DEVICE_H
#define BAYPLATE_BOARD_WATCHDOG_DEVICE_H

#include "board/err.h"

#include <stddef.h>

// The calls the driver makes, so that a test can stand in for the kernel. -1 and errno on failure.
struct watchdog_kernel {
  int (*open)(const char *path);
  int (*ioctl)(int fd, unsigned long request, void *arg);
  long (*write)(int fd, const void *data, size_t len);
  int (*close)(int fd);
};

struct watchdog_device;

// Opens and arms it: from now on the machine restarts after timeout_s without a feed. A timeout the
// hardware cannot have is replaced by its nearest, and logged. kernel NULL: the real one; else it
// must outlive the device. ERR_BUSY: another program (systemd?) has it.
BP_CHECK bool watchdog_device_open(struct watchdog_device **out, const char *path, int timeout_s,
                                   const struct watchdog_kernel *kernel, struct err *e);
void watchdog_device_feed(struct watchdog_device *w); // NULL is fine
// Disarms it by the magic close, where the driver allows that. NULL is fine.
void watchdog_device_close(struct watchdog_device *w);

#endif
