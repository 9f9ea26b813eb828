// SPDX-License-Identifier: Apache-2.0
#include "board/camera_feed_rules.h"

#include "board/clock.h"

#include <string.h>

// Every byte of the luma counts: a picture from a live sensor differs somewhere, if only by noise.
static uint64_t hash_luma(const struct frame *f) {
  uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)f->width << 32 ^ (uint64_t)f->height;
  size_t row_bytes = (size_t)f->width * (f->format == FRAME_BGR24 ? 3 : 1);
  for (int y = 0; y < f->height; y++) {
    const uint8_t *row = f->plane[0] + (size_t)y * (size_t)f->stride[0];
    for (size_t x = 0; x < row_bytes; x += 8) {
      uint64_t word = 0;
      memcpy(&word, row + x, row_bytes - x < 8 ? row_bytes - x : 8);
      h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
      h ^= h >> 29;
    }
  }
  return h;
}

void camera_rules_init(struct camera_rules *r, int freeze_ms, int pause_min_ms, int pause_max_ms,
                       uint64_t seed) {
  *r = (struct camera_rules){.freeze_ns = freeze_ms * CLOCK_NS_PER_MS,
                             .pause_ms = pause_min_ms,
                             .pause_min_ms = pause_min_ms,
                             .pause_max_ms = pause_max_ms,
                             .random = seed | 1};
}

enum camera_verdict camera_rules_look(struct camera_rules *r, const struct frame *f) {
  if (r->freeze_ns == 0)
    return CAMERA_GIVE;
  uint64_t hash = hash_luma(f);
  if (!r->seen || hash != r->hash) {
    r->seen = true;
    r->frozen = false;
    r->hash = hash;
    r->since_ns = f->mono_ns;
    return CAMERA_GIVE;
  }
  if (r->frozen && r->retry_ns == 0)
    r->retry_ns = f->mono_ns + r->freeze_ns;
  if (r->frozen && f->mono_ns < r->retry_ns)
    return CAMERA_STILL_FROZEN;
  if (!r->frozen && f->mono_ns - r->since_ns < r->freeze_ns)
    return CAMERA_GIVE;
  r->frozen = true;
  r->retry_ns = 0;
  return CAMERA_FROZEN;
}

void camera_rules_lived(struct camera_rules *r, int64_t ns) {
  if (ns > r->pause_max_ms * CLOCK_NS_PER_MS)
    r->pause_ms = r->pause_min_ms;
}

int camera_rules_pause_ms(struct camera_rules *r) {
  int pause = r->pause_ms;
  r->pause_ms = pause > r->pause_max_ms / 2 ? r->pause_max_ms : pause * 2;
  // xorshift64 (Marsaglia, Xorshift RNGs, 2003): many terminals must not knock at one moment
  r->random ^= r->random << 13;
  r->random ^= r->random >> 7;
  r->random ^= r->random << 17;
  int spread = pause / 2;
  return pause - spread / 2 + (spread > 0 ? (int)(r->random % (uint64_t)(spread + 1)) : 0);
}
