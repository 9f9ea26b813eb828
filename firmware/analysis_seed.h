// SPDX-License-Identifier: Apache-2.0
// How visits go on over a restart: numbers from where they ended, cars still here under their own
// visit.
#ifndef BAYPLATE_FIRMWARE_ANALYSIS_SEED_H
#define BAYPLATE_FIRMWARE_ANALYSIS_SEED_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/store.h"
#include "vision/analyser.h"

#define ANALYSIS_SEEDS_MAX 64 // newest visits that may go on
// A visit that was open when the terminal died goes on when the car is still in view; after so long
// it is another stay.
#define ANALYSIS_OPEN_NS (INT64_C(12) * 3600 * CLOCK_NS_PER_S)

BP_CHECK bool analysis_first_visit(struct store *store, uint64_t *first, struct err *e);

// Tells the analyser of visits that may go on: those closed and last seen at most gap_ns ago, and
// those that the run before left open, which it closes unless their cars are seen again. Open ones
// that cannot go on are closed in the store.
BP_CHECK bool analysis_seed(struct analyser *a, struct store *store, const struct bp_clock *clock,
                            int64_t gap_ns, struct err *e);

#endif
