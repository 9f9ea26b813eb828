// SPDX-License-Identifier: Apache-2.0
#include "vision/track.h"

#include "vision/text.h"

#include <math.h>
#include <string.h>

#define RELIABLE_READ 0.6f      // confidence from which one read may speak against a track
#define RELIABLE_TRACK 0.6f     // and a track's text against a read
#define CONTINUOUS_NS 600000000 // unseen for longer: place alone no longer says "the same"
#define REACH_WIDTHS 1.0f       // a plate may jump this many widths between two looks
#define REACH_PER_S 3.0f        // and this many more for each second in between
#define REACH_MAX 4.0f
#define PARKED_REACH 0.35f // a standing car's plate is found again within this many widths
#define PARKED_SCALE 1.15f
#define SCALE_MAX 1.6f     // larger steps in size are another plate
#define SMOOTH_S 0.25f     // time constant of speed and growth
#define STILL_SPEED 0.30f  // widths a second
#define STILL_GROWTH 0.12f // e-folds a second
#define GROWS 0.08f        // e-folds a second
#define WAY_GROWTH 2.0f    // one e-fold of size counts as so many widths of way
#define WAY_TURN 1.5f      // and that turn one round that was settled
#define EDGE 0.015f        // of the frame: a plate so near its edge may be cut
#define WAY_SETTLE 0.8f    // widths of way that settle a direction
#define PI 3.14159265f

void tracker_init(struct tracker *tr, float direction_deg) {
  memset(tr, 0, sizeof *tr);
  tracker_set_direction(tr, direction_deg);
}

void tracker_set_direction(struct tracker *tr, float direction_deg) {
  tr->in_x = cosf(direction_deg * PI / 180);
  tr->in_y = sinf(direction_deg * PI / 180);
}

bool track_other_car(const struct track *t, const struct plate_read *read) {
  if (read->text[0] == 0 || read->confidence < RELIABLE_READ || t->fuse.reads < 2)
    return false;
  struct fuse_result r;
  fuse_result(&t->fuse, &r);
  return r.agreeing >= 2 && r.confidence >= RELIABLE_TRACK &&
         text_distance(r.text, read->text) >= TRACK_OTHER_DISTANCE;
}

static bool same_text(const struct track *t, const struct plate_read *read) {
  if (read->text[0] == 0 || t->fuse.reads == 0)
    return false;
  struct fuse_result r;
  fuse_result(&t->fuse, &r);
  return strcmp(r.text, read->text) == 0;
}

static void centre(const struct quad *q, float *x, float *y) {
  *x = *y = 0;
  for (int i = 0; i < 4; i++) {
    *x += q->corner[i].x / 4;
    *y += q->corner[i].y / 4;
  }
}

// How badly a read fits a track; < 0: not at all.
static float cost(const struct track *t, const struct plate_read *read, int64_t t_ns) {
  if (track_other_car(t, read))
    return -1;
  float x, y, w = quad_width(&read->quad);
  centre(&read->quad, &x, &y);
  float dt = (float)(t_ns - t->last_ns) * 1e-9f;
  float ahead = dt > 0.3f ? 0.3f : dt; // speeds are not believed for long
  float far = hypotf(x - t->x - t->vx * ahead, y - t->y - t->vy * ahead);
  float unit = fmaxf(t->w, 1);
  float scale = w > unit ? w / unit : unit / fmaxf(w, 1);
  far /= unit;
  bool same = same_text(t, read);
  if (t_ns - t->last_ns > CONTINUOUS_NS && !same) {
    bool stood = t->still_ns != INT64_MAX;
    if (!stood || far > PARKED_REACH || scale > PARKED_SCALE)
      return -1;
    return far + scale;
  }
  float reach = fminf(REACH_WIDTHS + REACH_PER_S * dt, REACH_MAX);
  if (same)
    return far > 2 * REACH_MAX ? -1 : 0.2f * far; // the text carries it
  if (far > reach || scale > SCALE_MAX)
    return -1;
  return far + 2 * (scale - 1) + 0.1f;
}

static int new_track(struct tracker *tr, uint32_t keep) {
  int oldest = -1;
  for (int i = 0; i < TRACKS_MAX; i++) {
    if (!tr->track[i].used) {
      oldest = i;
      break;
    }
    bool kept = keep >> i & 1, kept_best = oldest >= 0 && (keep >> oldest & 1);
    if (oldest < 0 || (kept_best && !kept) ||
        (kept == kept_best && tr->track[i].last_ns < tr->track[oldest].last_ns))
      oldest = i;
  }
  memset(&tr->track[oldest], 0, sizeof tr->track[oldest]);
  tr->track[oldest].used = true;
  tr->track[oldest].id = ++tr->next_id;
  return oldest;
}

static void begin(struct track *t, const struct plate_read *read, int64_t t_ns) {
  t->quad = read->quad;
  centre(&read->quad, &t->x, &t->y);
  t->w = fmaxf(quad_width(&read->quad), 1);
  t->h = fmaxf(quad_height(&read->quad), 1);
  t->x0 = t->x, t->y0 = t->y, t->w0 = t->w;
  t->first_ns = t->last_ns = t_ns;
  t->still_ns = t_ns;
  t->grows_ns = INT64_MAX;
  t->seen = 1;
  t->score = read->detection;
}

// Direction with hysteresis: it changes only after WAY_SETTLE against the extreme of the way so
// far, so that a box that jitters, or a car that rolls back a hand's breadth, changes nothing.
static void settle(struct track *t) {
  if (t->way > t->highest)
    t->highest = t->way;
  if (t->way < t->lowest)
    t->lowest = t->way;
  float turn = t->direction == DIRECTION_UNKNOWN ? WAY_SETTLE : WAY_TURN;
  if (t->direction != DIRECTION_IN && t->way - t->lowest > turn) {
    t->direction = DIRECTION_IN;
    t->highest = t->lowest = t->way;
  } else if (t->direction != DIRECTION_OUT && t->highest - t->way > turn) {
    t->direction = DIRECTION_OUT;
    t->highest = t->lowest = t->way;
  }
}

static bool cut(const struct tracker *tr, const struct quad *q) {
  if (tr->width <= 0)
    return false;
  float x0, y0, x1, y1;
  quad_bounds(q, &x0, &y0, &x1, &y1);
  return x0 < EDGE * tr->width || y0 < EDGE * tr->height || x1 > (1 - EDGE) * tr->width ||
         y1 > (1 - EDGE) * tr->height;
}

static void move(const struct tracker *tr, struct track *t, const struct plate_read *read,
                 int64_t t_ns) {
  float x, y, w = fmaxf(quad_width(&read->quad), 1);
  centre(&read->quad, &x, &y);
  float dt = fmaxf((float)(t_ns - t->last_ns) * 1e-9f, 1e-3f);
  float k = 1 - expf(-dt / SMOOTH_S);
  float grown = logf(w / t->w);
  t->vx += k * ((x - t->x) / dt - t->vx);
  t->vy += k * ((y - t->y) / dt - t->vy);
  t->growth += k * (grown / dt - t->growth);
  float unit = 0.5f * (w + t->w);
  if (!cut(tr, &read->quad) && !cut(tr, &t->quad))
    t->way += ((x - t->x) * tr->in_x + (y - t->y) * tr->in_y) / unit + WAY_GROWTH * grown;
  settle(t);
  bool still = hypotf(t->vx, t->vy) < STILL_SPEED * w && fabsf(t->growth) < STILL_GROWTH;
  if (!still)
    t->still_ns = INT64_MAX;
  else if (t->still_ns == INT64_MAX)
    t->still_ns = t_ns;
  if (t->growth <= GROWS)
    t->grows_ns = INT64_MAX;
  else if (t->grows_ns == INT64_MAX)
    t->grows_ns = t_ns;
  float travel = hypotf(x - t->x0, y - t->y0) / t->w0 + fabsf(logf(w / t->w0)) * WAY_GROWTH;
  if (travel > t->travel)
    t->travel = travel;
  t->quad = read->quad;
  t->x = x, t->y = y, t->w = w;
  t->h = fmaxf(quad_height(&read->quad), 1);
  t->last_ns = t_ns;
  t->seen++;
  t->score += (read->detection - t->score) / (float)t->seen;
}

void tracker_step(struct tracker *tr, const struct plate_read *reads, int n, int64_t t_ns,
                  uint32_t keep, int *assigned) {
  int looked = n < TRACK_READS_MAX ? n : TRACK_READS_MAX;
  for (int i = 0; i < n; i++)
    assigned[i] = -1;
  float fit[TRACK_READS_MAX][TRACKS_MAX];
  for (int i = 0; i < looked; i++)
    for (int k = 0; k < TRACKS_MAX; k++)
      fit[i][k] = tr->track[k].used ? cost(&tr->track[k], &reads[i], t_ns) : -1;
  uint32_t taken = 0;
  for (;;) { // the best pair first: at most TRACKS_MAX rounds
    int bi = -1, bk = -1;
    for (int i = 0; i < looked; i++)
      for (int k = 0; k < TRACKS_MAX; k++)
        if (assigned[i] < 0 && !(taken >> k & 1) && fit[i][k] >= 0 &&
            (bi < 0 || fit[i][k] < fit[bi][bk]))
          bi = i, bk = k;
    if (bi < 0 || bk < 0)
      break;
    assigned[bi] = bk;
    taken |= 1u << bk;
    move(tr, &tr->track[bk], &reads[bi], t_ns);
  }
  for (int i = 0; i < looked; i++) {
    if (assigned[i] >= 0 || taken == (1u << TRACKS_MAX) - 1)
      continue;
    assigned[i] = new_track(tr, keep | taken);
    taken |= 1u << assigned[i];
    begin(&tr->track[assigned[i]], &reads[i], t_ns);
  }
}

void tracker_read(struct tracker *tr, int index, const struct plate_read *read, int64_t t_ns) {
  struct track *t = &tr->track[index];
  if (read->text[0] == 0)
    return;
  fuse_add(&t->fuse, read);
  t->read_ns = t_ns;
}

void tracker_shift(struct tracker *tr, int64_t gap_ns) {
  for (int i = 0; i < TRACKS_MAX; i++) {
    struct track *t = &tr->track[i];
    if (!t->used)
      continue;
    t->last_ns += gap_ns;
    t->vx = t->vy = t->growth = 0;
    t->grows_ns = INT64_MAX;
    if (t->still_ns != INT64_MAX)
      t->still_ns += gap_ns;
  }
}

void tracker_drop(struct tracker *tr, int index) {
  memset(&tr->track[index], 0, sizeof tr->track[index]);
}
