// SPDX-License-Identifier: Apache-2.0
// labels.csv: path,plate,type,x0,y0,x1,y1,c0x,c0y,...,c3x,c3y; one row a plate, empty fields are
// unknown.
#ifndef BAYPLATE_TOOLS_LABELS_H
#define BAYPLATE_TOOLS_LABELS_H

#include "board/err.h"
#include "vision/plate.h"

#include <stdbool.h>
#include <stddef.h>

#define LABELS_MAX 1000000   // rows
#define LABELS_LINE_MAX 4096 // bytes of a row
#define LABELS_TYPE_MAX 24

struct label {
  char *path; // as in the file, relative to it
  char plate[PLATE_TEXT_MAX];
  char type[LABELS_TYPE_MAX]; // empty: not known
  bool has_box, has_corners;
  float box[4]; // x0 y0 x1 y1
  struct quad corners;
};

struct labels {
  size_t n;
  struct label *row; // rows of one picture stand together, in the order of the file
};

// Reads DIR/labels.csv. Errors name the file and the line.
BP_CHECK bool labels_load(struct labels *l, const char *dir, struct err *e);
void labels_free(struct labels *l);

#endif
