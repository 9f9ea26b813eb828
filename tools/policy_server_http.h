// SPDX-License-Identifier: Apache-2.0
// policy-server's HTTP side: routes, tokens, rate limit, faults, counters.
#ifndef BAYPLATE_TOOLS_POLICY_SERVER_HTTP_H
#define BAYPLATE_TOOLS_POLICY_SERVER_HTTP_H

#include "board/err.h"
#include "tools/policy_server_db.h"
#include "tools/policy_server_fault.h"

#define PS_TOKENS_MAX 32
#define PS_TOKEN_BYTES 256

struct ps_options {
  const char *address;                // to listen on, IPv4
  int port;                           // 0: any
  const char *cert, *key, *client_ca; // PEM texts; NULL: none
  int tokens;                         // 0: everybody may ask
  char token[PS_TOKENS_MAX][PS_TOKEN_BYTES];
  int rate;          // requests a second and token (or address); 0: no limit
  int retry_after_s; // what 429 and 503 tell
  int slow_ms;
  enum ps_fault fault; // for the first fault_count requests (-1: for all)
  int fault_count;
  bool allow_faults; // X-Fault headers and /admin
  bool shapes;       // also answer as other gateways do
};

struct ps_http;

// Starts serving. `db` must outlive it.
BP_CHECK bool ps_http_start(struct ps_http **out, const struct ps_options *o, struct ps_db *db,
                            struct err *e);
int ps_http_port(const struct ps_http *h);
void ps_http_stop(struct ps_http *h); // NULL is fine

#endif
