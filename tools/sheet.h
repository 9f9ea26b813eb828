// SPDX-License-Identifier: Apache-2.0
// Plates that were read wrong, as one picture: each with its crop, label, read and confidence.
#ifndef BAYPLATE_TOOLS_SHEET_H
#define BAYPLATE_TOOLS_SHEET_H

#include "tools/eval_set.h"

#define SHEET_TILES_MAX 400

struct sheet;

BP_CHECK bool sheet_new(struct sheet **out, struct err *e);
void sheet_free(struct sheet *s); // NULL is fine

// Adds the failures of a scored set; pictures are loaded again. What is beyond SHEET_TILES_MAX is
// only counted.
BP_CHECK bool sheet_add(struct sheet *s, const struct eval_set *set, struct err *e);

// Writes it as PNG; one line of text when there was no failure.
BP_CHECK bool sheet_write(const struct sheet *s, const char *path, struct err *e);

#endif
