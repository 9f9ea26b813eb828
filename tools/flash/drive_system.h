// SPDX-License-Identifier: Apache-2.0
// The machine's own drives: /sys/block, /proc/self/mountinfo, /proc/swaps, /dev.
#ifndef BAYPLATE_TOOLS_FLASH_DRIVE_SYSTEM_H
#define BAYPLATE_TOOLS_FLASH_DRIVE_SYSTEM_H

#include "tools/flash/drive.h"

struct drive_system {
  const char *root; // "" for the machine; a folder with sys/ and proc/ for tests of the list
  bool loops;       // list loop devices, too
};

// ctx: a struct drive_system.
extern const struct drive_ops drive_system_ops;

// Part of the ops; in a file of its own.
BP_CHECK bool drive_system_list(void *ctx, struct drive_list *out, struct err *e);

#endif
