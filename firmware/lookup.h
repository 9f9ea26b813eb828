// SPDX-License-Identifier: Apache-2.0
// What is known about a plate: from the store when it is fresh enough, else asked of the policy
// gateway.
//
// lookup_want, lookup_collect and lookup_set_ages are for the one thread that writes the store.
// Answers arrive on the policy client's thread and wait here until that thread collects them.
#ifndef BAYPLATE_FIRMWARE_LOOKUP_H
#define BAYPLATE_FIRMWARE_LOOKUP_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/store.h"
#include "net/policy_config.h"

#define LOOKUP_PENDING_MAX                                                                         \
  256 // plates asked for and not yet collected; more wait for the next want

struct lookup;

struct lookup_options {
  const struct policy_config *policy; // NULL: no gateway, only what the store has
  const struct bp_clock *clock;       // must outlive the lookup
  struct store *store;                // the writer; must outlive the lookup
  int64_t found_ttl_ms, unknown_ttl_ms, retry_ms;
  void (*wake)(void *ctx); // an answer waits to be collected; called on the client's thread
  void *ctx;
};

BP_CHECK bool lookup_new(struct lookup **out, const struct lookup_options *options, struct err *e);
// Cuts off what is under way; uncollected answers are lost (they are asked for again). NULL is
// fine.
void lookup_free(struct lookup *l);

// Other ages from now on.
// What failed before may be asked for again at once: the clock has become right.
void lookup_forget_pauses(struct lookup *l);
void lookup_set_ages(struct lookup *l, int64_t found_ttl_ms, int64_t unknown_ttl_ms,
                     int64_t retry_ms);

// How the gateway answers.
struct lookup_health {
  bool configured;
  bool ready;      // the breaker lets questions through
  int64_t wall_ms; // of the last answer or failure; 0: none yet
  bool ok;         // it was an answer, also "unknown plate"
  int http_status; // 0: none was received
  int elapsed_ms;
  char fault[24];          // policy_fault_name(); "" when ok
  char text[ERR_TEXT_MAX]; // no plate, no token; "" when ok
};
// Any thread.
void lookup_health(struct lookup *l, struct lookup_health *out);
// Asks the gateway about LOOKUP_PROBE_PLATE; what it says is seen by lookup_health() alone. Never
// waits. Any thread. ERR_STATE: no gateway is configured.
#define LOOKUP_PROBE_PLATE "京A00000"
BP_CHECK bool lookup_probe(struct lookup *l, struct err *e);

// Makes sure that something fresh is known or being asked about a plate; call it again and again
// while the car is here. Never waits for the network. A failed look-up is repeated after retry_ms
// at the earliest.
void lookup_want(struct lookup *l, const char *plate);

// What is done about a plate whose knowledge changed.
struct lookup_news {
  // In the transaction that saves the answer, so that both reach the disk at once (after it, when
  // the answer could not be saved).
  void (*changed)(void *ctx, const char *plate);
  void (*saved)(void *ctx); // after it: the plate may be told of
  void *ctx;
};
// Writes the answers that came into the store and tells each plate whose knowledge changed.
void lookup_collect(struct lookup *l, const struct lookup_news *news);

#endif
