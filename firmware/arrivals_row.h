// SPDX-License-Identifier: Apache-2.0
// A visit event on its way to the store, and the row it becomes.
#ifndef BAYPLATE_FIRMWARE_ARRIVALS_ROW_H
#define BAYPLATE_FIRMWARE_ARRIVALS_ROW_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/store_visit.h"
#include "vision/visit_event.h"

#define EVIDENCE_JPEG_QUALITY 88 // small characters survive it; about 10 kB a plate crop

struct arrival {
  struct visit_event event; // without its crop
  int64_t now_mono_ns, now_wall_ns;
  uint8_t *jpeg; // the crop, compressed; NULL: none
  size_t jpeg_len;
};

// Copies an event and compresses its crop. False (with the crop left out, the rest usable): the
// crop could not be compressed.
BP_CHECK bool arrival_init(struct arrival *a, const struct visit_event *event,
                           const struct bp_clock *clock, struct err *e);
void arrival_finish(struct arrival *a);

// Brings row `v` (zeroed for a new visit) to what the event says. Monotonic times become wall times
// by the pair of clocks given. Evidence, revision and clock_trusted are left alone, and the text
// where a person said it. Not for
// VISIT_MERGED.
void arrivals_row(const struct visit_event *event, int64_t now_mono_ns, int64_t now_wall_ns,
                  const char *camera, struct store_visit *v);

const char *arrivals_kind_name(enum visit_event_kind kind); // for the log. Never NULL.

#endif
