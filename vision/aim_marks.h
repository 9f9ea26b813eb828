// SPDX-License-Identifier: Apache-2.0
// What stands in the picture and is no car's plate: things the detector takes for a plate again and
// again at one place (a sign, a parked car, an overlay), and lettering that is sharper than a lens
// can draw it (a camera's date or name laid over the picture).
#ifndef BAYPLATE_VISION_AIM_MARKS_H
#define BAYPLATE_VISION_AIM_MARKS_H

#include "vision/image.h"
#include "vision/plate.h"
#include "vision/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define AIM_MARKS_MAX 8
#define AIM_STANDS_NS INT64_C(8000000000) // so long in one place: it stands
#define AIM_FORGET_NS INT64_C(6000000000) // unseen for so long: gone. Looks come every 2 s at least
#define AIM_LOOKS_MIN 4

struct aim_mark {
  bool used;
  struct quad quad;          // as first seen
  char text[PLATE_TEXT_MAX]; // last read; "": none
  int64_t first_ns, last_ns;
  unsigned looks;
  bool came; // it moved here: a car's plate
};

struct aim_marks {
  struct aim_mark mark[AIM_MARKS_MAX];
};

// Takes in the plates of one frame. What moves by a quarter of its width is another thing, which
// came from there.
void aim_marks_step(struct aim_marks *m, const struct plate_read *reads, int n, int64_t t_ns);
// The one that stands longest by now and was not seen to come, or NULL.
const struct aim_mark *aim_marks_standing(const struct aim_marks *m, int64_t t_ns);

// Lettering. Cells of 8 x 8 pixels that hold steps of AIM_LETTER_STEP and more between neighbours
// are dense in laid-over text and rare behind a lens; what has stood so for AIM_LETTER_LOOKS looks
// in a row, in a line of AIM_LETTER_RUN cells, is told.
#define AIM_LETTER_STEP 80
#define AIM_LETTER_LOOKS 4
#define AIM_LETTER_RUN 8
#define AIM_CELLS_X 512 // of frames up to 4096 pixels; wider ones are looked at as far as that
#define AIM_CELLS_Y 288

struct aim_letters {
  int width, height; // of the frames; another size begins anew
  uint8_t looks[AIM_CELLS_Y][AIM_CELLS_X];
};

// Looks at one frame (about one a second is enough). true: *box is the longest line of lettering
// with its middle in the zone (NULL: anywhere), pixels.
bool aim_letters_step(struct aim_letters *l, const struct image_view *frame,
                      const struct zone *zone, struct image_rect *box);

#endif
