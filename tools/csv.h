// SPDX-License-Identifier: Apache-2.0
// Lines of a CSV file (RFC 4180; a quoted field ends on its line).
#ifndef BAYPLATE_TOOLS_CSV_H
#define BAYPLATE_TOOLS_CSV_H

#include "board/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

// Reads a line, at most room - 1 bytes of it, with a NUL after it; the rest of a longer one is
// passed over. *bytes: how many bytes were put there, room if the line was longer. The line's end
// is not put there. false: the end of the file, or an error (ferror()).
bool csv_line(FILE *f, char *line, size_t room, size_t *bytes);

// Cuts a line at its commas in place: blanks around fields go, quotes are taken off. Returns the
// number of fields, at most max; -1: a quote that is not closed, or more fields.
int csv_cut(char *line, char **field, int max, struct err *e);

#endif
