// SPDX-License-Identifier: Apache-2.0
#include "board/camera_control.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *camera_knob_name(enum camera_knob k) {
  static const char *const names[CAMERA_KNOBS] = {"exposure", "gain", "focus"};
  return (unsigned)k < CAMERA_KNOBS ? names[k] : "unknown";
}

bool camera_wish_parse(const char *text, struct camera_wish *out, struct err *e) {
  *out = (struct camera_wish){KNOB_LEAVE, 0};
  if (text[0] == '\0')
    return true;
  if (strcmp(text, "auto") == 0) {
    out->mode = KNOB_AUTO;
    return true;
  }
  char *end = NULL;
  errno = 0;
  const long v = strtol(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || v < 0 || v > INT_MAX)
    return err_set(e, ERR_ARG, "\"%.40s\" is neither auto nor a whole number from 0 on", text);
  *out = (struct camera_wish){KNOB_VALUE, (int)v};
  return true;
}
