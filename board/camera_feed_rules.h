// SPDX-License-Identifier: Apache-2.0
// What a feed decides without thread or clock: is the picture frozen, how long to wait before the
// next try.
#ifndef BAYPLATE_BOARD_CAMERA_FEED_RULES_H
#define BAYPLATE_BOARD_CAMERA_FEED_RULES_H

#include "board/frame.h"

#include <stdbool.h>
#include <stdint.h>

enum camera_verdict {
  CAMERA_GIVE,
  CAMERA_FROZEN,       // close it and try again later
  CAMERA_STILL_FROZEN, // opened anew, and the same picture still: listen a while
};

struct camera_rules {
  int64_t freeze_ns; // 0: the same picture is no fault
  bool seen, frozen;
  uint64_t hash;
  int64_t since_ns; // when this picture first came
  int64_t retry_ns; // frozen and opened anew: how long to listen; 0: not yet
  int pause_ms, pause_min_ms, pause_max_ms;
  uint64_t random;
};

void camera_rules_init(struct camera_rules *r, int freeze_ms, int pause_min_ms, int pause_max_ms,
                       uint64_t seed);

// A picture came at its mono_ns. A frozen camera is well again with the first other picture.
enum camera_verdict camera_rules_look(struct camera_rules *r, const struct frame *f);

// It gave pictures for so long. Longer than the longest pause: the next pause is the shortest again
// (a camera that dies right after each opening is not hammered).
void camera_rules_lived(struct camera_rules *r, int64_t ns);

// Milliseconds to wait now, a quarter more or less at random; the next is twice as long.
int camera_rules_pause_ms(struct camera_rules *r);

#endif
