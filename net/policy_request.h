// SPDX-License-Identifier: Apache-2.0
// One look-up's HTTP request: built from the templates, sent as often as needed, its answer judged.
// Used by policy_client only.
#ifndef BAYPLATE_NET_POLICY_REQUEST_H
#define BAYPLATE_NET_POLICY_REQUEST_H

#include "board/err.h"
#include "net/policy.h"
#include "net/policy_config.h"
#include "net/policy_fault.h"
#include "net/policy_map.h"

#include <curl/curl.h>
#include <stdint.h>

struct policy_request;

// What one attempt came to.
struct policy_verdict {
  enum policy_status status;
  enum policy_fault fault; // POLICY_FAILED only
  struct err err;
  bool retry;             // another attempt may fare better
  bool dead;              // the gateway itself failed: counts for the breaker
  int http_status;        // 0 when none came
  int64_t retry_after_ns; // as the gateway asked, 0 when it did not
};

// `config` and `token` must outlive the request. ERR_LIMIT when a template grows beyond its bound,
// ERR_NOMEM.
BP_CHECK bool policy_request_new(struct policy_request **out, const struct policy_config *config,
                                 const char *token, const char *plate, struct err *e);

// The request's curl handle, with CURLOPT_PRIVATE `priv`; owned by the request and freed with it.
// The caller takes it out of its multi handle first.
CURL *policy_request_handle(struct policy_request *r, void *priv);

// Empties what the last attempt left.
void policy_request_rearm(struct policy_request *r);

// Judges an attempt that ended with `result`; wall_ns dates a Retry-After. While the clock is not
// trusted, a certificate that is not valid yet or no more by it says nothing of the gateway: it is
// POLICY_FAULT_CLOCK and no failure for the breaker. *answer is set when the status is
// POLICY_FOUND.
void policy_request_judge(struct policy_request *r, CURLcode result, const struct policy_map *map,
                          const char *plate, int64_t wall_ns, bool clock_trusted,
                          struct policy_answer *answer, struct policy_verdict *verdict);

void policy_request_free(struct policy_request *r); // NULL is fine

#endif
