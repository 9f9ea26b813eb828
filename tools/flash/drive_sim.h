// SPDX-License-Identifier: Apache-2.0
// Simulated drives for tests and for showing the program: a folder in which each NAME.drive is one,
// and NAME.ini says what is wrong with it:
//   model, mounts, held = TEXT     fixed, system, read_only = yes
//   unplug_at = N    it is pulled when byte N is written     unplug_read_at = N  ... is read back
//   flip_at = N      byte N comes back with one bit turned   fail_at = N  it does not take byte N
#ifndef BAYPLATE_TOOLS_FLASH_DRIVE_SIM_H
#define BAYPLATE_TOOLS_FLASH_DRIVE_SIM_H

#include "tools/flash/drive.h"

// ctx: the folder's path, a const char *.
extern const struct drive_ops drive_sim_ops;

#endif
