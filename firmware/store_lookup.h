// SPDX-License-Identifier: Apache-2.0
// The cache of look-up answers: what the policy server last said about a plate and when. How old is
// too old is the caller's to decide.
#ifndef BAYPLATE_FIRMWARE_STORE_LOOKUP_H
#define BAYPLATE_FIRMWARE_STORE_LOOKUP_H

#include "firmware/store.h"
#include "vision/plate.h"

enum store_lookup_state {
  STORE_LOOKUP_NEVER,   // no answer yet
  STORE_LOOKUP_FOUND,   // the record is in store_record_get
  STORE_LOOKUP_UNKNOWN, // the server does not know the plate
};

#define STORE_LOOKUP_ERROR_MAX 256
#define STORE_LOOKUP_ANSWER_MAX (64u << 10)

struct store_lookup {
  char plate[PLATE_TEXT_MAX];
  enum store_lookup_state state;      // the last real answer
  int64_t as_of_ms;                   // of that answer; 0 never
  int64_t tried_ms;                   // last attempt of any outcome
  char error[STORE_LOOKUP_ERROR_MAX]; // of the last attempt when it failed, else ""
  unsigned failures;                  // in a row
};

// The answer came. `answer`: the server's JSON as it was (may be NULL for UNKNOWN), ERR_LIMIT
// beyond STORE_LOOKUP_ANSWER_MAX. Wrap it with store_record_put in store_begin/store_commit.
BP_CHECK bool store_lookup_put(struct store *s, const char *plate, enum store_lookup_state state,
                               const char *answer, int64_t now_ms, struct err *e);
// The attempt failed: keeps state, as_of and answer of the last good one.
BP_CHECK bool store_lookup_failed(struct store *s, const char *plate, const char *error,
                                  int64_t now_ms, struct err *e);
// A plate never asked for gives state NEVER and zeros, not an error. *answer (may be NULL as
// argument): malloc'ed text that the caller frees, or NULL when there is none.
BP_CHECK bool store_lookup_get(struct store *s, const char *plate, struct store_lookup *out,
                               char **answer, struct err *e);
// Forgets answers that were last tried before `before_ms`. *n: how many (may be NULL).
BP_CHECK bool store_lookup_expire(struct store *s, int64_t before_ms, unsigned *n, struct err *e);

#endif
