// SPDX-License-Identifier: Apache-2.0
// How far an update is: a small file that the updater writes as it goes on and the page reads. It
// lies in memory (/run), so that telling costs no write of the disk.
#ifndef BAYPLATE_FIRMWARE_UPDATE_UPDATE_STATE_H
#define BAYPLATE_FIRMWARE_UPDATE_UPDATE_STATE_H

#include "board/err.h"

#include <stdint.h>

enum update_phase {
  UPDATE_IDLE,
  UPDATE_CHECK,   // the bundle is looked at as a whole
  UPDATE_WAIT,    // a car is in the bay
  UPDATE_WRITE,   // the spare slot is being written
  UPDATE_RESTART, // the board restarts at restart_mono_ms
  UPDATE_PROVE    // the new slot runs and has to show that it works
};

struct update_state {
  enum update_phase phase;
  int percent;             // of the phase; -1: not known
  char version[64];        // of the bundle; "" unknown yet
  int64_t restart_mono_ms; // CLOCK_MONOTONIC; 0: not set
};

// "idle" "check" "wait" "write" "restart" "prove". Never NULL.
const char *update_phase_name(enum update_phase p);

// Whole or not at all, readable by all. UPDATE_IDLE removes the file.
BP_CHECK bool update_state_write(const char *path, const struct update_state *s, struct err *e);

// No file, or "": idle. ERR_FORMAT: not such a file; *out is idle then.
BP_CHECK bool update_state_load(struct update_state *out, const char *path, struct err *e);

#endif
