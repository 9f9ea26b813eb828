// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_claim.h"

uint32_t service_claim_wait(const struct service_claim *c, uint32_t now_ms) {
  uint32_t gone = now_ms - c->since_ms; // right across a wrap of the clock
  return gone < c->pause_ms ? c->pause_ms - gone : 0;
}

void service_claim_note(struct service_claim *c, bool right, uint32_t now_ms) {
  if (right) {
    c->pause_ms = 0;
    return;
  }
  uint32_t next = c->pause_ms == 0 ? SERVICE_CLAIM_FIRST_MS : c->pause_ms * 2;
  c->pause_ms = next < SERVICE_CLAIM_MAX_MS ? next : SERVICE_CLAIM_MAX_MS;
  c->since_ms = now_ms;
}
