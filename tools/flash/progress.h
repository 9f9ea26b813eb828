// SPDX-License-Identifier: Apache-2.0
// Shows how far a phase is: a moving bar on a terminal, a line every 10 % elsewhere, JSON lines for
// machines.
#ifndef BAYPLATE_TOOLS_FLASH_PROGRESS_H
#define BAYPLATE_TOOLS_FLASH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum progress_phase { PHASE_CHECK, PHASE_WRITE, PHASE_VERIFY, PHASE_SEND };
#define PROGRESS_PHASES 4

enum progress_style { PROGRESS_BAR, PROGRESS_LINES, PROGRESS_JSON };

struct progress {
  FILE *to;
  enum progress_style style;
  enum progress_phase phase;
  uint64_t total, done;
  int64_t begun_ns, shown_ns;      // CLOCK_MONOTONIC
  int shown_step;                  // 10 %, or 5 % in JSON
  double seconds[PROGRESS_PHASES]; // that each finished phase took
};

// A name for machines: "check" "write" "verify" "send".
const char *progress_name(enum progress_phase phase);
void progress_begin(struct progress *p, enum progress_phase phase, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
// The phase is over; false: it failed, and the bar stays where it was.
void progress_end(struct progress *p, bool ok);

// The bar's line without its carriage return, for a test: 100 columns at most.
#define PROGRESS_LINE_MAX 200
void progress_line(const struct progress *p, int64_t now_ns, char out[PROGRESS_LINE_MAX]);

#endif
