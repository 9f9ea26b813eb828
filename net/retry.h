// SPDX-License-Identifier: Apache-2.0
// How long to wait before trying again: growing pauses with jitter, and a server's Retry-After.
#ifndef BAYPLATE_NET_RETRY_H
#define BAYPLATE_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_AFTER_MAX_S 3600 // a server that asks for longer is asked again after this

// Jitter needs no secrecy: one word of state, any non-zero seed.
struct retry_rng {
  uint64_t state;
};

// Seeds from the kernel's random numbers, so that terminals that lose the same server at the same
// moment do not come back at the same moment.
void retry_rng_seed(struct retry_rng *r);

// The pause before try number `attempt` + 1 (attempt 1 is the first try): even over the upper half
// of first_ns * 2^(attempt-1), never above max_ns. first_ns and max_ns positive.
int64_t retry_pause_ns(struct retry_rng *r, int attempt, int64_t first_ns, int64_t max_ns);

// Reads a Retry-After value (RFC 9110 section 10.2.3): whole seconds or an HTTP-date, which is
// counted from wall_ns. A past date is 0, a far one RETRY_AFTER_MAX_S. False when it is neither.
bool retry_after_parse(const char *value, int64_t wall_ns, int64_t *pause_ns);

#endif
