// SPDX-License-Identifier: Apache-2.0
// Stops asking a server that keeps failing: closed (ask), open (do not), half open (one asks to
// see). Pure: the caller brings the time and the lock.
#ifndef BAYPLATE_NET_BREAKER_H
#define BAYPLATE_NET_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

enum breaker_verdict {
  BREAKER_ASK,   // go; report breaker_success or breaker_failure afterwards
  BREAKER_WAIT,  // one is asking to see; its result will tell
  BREAKER_REFUSE // do not ask before *wait_ns has passed
};

struct breaker {
  int limit;                    // failures in a row that open it
  int64_t open_ns, open_max_ns; // first and longest time open; doubles each time a probe fails
  enum breaker_state state;
  int failures;
  int64_t pause_ns; // this time's
  int64_t until_ns; // open until
};

// Closed. limit at least 1, 0 < open_ns <= open_max_ns.
void breaker_init(struct breaker *b, int limit, int64_t open_ns, int64_t open_max_ns);

// May a request go now (CLOCK_MONOTONIC)? Turns open into half open when its time is over; the one
// that is then told ASK is the probe. *wait_ns is 0 unless REFUSE.
enum breaker_verdict breaker_ask(struct breaker *b, int64_t now_ns, int64_t *wait_ns);

// A request came back with an answer from a living server: closes.
void breaker_success(struct breaker *b);

// A request failed. Opens at the limit, and again (for twice as long) when it was the probe. Late
// failures of requests sent before it opened change nothing.
void breaker_failure(struct breaker *b, int64_t now_ns);

// "closed", "half_open", "open". Never NULL.
const char *breaker_state_name(enum breaker_state state);

#endif
