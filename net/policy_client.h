// SPDX-License-Identifier: Apache-2.0
// Looks plates up at a policy gateway over HTTP(S): many at once on a thread of its own, with
// retries, limits and a breaker.
#ifndef BAYPLATE_NET_POLICY_CLIENT_H
#define BAYPLATE_NET_POLICY_CLIENT_H

#include "board/clock.h"
#include "board/err.h"
#include "net/policy.h"
#include "net/policy_config.h"

#include <stdint.h>

enum policy_status {
  POLICY_FOUND,   // result.answer is set
  POLICY_UNKNOWN, // the gateway knows no such plate
  POLICY_FAILED   // result.fault says why, result.err tells a person
};

// Why a look-up failed; the names (policy_fault_name) are stable, for logs, metrics and the page.
enum policy_fault {
  POLICY_FAULT_NONE,
  POLICY_FAULT_CONNECT,   // "connect": no name, no route, refused
  POLICY_FAULT_TLS,       // "tls": the server's certificate, ours, or the handshake
  POLICY_FAULT_CUT,       // "cut": the connection ended inside the answer
  POLICY_FAULT_TIMEOUT,   // "timeout": connect_ms or total_ms ran out
  POLICY_FAULT_DENIED,    // "denied": 401, 403
  POLICY_FAULT_LIMITED,   // "limited": 429 on every attempt
  POLICY_FAULT_SERVER,    // "server": 5xx on every attempt
  POLICY_FAULT_STATUS,    // "status": another status than those of the contract
  POLICY_FAULT_TOO_LARGE, // "too_large": more than max_bytes
  POLICY_FAULT_ENCODING,  // "encoding": not UTF-8, or compressed unasked
  POLICY_FAULT_MALFORMED, // "malformed": not JSON, or nested too deep
  POLICY_FAULT_SHAPE,     // "shape": JSON, but a field is missing or has the wrong type or length
  POLICY_FAULT_DATE,      // "date": a date that does not exist or is written in an unknown way
  POLICY_FAULT_PLATE,     // "plate": the answer is for another plate
  POLICY_FAULT_BREAKER,   // "breaker": not asked, the gateway failed too often just now
  POLICY_FAULT_CANCELLED, // "cancelled": the client was freed
  POLICY_FAULT_INTERNAL,  // "internal": memory
  POLICY_FAULT_COUNT
};

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

// "connect", "tls", ... Never NULL.
const char *policy_fault_name(enum policy_fault fault);

#endif
