// SPDX-License-Identifier: Apache-2.0
// The part of api_deps that only needs the store: cards, history, replay, evidence.
#ifndef BAYPLATE_FIRMWARE_API_STORE_H
#define BAYPLATE_FIRMWARE_API_STORE_H

#include "firmware/api.h"
#include "firmware/card.h"
#include "firmware/corrections.h"
#include "firmware/evidence.h"
#include "firmware/golden.h"

#define API_STORE_OPEN 60   // cars at hand on the board at most
#define API_STORE_RECENT 30 // and the newest visits of the history, open or not

struct api_store {
  struct store *reader;                                      // used only by api: store_open_reader
  struct evidence *evidence;                                 // NULL: none
  struct arrivals *arrivals;                                 // takes what people say
  struct corrections *corrections;                           // NULL: none
  struct golden *golden;                                     // NULL: none
  const struct bp_clock *clock;                              // when corrections were made
  void (*card_context)(void *ctx, struct card_context *out); // arrivals_card_context
  void *ctx;
};

// As in struct api_deps, with `s` a struct api_store.
BP_CHECK bool api_store_cards(void *s, char **json, struct err *e);
BP_CHECK bool api_store_history(void *s, const char *query, const char *before, unsigned limit,
                                char **json, struct err *e);
BP_CHECK bool api_store_replay(void *s, uint64_t since,
                               bool (*emit)(void *to, uint64_t rev, const char *json), void *to,
                               struct err *e);
BP_CHECK bool api_store_evidence(void *s, uint64_t visit, void **jpeg, size_t *len, struct err *e);
BP_CHECK bool api_store_correct(void *s, uint64_t visit, const char *plate, int64_t by,
                                struct err *e);

#endif
