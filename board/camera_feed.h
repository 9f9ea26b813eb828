// SPDX-License-Identifier: Apache-2.0
// A thread that owns a camera, notices when it dies or freezes, tries again with growing pauses,
// and hands out the newest frames.
#ifndef BAYPLATE_BOARD_CAMERA_FEED_H
#define BAYPLATE_BOARD_CAMERA_FEED_H

#include "board/camera.h"

// Frames waiting; a newer one pushes the oldest out (counted). A quarter of a second: a moment
// without the processor loses nothing, and a machine that is too slow for all frames is not later
// than that.
#define CAMERA_FEED_QUEUE 6
#define CAMERA_FEED_OFFLINE_MS 3000
#define CAMERA_FEED_PAUSE_MS 1000 // before the first new try; doubles
#define CAMERA_FEED_PAUSE_MAX_MS 30000

enum camera_state { CAMERA_STARTING, CAMERA_ONLINE, CAMERA_OFFLINE, CAMERA_ENDED };

struct camera_feed_config {
  struct camera_config camera;
  int offline_ms;                  // no frame, or the same picture, for so long is a fault; 0: 3000
  struct camera_controls controls; // wished at first
  bool may_freeze;                 // an unchanged picture is no fault (drawn clips)
  int pause_ms, pause_max_ms;      // between tries; 0: the constants above
};

struct camera_status {
  enum camera_state state;
  int64_t last_frame_wall_ns; // 0: none yet
  int64_t last_frame_mono_ns;
  uint64_t frames, dropped;
  char error[ERR_TEXT_MAX]; // why it is offline; "" when it is not
};

enum camera_feed_take {
  FEED_FRAME,   // *out is the caller's
  FEED_LOST,    // told once each time the camera goes offline, before any later frame
  FEED_NOTHING, // the time ran out
  // A file is over, or broken after its first frame (status has the words). Told for ever: at once
  // the first time, then after the timeout.
  FEED_ENDED,
};

struct camera_feed;
BP_CHECK bool camera_feed_new(struct camera_feed **out, const struct camera_feed_config *config,
                              struct err *e);
void camera_feed_free(struct camera_feed *f); // stops the thread within a second. NULL is fine

// The oldest waiting frame (newer ones have pushed out older ones meanwhile; with `fast` the camera
// waits instead). One taker.
enum camera_feed_take camera_feed_take(struct camera_feed *f, int timeout_ms, struct frame **out);
// Other wishes, met with the next picture. Any thread.
void camera_feed_control(struct camera_feed *f, const struct camera_controls *want);
// How the camera's knobs stood a moment ago; none is `there` when the driver has no controls or the
// camera is away. Any thread.
void camera_feed_knobs(struct camera_feed *f, struct camera_knob_state out[CAMERA_KNOBS]);
void camera_feed_status(struct camera_feed *f, struct camera_status *out); // any thread
const char *camera_state_name(enum camera_state s); // "starting" "online" "offline" "ended"

#endif
