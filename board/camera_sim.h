// SPDX-License-Identifier: Apache-2.0
// The simulated camera "sim:[?width=640&height=360&fps=25]": a bright bar that wanders over grey,
// and the faults a real one has, switched on from outside. One set of switches a process.
#ifndef BAYPLATE_BOARD_CAMERA_SIM_H
#define BAYPLATE_BOARD_CAMERA_SIM_H

#include <stdint.h>

enum camera_sim_fault {
  CAMERA_SIM_WELL,
  CAMERA_SIM_GONE,   // cannot be opened; an open one fails at its next picture
  CAMERA_SIM_SILENT, // opens, but no picture comes
  CAMERA_SIM_FROZEN, // the same picture again and again
};

// From any thread; holds from the next picture on.
void camera_sim_fault(enum camera_sim_fault fault);
// Size of cameras opened from now on, whatever the source says; 0: what the source says.
void camera_sim_size(int width, int height);
uint64_t camera_sim_opens(void); // tries to open since the process began

#endif
