// SPDX-License-Identifier: Apache-2.0
// The files that a command line names: files as they are, folders as the pictures in them.
#ifndef BAYPLATE_TOOLS_INPUTS_H
#define BAYPLATE_TOOLS_INPUTS_H

#include "board/err.h"

#include <stddef.h>

#define INPUTS_MAX 1000000 // files
#define INPUTS_DEPTH_MAX 16

struct inputs {
  size_t n, room;
  char **path;
};

// Appends a file, or the pictures (.jpg .jpeg .png .bmp) in a folder and its folders, sorted by
// name. A path that does not exist is appended too: reading it says so.
BP_CHECK bool inputs_add(struct inputs *in, const char *path, struct err *e);
void inputs_free(struct inputs *in);

#endif
