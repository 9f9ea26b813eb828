// SPDX-License-Identifier: Apache-2.0
// The part of a camera source after its driver's name: PATH[?key=value&key=value].
#ifndef BAYPLATE_BOARD_CAMERA_OPTION_H
#define BAYPLATE_BOARD_CAMERA_OPTION_H

#include "board/camera.h"

#define CAMERA_WORD_MAX 16

enum camera_option_kind { CAMERA_INT, CAMERA_REAL, CAMERA_WORD };

struct camera_option {
  const char *key;
  enum camera_option_kind kind;
  double min, max; // INT, REAL
  void *to;        // int *, double * or char[CAMERA_WORD_MAX]; left alone when the key is not given
};

// Splits `source` after its first ':' and fills `path` and the options. ERR_ARG names the key that
// is unknown or whose value is impossible.
BP_CHECK bool camera_option_parse(const char *source, char path[CAMERA_SOURCE_MAX],
                                  const struct camera_option *options, size_t n, struct err *e);

#endif
