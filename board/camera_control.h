// SPDX-License-Identifier: Apache-2.0
// A camera's exposure, gain and focus: left alone, automatic, or a value.
#ifndef BAYPLATE_BOARD_CAMERA_CONTROL_H
#define BAYPLATE_BOARD_CAMERA_CONTROL_H

#include "board/err.h"

#include <stdbool.h>

enum camera_knob {
  CAMERA_EXPOSURE, // microseconds
  CAMERA_GAIN,     // the driver's own units
  CAMERA_FOCUS,    // the driver's own units
  CAMERA_KNOBS
};

enum camera_knob_mode { KNOB_LEAVE, KNOB_AUTO, KNOB_VALUE };

struct camera_wish {
  enum camera_knob_mode mode;
  int value; // KNOB_VALUE
};

struct camera_controls {
  struct camera_wish knob[CAMERA_KNOBS];
};

// What a camera has, and how it stands.
struct camera_knob_state {
  bool there;         // a value can be set
  bool has_auto;      // it can look after itself
  bool automatic;     // it does
  int min, max, step; // of the value
  int value;          // now; -1: not known
  char error[128];    // why the last wish could not be met; "": it was, or there was none
};

// "exposure", "gain", "focus". Never NULL.
const char *camera_knob_name(enum camera_knob k);

// "": leave alone; "auto"; or a whole number from 0 on. ERR_ARG.
BP_CHECK bool camera_wish_parse(const char *text, struct camera_wish *out, struct err *e);

#endif
