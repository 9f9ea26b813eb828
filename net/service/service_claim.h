// SPDX-License-Identifier: Apache-2.0
// Guessing of the claim code is made slow: each wrong code doubles the time in which no code is
// looked at. One count for the whole device: addresses on a link are free to change.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_CLAIM_H
#define BAYPLATE_NET_SERVICE_SERVICE_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_CLAIM_FIRST_MS 1000
#define SERVICE_CLAIM_MAX_MS (300 * 1000)

struct service_claim {
  uint32_t pause_ms; // after the last wrong code; 0: the last one was right
  uint32_t since_ms; // when that was
};

// Milliseconds until a code will be looked at again, 0: now. `now_ms` is a clock that may wrap.
uint32_t service_claim_wait(const struct service_claim *c, uint32_t now_ms);
// Tells that a code was looked at.
void service_claim_note(struct service_claim *c, bool right, uint32_t now_ms);

#endif
