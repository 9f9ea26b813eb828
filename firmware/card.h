// SPDX-License-Identifier: Apache-2.0
// The card: everything the advisor's page shows about one visit, as JSON.
#ifndef BAYPLATE_FIRMWARE_CARD_H
#define BAYPLATE_FIRMWARE_CARD_H

#include "firmware/calendar.h"
#include "firmware/store_customer.h"
#include "firmware/store_lookup.h"
#include "firmware/store_visit.h"

#define CARD_BYTES_MAX (16u << 10) // no card is longer

struct card_context {
  const struct calendar_config *calendar;
  int64_t now_ms;         // wall
  bool clock_trusted;     // clock_trusted() now
  int64_t found_ttl_ms;   // an answer older than this is stale
  int64_t unknown_ttl_ms; // so is an "unknown"
  bool show_phone;        // false: 138****1234
  bool asks;              // a gateway is asked: nothing known yet means that the answer is to come
};

// The card of a visit that is at hand (also one that could not be saved): reads customer, policies
// and look-up of its plate from `s` (writer or reader). On success *json is malloc'ed for the
// caller. A plate nothing is known about is no error. A merged visit gives
// {"state":"merged","into":"<id>"} with visit and rev, for the page to take its card away.
BP_CHECK bool card_json(struct store *s, const struct card_context *ctx,
                        const struct store_visit *v, char **json, struct err *e);

// The same from parts, without a store. record NULL: nothing is known; lookup NULL: none was
// needed.
BP_CHECK bool card_compose(const struct card_context *ctx, const struct store_visit *v,
                           const struct store_record *record, const struct store_lookup *lookup,
                           char **json, struct err *e);

enum card_lookup { CARD_FRESH, CARD_STALE, CARD_PENDING, CARD_UNKNOWN, CARD_FAILED };
// What the card says of the look-up: the last good answer by its age; without one "failed" when the
// last attempt failed, else "pending". A stale "unknown" is asked for again and still says unknown.
enum card_lookup card_lookup_state(const struct card_context *ctx, const struct store_lookup *l);

// "13812341234" → "138****1234"; other lengths keep at most the first 3 and last 4 when at least 4
// stay hidden, else only stars.
void card_mask_phone(const char *phone, char *out, size_t size);

#endif
