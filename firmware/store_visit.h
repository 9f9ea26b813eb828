// SPDX-License-Identifier: Apache-2.0
// Visits in the store. Every change gives the visit a new `rev` out of one sequence that only
// grows, also over restarts: the id of the event stream.
#ifndef BAYPLATE_FIRMWARE_STORE_VISIT_H
#define BAYPLATE_FIRMWARE_STORE_VISIT_H

#include "firmware/store.h"
#include "vision/plate.h"
#include "vision/visit_event.h"

enum store_visit_phase {
  STORE_VISIT_OPEN,
  STORE_VISIT_CLOSED,
  STORE_VISIT_MERGED, // was the same car as `merged_into`; not in the history
};

#define STORE_EVIDENCE_MAX 64 // "2026/03/08/<visit>-<number>.jpg" with the NUL
#define STORE_CAMERA_MAX 64
#define STORE_PAGE_MAX 200 // visits a call returns at most

struct store_visit {
  uint64_t id; // at most INT64_MAX
  uint64_t rev;
  enum store_visit_phase phase;
  enum visit_certainty certainty;
  enum visit_direction direction;
  enum plate_type type;
  char text[PLATE_TEXT_MAX]; // normalised; "" unread
  double confidence;         // 0..1
  int alternatives;
  struct plate_alternative alternative[PLATE_ALTERNATIVES];
  int64_t opened_ms, last_seen_ms;   // wall time, milliseconds since 1970 UTC
  int64_t closed_ms;                 // 0: not closed
  int64_t frame_ms;                  // first readable frame; 0: none
  uint64_t merged_into;              // 0: none
  char evidence[STORE_EVIDENCE_MAX]; // path below the evidence folder, "" none
  char camera[STORE_CAMERA_MAX];
  bool clock_trusted; // when the visit was opened
  // What the picture alone says, where the list of customers broke a tie (firmware/tie.h) or a
  // person said something (firmware/said.h); else "".
  char picture[PLATE_TEXT_MAX];
  int64_t said_by; // the person's number whose word `text` is; 0: nobody's
};

// Writes the whole row (insert or replace by id), durable on return; sets v->rev. On failure the
// row is kept in memory with its new rev (v->rev is set) and readers see it: announce it all the
// same. ERR_ARG for id 0, opened_ms <= 0, a text that is not UTF-8, an evidence path of the wrong
// form.
BP_CHECK bool store_visit_put(struct store *s, struct store_visit *v, struct err *e);

// Read, change, put in one transaction. *rev (may be NULL) gets the new revision. ERR_NOT_FOUND.
BP_CHECK bool store_visit_close(struct store *s, uint64_t id, int64_t closed_ms, uint64_t *rev,
                                struct err *e);
BP_CHECK bool store_visit_reopen(struct store *s, uint64_t id, int64_t last_seen_ms, uint64_t *rev,
                                 struct err *e);
// `id` ends as merged, `into` gets a new revision too and the earlier opened_ms of both.
BP_CHECK bool store_visit_merge(struct store *s, uint64_t id, uint64_t into, int64_t now_ms,
                                struct err *e);
// A new revision without a change of the row: what belongs to it (customer, policies) changed, its
// card must be sent again.
BP_CHECK bool store_visit_touch(struct store *s, uint64_t id, uint64_t *rev, struct err *e);
// At start: visits left open by the run before are closed with closed_ms = last_seen_ms. *n: how
// many (may be NULL).
BP_CHECK bool store_visit_close_stale(struct store *s, unsigned *n, struct err *e);

BP_CHECK bool store_visit_get(struct store *s, uint64_t id, struct store_visit *out, struct err *e);
// Open visits, newest first.
BP_CHECK bool store_visit_list_open(struct store *s, struct store_visit *out, size_t max, size_t *n,
                                    struct err *e);
// Open visits whose plate is exactly `text` (normalised), newest first.
BP_CHECK bool store_visit_list_plate(struct store *s, const char *text, struct store_visit *out,
                                     size_t max, size_t *n, struct err *e);
// Visits with rev > since (also closed and merged ones), in order of rev. Full (*n == max): call
// again with the last rev.
BP_CHECK bool store_visit_list_since(struct store *s, uint64_t since, struct store_visit *out,
                                     size_t max, size_t *n, struct err *e);

// Where a history page begins: visits opened before `opened_ms`, or at it with a smaller id.
struct store_cursor {
  int64_t opened_ms;
  uint64_t id;
};
#define STORE_CURSOR_MAX 48 // bytes of its text, "<opened_ms>-<id>"
BP_CHECK bool store_cursor_parse(const char *text, struct store_cursor *out, struct err *e);
void store_cursor_format(const struct store_cursor *c, char out[STORE_CURSOR_MAX]);

// History, newest first, open visits included, merged ones not. `query` NULL or "": all; else
// plates that contain it after store_plate_normalise (ERR_ARG when that fails). before NULL: from
// the newest. *more: there is a further page; it begins before the last visit returned.
BP_CHECK bool store_visit_history(struct store *s, const char *query,
                                  const struct store_cursor *before, struct store_visit *out,
                                  size_t max, size_t *n, bool *more, struct err *e);

// The newest revision that a list shows (saved or not): list_since after it misses nothing.
BP_CHECK bool store_visit_rev(struct store *s, uint64_t *rev, struct err *e);
// Visit numbers for this run start here: larger than any given before, also after a damaged file
// was set aside (as long as the clock was right then).
BP_CHECK bool store_visit_seed(struct store *s, uint64_t *seed, struct err *e);

// Words as the card, the API and the database have them. Never NULL.
const char *store_certainty_name(enum visit_certainty c);   // "unread" "unsure" "certain"
const char *store_direction_name(enum visit_direction d);   // "unknown" "in" "out"
const char *store_phase_name(enum store_visit_phase phase); // "open" "closed" "merged"

#endif
