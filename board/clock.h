// SPDX-License-Identifier: Apache-2.0
// All time of board, net and firmware comes through here, so that tests can turn it.
#ifndef BAYPLATE_BOARD_CLOCK_H
#define BAYPLATE_BOARD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

// Nanoseconds of CLOCK_MONOTONIC and of CLOCK_REALTIME (since 1970, UTC).
struct clock_ops {
  int64_t (*mono_ns)(void *ctx);
  int64_t (*wall_ns)(void *ctx);
  bool (*synchronised)(void *ctx); // has the wall clock ever been set by NTP since boot
  // Is the wall time but a plausible guess (clock_kept.h)? NULL: never.
  bool (*guessed)(void *ctx);
};

struct bp_clock {
  const struct clock_ops *ops;
  void *ctx;
};

#define CLOCK_NS_PER_S INT64_C(1000000000)
#define CLOCK_NS_PER_MS INT64_C(1000000)

// The machine's own clocks; synchronised() asks the kernel (adjtimex STA_UNSYNC). Lives for ever.
const struct bp_clock *clock_system(void);

// A clock that stands still until moved. Thread-safe. `synchronised` starts true.
struct clock_sim;
struct clock_sim *clock_sim_new(int64_t mono_ns, int64_t wall_ns);
void clock_sim_free(struct clock_sim *c);
void clock_sim_advance(struct clock_sim *c, int64_t ns);
void clock_sim_set_wall(struct clock_sim *c, int64_t wall_ns, bool synchronised);
const struct bp_clock *clock_sim_clock(struct clock_sim *c); // valid until clock_sim_free

int64_t clock_mono_ns(const struct bp_clock *c);
int64_t clock_wall_ns(const struct bp_clock *c);

// When this program was built, seconds since 1970: no time before it is right.
int64_t clock_build_s(void);

// Can day counts be believed? Untrusted: wall time before this program was built, a guessed one, or
// (with need_sync) a kernel that says it was never synchronised.
bool clock_trusted(const struct bp_clock *c, bool need_sync);

#endif
