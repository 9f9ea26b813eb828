// SPDX-License-Identifier: Apache-2.0
// Ways in which policy-server misbehaves when told to.
#ifndef BAYPLATE_TOOLS_POLICY_SERVER_FAULT_H
#define BAYPLATE_TOOLS_POLICY_SERVER_FAULT_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>

enum ps_fault {
  PS_NONE,
  PS_SLOW,      // answers after --slow-ms
  PS_DRIP,      // a byte every 50 ms
  PS_CUT,       // ends the connection in the middle of the answer
  PS_DROP,      // ends it without any answer
  PS_500,       //
  PS_503,       // with Retry-After
  PS_429,       // with Retry-After
  PS_MALFORMED, // not JSON
  PS_HUGE,      // 64 MB of JSON
  PS_TYPE,      // JSON of wrong types
  PS_DEEP,      // nested 100 000 deep
  PS_PLATE,     // the answer for another plate
  PS_DATE,      // 30 February
  PS_ENCODING,  // GBK bytes
  PS_CHARSET,   // says charset=gbk
  PS_GZIP,      // says Content-Encoding: gzip
  PS_HTML,      // a page, as a captive portal sends
  PS_EMPTY,     // 200 with nothing
  PS_REDIRECT,  // 302 to elsewhere
  PS_FAULTS
};

const char *ps_fault_name(enum ps_fault f); // "none", "slow", ... Never NULL
bool ps_fault_parse(const char *name, enum ps_fault *out);

// The answer to send for a fault, made from the good one (borrowed, may be NULL for 404).
// `stopping` ends slow ones. Returns a response and *status; NULL to drop the connection.
struct MHD_Response *ps_fault_response(enum ps_fault f, const json_t *good, int slow_ms,
                                       int retry_after_s, const atomic_bool *stopping,
                                       unsigned *status);

// A JSON text (malloc'ed; taken over) as a response with its Content-Type. NULL without memory.
struct MHD_Response *ps_json_response(char *text);

#endif
