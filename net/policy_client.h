// SPDX-License-Identifier: Apache-2.0
// Looks plates up at a policy gateway over HTTP(S): many at once on a thread of its own, with
// retries, limits and a breaker.
#ifndef BAYPLATE_NET_POLICY_CLIENT_H
#define BAYPLATE_NET_POLICY_CLIENT_H

#include "board/clock.h"
#include "board/err.h"
#include "net/policy.h"
#include "net/policy_config.h"
#include "net/policy_fault.h"

#include <stdint.h>

struct policy_result {
  uint64_t tag; // as given to policy_client_ask
  char plate[POLICY_ID_MAX];
  enum policy_status status;
  const struct policy_answer *answer; // POLICY_FOUND only; valid inside the callback
  enum policy_fault fault;            // POLICY_FAILED only
  struct err err;                     // POLICY_FAILED only; holds no plate and no token
  int http_status;                    // of the last attempt, 0 when none was received
  int attempts;                       // requests sent
  int64_t elapsed_ns;                 // from ask to now
  int64_t retry_after_ns; // POLICY_FAILED: asking sooner is pointless (breaker, Retry-After); 0:
                          // not known
};

// Called once for each accepted ask, on the client's thread (or inside policy_client_free for
// those it cancels). Must not block and must not free the client; may ask again.
typedef void policy_on_result(void *ctx, const struct policy_result *result);

struct policy_client;

// Copies `config`, reads the token file and starts the thread; no connection is made yet. `clock`
// must outlive the client. Errors: policy_config_check's first one, ERR_DENIED for a token or key
// file that others may read, ERR_NOMEM.
BP_CHECK bool policy_client_new(struct policy_client **out, const struct policy_config *config,
                                const struct bp_clock *clock, policy_on_result *on_result,
                                void *ctx, struct err *e);

// Queues one look-up; never waits. `tag` comes back with the result. ERR_BUSY: max_queued are
// waiting (ask again later); ERR_ARG: a plate that is empty, too long, or not UTF-8. Any thread.
BP_CHECK bool policy_client_ask(struct policy_client *c, const char *plate, uint64_t tag,
                                struct err *e);

// True while the breaker lets look-ups through. Any thread.
bool policy_client_ready(struct policy_client *c);

// Stops at once: look-ups under way are cut off and, like those waiting, reported as
// POLICY_FAULT_CANCELLED before this returns. NULL is fine.
void policy_client_free(struct policy_client *c);

#endif
