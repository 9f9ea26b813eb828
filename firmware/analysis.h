// SPDX-License-Identifier: Apache-2.0
// The thread between camera and arrivals: takes each frame, lets vision look at it, passes visit
// events on.
#ifndef BAYPLATE_FIRMWARE_ANALYSIS_H
#define BAYPLATE_FIRMWARE_ANALYSIS_H

#include "board/camera_feed.h"
#include "board/clock.h"
#include "board/err.h"
#include "firmware/config.h"
#include "firmware/newest.h"
#include "firmware/store.h"
#include "vision/visit_event.h"

struct analysis;

struct analysis_options {
  const struct config *config; // read during the call only
  const struct bp_clock *clock;
  struct camera_feed *feed; // must outlive the analysis
  struct newest *newest;    // is shown each frame; must outlive the analysis; NULL: nobody asks
  struct store *store;      // visits of the run before go on from here; read during the call only
  // After each frame: its n plates (-1: it was not looked at), and whether a car is in view. On the
  // analysis thread; NULL: nobody wants it.
  void (*on_frame)(void *ctx, struct frame *f, const struct plate_read *reads, int n,
                   bool occupied);
  visit_event_fn *on_event; // on the analysis thread
  void *ctx;
};

// Loads the models and starts the thread. Fails when a model is missing or damaged.
BP_CHECK bool analysis_new(struct analysis **out, const struct analysis_options *options,
                           struct err *e);
void analysis_free(struct analysis *a); // waits for the frame in hand. NULL is fine

// Zone, gaps, direction and threshold from the next frame on. Any thread.
void analysis_reload(struct analysis *a, const struct analyser_config *visit);

// A trigger says that a car is there: every frame is looked at for so long. Any thread.
void analysis_attend(struct analysis *a, int64_t for_ns);

// Monotonic time of the thread's last step, for the watchdog. Any thread.
int64_t analysis_last_step_ns(struct analysis *a);

// The camera's file is over and all its frames were looked at. Any thread.
bool analysis_ended(struct analysis *a);

#endif
