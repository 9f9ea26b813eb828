// SPDX-License-Identifier: Apache-2.0
// How to reach one policy gateway: filled by the configuration, copied by the client.
#ifndef BAYPLATE_NET_POLICY_CONFIG_H
#define BAYPLATE_NET_POLICY_CONFIG_H

#include "board/err.h"

#include <stddef.h>

#define POLICY_URL_MAX 1024
#define POLICY_PATH_MAX 1024
#define POLICY_HEADERS_MAX 16
#define POLICY_HEADER_MAX 512
#define POLICY_BODY_MAX 2048
#define POLICY_MAP_MAX 64            // lines of the mapping table
#define POLICY_FIELD_MAX 48          // bytes of one of our field names
#define POLICY_POINTER_MAX 256       // bytes of one JSON pointer or literal
#define POLICY_TOKEN_MAX 4096        // bytes of a token file
#define POLICY_PARALLEL_MAX 64       // look-ups under way at once
#define POLICY_BYTES_LIMIT (4 << 20) // no answer may be allowed to be larger

// One line of the mapping table, see policy_map.h.
struct policy_map_entry {
  char field[POLICY_FIELD_MAX];
  char value[POLICY_POINTER_MAX];
};

// Texts are UTF-8 and empty when not set. Templates know {base} (url only), {plate}
// (percent-encoded in the url, JSON-escaped in the body, plain in headers) and {token}
// (headers only: the token file's content).
struct policy_config {
  char base[POLICY_URL_MAX]; // "https://host[:port][/path]", no slash at the end
  char url[POLICY_URL_MAX];  // template of one look-up
  char method[8];            // "GET" or "POST"
  int headers;               // how many of header[] are set
  char header[POLICY_HEADERS_MAX][POLICY_HEADER_MAX]; // "Name: value"
  char body[POLICY_BODY_MAX];                         // template, POST only
  char ca_file[POLICY_PATH_MAX];    // PEM; only what these sign is believed. Empty: the system's
  char cert_file[POLICY_PATH_MAX];  // PEM client certificate, with key_file
  char key_file[POLICY_PATH_MAX];   // PEM, mode 0600
  char token_file[POLICY_PATH_MAX]; // mode 0600; sent as "Authorization: Bearer" unless a header
                                    // names {token}
  bool clock_need_sync;  // the clock counts as right only once NTP has set it (clock_trusted)
  bool allow_plain_http; // http:// to another machine, else refused (loopback is always allowed)
  int connect_ms;        // TCP and TLS, one attempt
  int total_ms;          // one attempt altogether
  int max_bytes;         // of one answer
  int max_parallel;      // look-ups under way at once
  int max_queued;        // look-ups waiting
  int attempts;          // tries for one look-up, 1: no retry
  int retry_first_ms;    // the first pause, before jitter; doubles each time
  int retry_max_ms;      // no pause is longer; a longer Retry-After ends the look-up
  int breaker_failures;  // that many failed attempts in a row open the breaker
  int breaker_open_ms;   // how long it first stays open; doubles up to breaker_max_ms
  int breaker_max_ms;
  int map_entries; // 0: the table of our own API
  struct policy_map_entry map[POLICY_MAP_MAX];
};

// Our own policy API with moderate limits; only `base` (and tokens, certificates) is left to set.
void policy_config_defaults(struct policy_config *c);

// Adds one line to the table or the headers. ERR_LIMIT when full or too long.
BP_CHECK bool policy_config_add_map(struct policy_config *c, const char *field, const char *value,
                                    struct err *e);
BP_CHECK bool policy_config_add_header(struct policy_config *c, const char *line, struct err *e);

// Checks the whole and tells every error with the name of its member ("url", "header[2]",
// "map[policy.end]"). Files named must be readable. True when there is none; `report` may be NULL.
typedef void policy_config_report(void *ctx, const char *field, const char *text);
BP_CHECK bool policy_config_check(const struct policy_config *c, policy_config_report *report,
                                  void *ctx);

#endif
