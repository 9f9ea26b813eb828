// SPDX-License-Identifier: Apache-2.0
// A plausible time on a board without a battery clock: what the time was is kept in a small file,
// and no start begins before it. The file is one line:
//   bayplate-clock 1 SECONDS TRUSTED BOOT
// SECONDS since 1970, UTC; TRUSTED 1 when NTP had set the clock since this boot began; BOOT the
// kernel's boot id. Written carefully (board/careful.h), seldom, and at the end.
#ifndef BAYPLATE_BOARD_CLOCK_KEPT_H
#define BAYPLATE_BOARD_CLOCK_KEPT_H

#include "board/clock.h"
#include "board/err.h"

#define CLOCK_BOOT_ID_MAX 40
#define CLOCK_KEPT_AHEAD_S (INT64_C(10) * 366 * 86400) // later than the build by more: nonsense

struct clock_kept_file {
  int64_t wall_s; // 0: nothing is kept
  bool trusted;
  char boot[CLOCK_BOOT_ID_MAX];
};

// ERR_FORMAT what it says cannot be; a file that is not there gives zeros.
BP_CHECK bool clock_kept_read(const char *path, struct clock_kept_file *out, struct err *e);
BP_CHECK bool clock_kept_write(const char *path, const struct clock_kept_file *k, struct err *e);
// The kernel's id of this boot, "" where it tells none.
void clock_boot_id(char out[CLOCK_BOOT_ID_MAX]);
// The earliest that it can be now: the later of the build's day and the kept time. Seconds.
int64_t clock_kept_floor_s(const struct clock_kept_file *k);

// At boot: where `now` stands before the floor, calls set() with it. *lifted tells whether,
// *wall_s to what. A damaged file is told in *e, with true. False: set() failed.
BP_CHECK bool clock_kept_restore(const char *path, const struct bp_clock *now,
                                 bool (*set)(void *ctx, int64_t wall_s, struct err *e), void *ctx,
                                 bool *lifted, int64_t *wall_s, struct err *e);

struct clock_kept;
struct clock_kept_options {
  const struct bp_clock *base; // the machine's; must outlive this one
  const char *file;            // "" keeps nothing
  const char *mark; // exists when bayplate-clock had to set the machine's clock from the kept time
  const char *boot; // NULL: clock_boot_id's
  int64_t every_s;  // between two writes, at least
};

// A clock over `base` that never shows a time before the kept one, unless NTP says so. Its
// synchronised() stays true once it was (in this boot, also over a restart of this program): what
// NTP set hours ago is wrong by seconds, not by days. Its time is a guess (clock.h) when it had to
// be lifted, here or by bayplate-clock, and NTP has not set it yet. ERR_NOMEM alone; a damaged file
// is left aside, and told in *e with true.
BP_CHECK bool clock_kept_new(struct clock_kept **out, const struct clock_kept_options *o,
                             struct err *e);
const struct bp_clock *clock_kept_clock(struct clock_kept *k); // valid until clock_kept_free
// Call it every few seconds from one thread: writes when it is time to, and at once when NTP has
// set the clock for the first time.
BP_CHECK bool clock_kept_tick(struct clock_kept *k, struct err *e);
// Writes once more (when the time went on), frees. NULL is fine.
void clock_kept_free(struct clock_kept *k);

#endif
