// SPDX-License-Identifier: Apache-2.0
// Writes plate texts onto pictures, with letters of its own, so that no font need be installed.
#ifndef BAYPLATE_TOOLS_LETTERING_H
#define BAYPLATE_TOOLS_LETTERING_H

#include "tools/picture.h"

#define LETTERING_HEIGHT 22 // pixels of a line at size 1, its dark rim counted

// Draws UTF-8 text with its top left at (x, y), `size` times as large, in a colour on a dark rim;
// cut at the picture's edges. A character that it has no shape for is a box.
void lettering_draw(struct picture *p, int x, int y, int size, const char *text,
                    const uint8_t bgr[3]);

// Its width in pixels.
int lettering_width(const char *text, int size);

#endif
