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

BP_CHECK bool analysis_first_visit(struct store *store, uint64_t *first, struct err *e);

// Tells the analyser of visits last seen at most gap_ns ago.
BP_CHECK bool analysis_seed(struct analyser *a, struct store *store, const struct bp_clock *clock,
                            int64_t gap_ns, struct err *e);

#endif
