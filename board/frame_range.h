// SPDX-License-Identifier: Apache-2.0
#ifndef BAYPLATE_BOARD_FRAME_RANGE_H
#define BAYPLATE_BOARD_FRAME_RANGE_H

#include "board/frame.h"

// JPEG and cheap cameras fill 0..255, the rest of the terminal expects BT.601's 16..235 (chroma
// 16..240): squeezes the planes of an I420 frame in place. Other formats are left alone.
// ITU-R BT.601-7, 2.5.3.
void frame_range_limit(struct frame *f);

#endif
