// SPDX-License-Identifier: Apache-2.0
// How a look-up ends. The names are stable: logs, metrics and the page show them.
#ifndef BAYPLATE_NET_POLICY_FAULT_H
#define BAYPLATE_NET_POLICY_FAULT_H

enum policy_status {
  POLICY_FOUND,   // result.answer is set
  POLICY_UNKNOWN, // the gateway knows no such plate
  POLICY_FAILED   // result.fault says why, result.err tells a person
};

enum policy_fault {
  POLICY_FAULT_NONE,
  POLICY_FAULT_CONNECT,   // "connect": no name, no route, refused
  POLICY_FAULT_TLS,       // "tls": the server's certificate, ours, or the handshake
  POLICY_FAULT_CLOCK,     // "clock": a certificate that is not valid by a clock that nobody has set
  POLICY_FAULT_CUT,       // "cut": the connection ended inside the answer
  POLICY_FAULT_TIMEOUT,   // "timeout": connect_ms or total_ms ran out
  POLICY_FAULT_DENIED,    // "denied": 401, 403
  POLICY_FAULT_LIMITED,   // "limited": 429 on every attempt, or a longer pause asked than we wait
  POLICY_FAULT_SERVER,    // "server": 5xx on every attempt
  POLICY_FAULT_STATUS,    // "status": another status than those of the contract
  POLICY_FAULT_TOO_LARGE, // "too_large": more than max_bytes, or more items than we hold
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

// "connect", "tls", ... as above; "none" for none. Never NULL.
const char *policy_fault_name(enum policy_fault fault);

#endif
