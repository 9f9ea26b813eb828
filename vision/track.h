// SPDX-License-Identifier: Apache-2.0
// Follows plates from frame to frame: which of this frame's reads belong to which car. Place, size
// and text together decide; texts that are surely different never share a track, whatever the
// place.
#ifndef BAYPLATE_VISION_TRACK_H
#define BAYPLATE_VISION_TRACK_H

#include "vision/fuse.h"
#include "vision/plate.h"
#include "vision/visit_event.h"

#include <stdbool.h>
#include <stdint.h>

#define TRACKS_MAX 16      // plates followed at once; the longest unseen one gives way
#define TRACK_READS_MAX 32 // reads of one frame that are looked at

struct track {
  bool used;
  uint32_t id;               // never used twice in a tracker's life
  struct quad quad;          // where it was last seen, pixels
  float x, y, w, h;          // centre and size, pixels, as last seen
  float vx, vy;              // smoothed speed, pixels a second
  float growth;              // smoothed growth, e-folds a second; > 0: comes closer
  int64_t first_ns, last_ns; // first and last frame it was seen in
  int64_t read_ns;           // last frame it was read in; 0: never
  int64_t still_ns;          // since when it stands; INT64_MAX: it moves
  int64_t grows_ns;          // since when it comes closer; INT64_MAX: it does not
  float travel;              // farthest from its first place, in plate widths
  float x0, y0, w0;          // first place and size
  float lowest, highest;     // range of the way since the direction was last settled
  float way;                 // way along the in-direction in plate widths, plus growth
  enum visit_direction direction;
  unsigned seen;
  float score; // mean of the detector's scores
  struct fuse fuse;
};

struct tracker {
  struct track track[TRACKS_MAX];
  uint32_t next_id;
  float width, height; // of the frame; 0: unknown. Plates cut by its edge show no direction
  float in_x, in_y;    // unit vector: where an arriving car moves in the picture
};

// direction_deg as analyser_config.in_direction_deg: 90 is downward.
void tracker_init(struct tracker *tr, float direction_deg);

// Another direction; ways gone so far are kept.
void tracker_set_direction(struct tracker *tr, float direction_deg);

// Gives each of the n reads of a frame to a track (a new one if none fits) and writes its index to
// assigned[i]; -1: not looked at (more than TRACK_READS_MAX). Reads without text are followed by
// place alone. Tracks whose index is in `keep` (bit mask) are not given up for want of room as long
// as others can be.
void tracker_step(struct tracker *tr, const struct plate_read *reads, int n, int64_t t_ns,
                  uint32_t keep, int *assigned);

// Weighs this frame's read into the track it was given to.
void tracker_read(struct tracker *tr, int index, const struct plate_read *read, int64_t t_ns);

// The camera was away for `gap_ns`: moves all times on by it, and forgets speeds.
void tracker_shift(struct tracker *tr, int64_t gap_ns);

// Forgets one.
void tracker_drop(struct tracker *tr, int index);

// Texts that are surely not of one car: both reliable and TRACK_OTHER_DISTANCE symbols apart.
#define TRACK_OTHER_DISTANCE 3
bool track_other_car(const struct track *t, const struct plate_read *read);

#endif
