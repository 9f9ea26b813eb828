// SPDX-License-Identifier: Apache-2.0
// Draws the pass sheet from its JSON (firmware/commission_show.c says what is in it).
#ifndef BAYPLATE_FIRMWARE_SHEET_DRAW_H
#define BAYPLATE_FIRMWARE_SHEET_DRAW_H

#include "firmware/sheet/sheet_canvas.h"

#include <jansson.h>

// One A4 page. `folder` holds the pictures that the sheet names.
void sheet_draw_page(const struct canvas *c, const json_t *sheet, const char *folder);

#endif
