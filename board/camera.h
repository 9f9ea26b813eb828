// SPDX-License-Identifier: Apache-2.0
// A source of pictures. One thread uses a camera; camera_feed.h puts a thread and patience around
// it.
#ifndef BAYPLATE_BOARD_CAMERA_H
#define BAYPLATE_BOARD_CAMERA_H

#include "board/camera_control.h"
#include "board/clock.h"
#include "board/err.h"
#include "board/frame.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define CAMERA_SOURCE_MAX 512

struct camera_config {
  // v4l2:/dev/video0[?width=1280&height=720&fps=25&format=mjpeg|yuyv], rtsp://, http://, https://
  // (MJPEG or any stream), a video file's path, folder:DIR[?fps=5] (pictures in the order of their
  // names), or sim:[?width=640&height=360&fps=25] (camera_sim.h).
  char source[CAMERA_SOURCE_MAX];
  // Files and folders: as fast as they are taken, and frame times are those of the recording, begun
  // when it was opened. Otherwise at their own pace.
  bool fast;
  bool loop;                    // files and folders: begin again at the end
  int open_ms, read_ms;         // limits of one open and one read; 0: 5000 and 3000
  const struct bp_clock *clock; // gives both times of each frame
  const atomic_bool
      *cancel; // becomes true: open and read return at once with ERR_STATE. May be NULL
};

enum camera_next { CAMERA_FRAME, CAMERA_END, CAMERA_ERROR };

struct camera; // each driver's own

struct camera_ops {
  const char *name;
  bool live; // false: a file, whose end is an end and not a fault
  bool (*open)(struct camera **out, const struct camera_config *config, struct err *e);
  // Waits for the next picture, at most read_ms (ERR_TIMEOUT). On CAMERA_FRAME the caller owns one
  // reference.
  enum camera_next (*next)(struct camera *c, struct frame **out, struct err *e);
  void (*close)(struct camera *c);
  // Meets what is wished as far as it can, and tells how it stands. NULL: the driver has no such
  // controls.
  void (*control)(struct camera *c, const struct camera_controls *want,
                  struct camera_knob_state state[CAMERA_KNOBS]);
};

// The driver for a source, or NULL with ERR_ARG for a source no driver knows.
const struct camera_ops *camera_driver(const char *source, struct err *e);

// The source as it may be shown and logged: user and password of an address are left out. `out` is
// cut at `size`.
void camera_source_shown(const char *source, char *out, size_t size);

// Streams and files are two drivers of one file: only the first is live.
extern const struct camera_ops camera_stream, camera_file, camera_folder, camera_v4l2, camera_sim;

#endif
