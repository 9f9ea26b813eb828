// SPDX-License-Identifier: Apache-2.0
// What happens when a car arrives: each visit event is made durable, then shown, then completed by
// a look-up. One thread owns the writing side of the store; it never waits for the network.
#ifndef BAYPLATE_FIRMWARE_ARRIVALS_H
#define BAYPLATE_FIRMWARE_ARRIVALS_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/card.h"
#include "firmware/evidence.h"
#include "firmware/lookup.h"
#include "firmware/store.h"
#include "firmware/store_visit.h"
#include "net/policy_config.h"
#include "vision/visit_event.h"

#define ARRIVALS_QUEUE                                                                             \
  64 // visit events waiting to be written; a full queue makes the camera side wait
#define ARRIVALS_RELOADS_MAX                                                                       \
  64 // calendars stay in memory until the end, because cards may be using them
#define ARRIVALS_TICK_MS 2000 // housekeeping: unsaved rows, look-ups, evidence budget

struct arrivals;

struct arrivals_options {
  const struct bp_clock *clock;
  struct store *store;                // the writer; nobody else writes visits through it
  struct evidence *evidence;          // NULL: no crops are kept
  const struct policy_config *policy; // NULL: no look-ups
  int64_t found_ttl_ms, unknown_ttl_ms, retry_ms;
  const struct calendar_config *calendar; // copied
  bool clock_need_sync;
  const char *camera; // borrowed; written with each visit
  // A visit has a new revision: show it. `json` is its card. On the arrivals thread.
  void (*announce)(void *ctx, uint64_t rev, const char *json);
  // A visit is over: its row as it was written, and what the second reader thought of its text. On
  // the arrivals thread; NULL: nobody wants to know.
  void (*closed)(void *ctx, const struct store_visit *v, enum opinion second);
  // Once a tick, on the arrivals thread: the place for what else must happen regularly.
  void (*tick)(void *ctx);
  void *ctx;
};

// Everything in options must outlive the arrivals. Nothing happens before arrivals_start.
BP_CHECK bool arrivals_new(struct arrivals **out, const struct arrivals_options *options,
                           struct err *e);

// Starts the thread: once, when those it calls back are ready.
BP_CHECK bool arrivals_start(struct arrivals *a, struct err *e);

// Takes one event (its crop is copied). Waits while the queue is full: a visit is never dropped.
void arrivals_post(struct arrivals *a, const struct visit_event *event);

// A person (his number in the store) says what a visit's plate is: durable and told on return, and
// asked for where the car is still here. Waits for the arrivals thread. ERR_NOT_FOUND: no such
// visit, or it was merged into another. ERR_STATE: the terminal stops. Any thread but that one.
BP_CHECK bool arrivals_say(struct arrivals *a, uint64_t visit, const char *plate, int64_t by,
                           struct err *e);

// Writes what is queued, stops the thread; what the pages ask is still answered until
// arrivals_free. NULL is fine.
void arrivals_stop(struct arrivals *a);
// The same, and the end. NULL is fine.
void arrivals_free(struct arrivals *a);

// Takes over another calendar and other ages; cards of cars at hand are told again. ERR_LIMIT after
// ARRIVALS_RELOADS_MAX of them: restart the terminal.
BP_CHECK bool arrivals_reload(struct arrivals *a, const struct calendar_config *calendar,
                              int64_t found_ttl_ms, int64_t unknown_ttl_ms, int64_t retry_ms,
                              struct err *e);

// As lookup_health() and lookup_probe(). Any thread.
void arrivals_policy(struct arrivals *a, struct lookup_health *out);
BP_CHECK bool arrivals_policy_probe(struct arrivals *a, struct err *e);

// How a card is composed at this moment; also for the pages' own threads.
void arrivals_card_context(struct arrivals *a, struct card_context *out);

// True when the last crop could not be written; `text` (ERR_TEXT_MAX) gets the reason. Any thread.
bool arrivals_evidence_trouble(struct arrivals *a, char *text);

#endif
