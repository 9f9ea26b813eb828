// SPDX-License-Identifier: Apache-2.0
// labels.csv: a header that names its columns, then one row a plate. Columns are path, plate, type,
// x0, y0, x1, y1 and c0x, c0y, ... c3x, c3y in any order; only path and plate must be there, others
// are passed over. An empty field is unknown.
#ifndef BAYPLATE_TOOLS_LABELS_H
#define BAYPLATE_TOOLS_LABELS_H

#include "board/err.h"
#include "vision/plate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LABELS_MAX 1000000      // rows
#define LABELS_LINE_MAX 65536   // bytes of a row
#define LABELS_COLUMNS_MAX 64   // of the header
#define LABELS_TYPE_MAX 24      // bytes of a type with the NUL
#define LABELS_A_PICTURE_MAX 64 // plates of one picture
#define LABELS_TOLD_MAX 20      // rows left out that are told one by one

struct label {
  char *path;                 // as in the file; relative to its folder, or absolute
  char plate[PLATE_TEXT_MAX]; // without dots and spaces, capitals; empty: not known
  char type[LABELS_TYPE_MAX]; // in small letters; empty: not known
  bool has_box, has_corners;
  bool ignored; // set by labels_only(): is there, and counts nowhere
  float box[4]; // x0 y0 x1 y1, pixels
  struct quad corners;
  long line, first; // where it stands, and where its picture's first row stands
};

struct labels {
  size_t n;
  struct label *row; // rows of one picture stand together; pictures in the order of the file
  long left_out;     // rows with errors
  long odd;          // texts that the grammar knows no plate for; odd_line: the first of them
  long odd_line;
};

// Reads DIR/labels.csv. A row that makes no sense is left out and told to `tell` (NULL: to no one)
// with file, line and field; a file that cannot be read, has no such header or is no UTF-8 text is
// an error.
BP_CHECK bool labels_load(struct labels *l, const char *dir, FILE *tell, struct err *e);
void labels_free(struct labels *l);

// Keeps the pictures that hold a plate which `file` lists (one text a line); their other plates are
// ignored.
BP_CHECK bool labels_only(struct labels *l, const char *file, struct err *e);

#endif
