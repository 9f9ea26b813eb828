// SPDX-License-Identifier: Apache-2.0
#include "net/breaker.h"

void breaker_init(struct breaker *b, int limit, int64_t open_ns, int64_t open_max_ns) {
  *b = (struct breaker){.limit = limit,
                        .open_ns = open_ns,
                        .open_max_ns = open_max_ns,
                        .state = BREAKER_CLOSED,
                        .pause_ns = open_ns};
}

enum breaker_verdict breaker_ask(struct breaker *b, int64_t now_ns, int64_t *wait_ns) {
  *wait_ns = 0;
  switch (b->state) {
  case BREAKER_CLOSED:
    return BREAKER_ASK;
  case BREAKER_HALF_OPEN:
    return BREAKER_WAIT;
  case BREAKER_OPEN:
    break;
  }
  if (now_ns < b->until_ns) {
    *wait_ns = b->until_ns - now_ns;
    return BREAKER_REFUSE;
  }
  b->state = BREAKER_HALF_OPEN;
  return BREAKER_ASK;
}

void breaker_success(struct breaker *b) {
  b->state = BREAKER_CLOSED;
  b->failures = 0;
  b->pause_ns = b->open_ns;
}

static void open_now(struct breaker *b, int64_t now_ns) {
  b->state = BREAKER_OPEN;
  b->until_ns = now_ns + b->pause_ns;
  b->failures = 0;
}

void breaker_failure(struct breaker *b, int64_t now_ns) {
  switch (b->state) {
  case BREAKER_OPEN:
    return;
  case BREAKER_HALF_OPEN:
    b->pause_ns = b->pause_ns > b->open_max_ns / 2 ? b->open_max_ns : b->pause_ns * 2;
    open_now(b, now_ns);
    return;
  case BREAKER_CLOSED:
    if (++b->failures >= b->limit)
      open_now(b, now_ns);
    return;
  }
}

const char *breaker_state_name(enum breaker_state state) {
  switch (state) {
  case BREAKER_CLOSED:
    return "closed";
  case BREAKER_HALF_OPEN:
    return "half_open";
  case BREAKER_OPEN:
    return "open";
  }
  return "closed";
}
