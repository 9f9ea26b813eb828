// SPDX-License-Identifier: Apache-2.0
// The files that a command line names: files as they are, folders as the pictures in them.
#ifndef BAYPLATE_TOOLS_INPUTS_H
#define BAYPLATE_TOOLS_INPUTS_H

#include "board/err.h"

#include <stddef.h>

#define INPUTS_MAX 1000000 // files
#define INPUTS_DEPTH_MAX 64

struct input {
  char *path;
  char *error; // NULL: none yet; else why this folder could not be looked into
};

struct inputs {
  size_t n, room;
  struct input *file;
};

// Appends a file, or the pictures (.jpg .jpeg .png .bmp) in a folder and its folders, sorted by
// name; what begins with a dot is passed over, and so are links that lead back to a folder they
// are in. A path that does not exist is appended too: reading it says so. A folder that cannot be
// looked into is appended with its error.
BP_CHECK bool inputs_add(struct inputs *in, const char *path, struct err *e);
void inputs_free(struct inputs *in);

#endif
