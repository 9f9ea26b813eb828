// SPDX-License-Identifier: Apache-2.0
#include "vision/motion.h"

#include "vision/ocv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { W = MOTION_WIDTH, H = MOTION_HEIGHT, N = W * H, LEVELS = 16 };

#define NOISE_FLOOR 7.0f   // grey levels: below this nothing is a change, however quiet the sensor
#define NOISE_TIMES 4.5f   // a change is this many times the mean difference of quiet pixels
#define FRONT_EXTRA 5.0f   // the background is older than the last frame: more may have drifted
#define MOVING_PART 0.002f // of the zone: 29 cells of the whole frame
#define THING_PART 0.006f  // of the frame: smaller things in front of the background are not told
#define SCENE_PART 0.60f   // of the frame changing in one frame is no car
#define BACKGROUND_NS 5000000000 // time constant at which the background follows slow light
#define GHOST_EDGE 0.6f // outline this much weaker than the background's: nothing stands there
#define GAIN_BINS 256   // histogram of ratios; bin 128 is ratio 1
#define BINS_E 64.0f    // bins that a ratio of e is away
#define GAIN_DARK 12    // darker cells say nothing about the exposure

struct motion {
  struct zone zone;
  struct ocv_work *work;
  int zone_cells;
  bool started;
  int64_t last_ns;
  float noise;
  float log[255 * LEVELS + 1];
  uint8_t mask[N];
  uint8_t raw[N], now[N], last[N];
  float back[N];
  uint8_t changed[N], front[N], tmp[N];
  int64_t
      still_since[N]; // a cell in front of the background has not moved since; 0: it is background
  uint8_t label[N];
  int16_t stack[N];
};

// fminf() is a call, as it has to look after what is no number.
static inline float at_most_255(float v) {
  return v < 255.0f ? v : 255.0f;
}

bool motion_new(struct motion **out, const struct zone *zone, struct err *e) {
  *out = NULL;
  struct motion *m = calloc(1, sizeof *m);
  if (!m)
    return err_set(e, ERR_NOMEM, "motion gate: out of memory");
  if (zone)
    m->zone = *zone;
  if (!ocv_work_new(&m->work, e)) {
    free(m);
    return false;
  }
  motion_set_zone(m, &m->zone);
  for (int i = 0; i <= 255 * LEVELS; i++)
    m->log[i] = BINS_E * logf(fmaxf(1.0f, (float)i) / LEVELS);
  *out = m;
  return true;
}

void motion_set_zone(struct motion *m, const struct zone *zone) {
  m->zone = *zone;
  m->zone_cells = 0;
  zone_mask(&m->zone, W, H, m->mask);
  for (int i = 0; i < N; i++)
    m->zone_cells += m->mask[i];
}

void motion_free(struct motion *m) {
  if (!m)
    return;
  ocv_work_free(m->work);
  free(m);
}

void motion_reset(struct motion *m) {
  m->started = false;
}

// Kernel 1 2 1 both ways; at the frame's edge the edge again.
static void blur3(const uint8_t *restrict in, uint8_t *restrict out) {
  for (int y = 0; y < H; y++) {
    const uint8_t *r0 = in + (y > 0 ? y - 1 : 0) * W, *r1 = in + y * W,
                  *r2 = in + (y < H - 1 ? y + 1 : y) * W;
    uint16_t column[W + 2];
    for (int x = 0; x < W; x++)
      column[x + 1] = (uint16_t)(r0[x] + 2 * r1[x] + r2[x]);
    column[0] = column[1];
    column[W + 1] = column[W];
    for (int x = 0; x < W; x++)
      out[y * W + x] = (uint8_t)((column[x] + 2 * column[x + 1] + column[x + 2] + 8) / 16);
  }
}

// Logarithm of a grey level in bins of the histogram below; levels between whole ones are LEVELS to
// one.
static float log_of(const struct motion *m, float level) {
  return m->log[(int)(level * LEVELS + 0.5f)];
}

// Median of now / reference over the frame: how much brighter the whole picture became. A car
// covers less than half of it, so it does not count; the camera's exposure does.
static float gain_between(const struct motion *m, const uint8_t *last, const float *back) {
  int histogram[GAIN_BINS] = {0}, n = 0;
  for (int i = 0; i < N; i++) {
    const float ref = last ? (float)last[i] : back ? back[i] : 0.0f; // one of the two is given
    if (ref < GAIN_DARK || m->now[i] < GAIN_DARK || m->now[i] > 245 || ref > 245.0f)
      continue;
    // Within 64 * log(245 / 12) of the middle: the sum is positive, and cut off is rounded.
    const float bins = log_of(m, (float)m->now[i]) - log_of(m, ref);
    const int bin = (int)(bins + 2 * GAIN_BINS + 0.5f) - 2 * GAIN_BINS + GAIN_BINS / 2;
    histogram[bin < 0 ? 0 : bin >= GAIN_BINS ? GAIN_BINS - 1 : bin]++;
    n++;
  }
  if (n < N / 10)
    return 1.0f;
  int below = 0, bin = 0;
  while (bin < GAIN_BINS - 1 && (below += histogram[bin]) < n / 2)
    bin++;
  const int centred = bin - GAIN_BINS / 2;
  return expf((float)centred / BINS_E);
}

// A cell stays set when at least 4 of the 9 around it are: single noisy cells go.
static void despeckle(uint8_t *restrict m, uint8_t *restrict sums) {
  for (int y = 0; y < H; y++) {
    const uint8_t *r1 = m + y * W, *r0 = y > 0 ? r1 - W : NULL, *r2 = y < H - 1 ? r1 + W : NULL;
    for (int x = 0; x < W; x++)
      sums[y * W + x] = (uint8_t)((r0 ? r0[x] : 0) + r1[x] + (r2 ? r2[x] : 0));
  }
  for (int y = 0; y < H; y++) {
    const uint8_t *s = sums + y * W;
    uint8_t *to = m + y * W;
    to[0] = s[0] + s[1] >= 4;
    for (int x = 1; x < W - 1; x++)
      to[x] = s[x - 1] + s[x] + s[x + 1] >= 4;
    to[W - 1] = s[W - 2] + s[W - 1] >= 4;
  }
}

static void begin_background(struct motion *m) {
  for (int i = 0; i < N; i++)
    m->back[i] = (float)m->now[i];
  memset(m->still_since, 0, sizeof m->still_since);
  memset(m->front, 0, sizeof m->front);
  memset(m->changed, 0, sizeof m->changed);
}

struct around {
  int l, r, u, d; // the neighbours of a cell, itself where the frame ends
};

static struct around around(int i) {
  const int x = i % W, y = i / W;
  return (struct around){x > 0 ? i - 1 : i, x < W - 1 ? i + 1 : i, y > 0 ? i - W : i,
                         y < H - 1 ? i + W : i};
}

static float edge_now(int i, const uint8_t *now) {
  const struct around a = around(i);
  return (float)(abs(now[a.r] - now[a.l]) + abs(now[a.d] - now[a.u]));
}

static float edge_back(int i, const float *back) {
  const struct around a = around(i);
  return fabsf(back[a.r] - back[a.l]) + fabsf(back[a.d] - back[a.u]);
}

struct thing {
  int x0, y0, x1, y1, area, moving, in_zone;
  float edge_now, edge_back;
};

// Flood fill of the component at `start`; cells get `label`.
static struct thing fill(struct motion *m, int start, uint8_t label) {
  struct thing t = {W, H, 0, 0, 0, 0, 0, 0.0f, 0.0f};
  int top = 0;
  m->stack[top++] = (int16_t)start;
  m->label[start] = label;
  while (top > 0) {
    const int i = m->stack[--top], x = i % W, y = i / W;
    t.area++;
    t.moving += m->changed[i];
    t.in_zone += m->mask[i];
    t.x0 = x < t.x0 ? x : t.x0;
    t.y0 = y < t.y0 ? y : t.y0;
    t.x1 = x > t.x1 ? x : t.x1;
    t.y1 = y > t.y1 ? y : t.y1;
    bool rim = false;
    for (int v = y - 1; v <= y + 1; v++) {
      for (int u = x - 1; u <= x + 1; u++) {
        if (u < 0 || v < 0 || u >= W || v >= H)
          continue;
        const int k = v * W + u;
        rim = rim || !m->front[k];
        if (m->front[k] && !m->label[k]) {
          m->label[k] = label;
          m->stack[top++] = (int16_t)k;
        }
      }
    }
    if (rim) {
      t.edge_now += edge_now(i, m->now);
      t.edge_back += edge_back(i, m->back);
    }
  }
  return t;
}

// A still thing whose outline is in the background but not in the picture has left: the background
// shows it yet.
static bool is_ghost(const struct thing *t) {
  return t->moving * 20 < t->area && t->edge_now < GHOST_EDGE * t->edge_back;
}

static void keep_box(struct motion_result *out, const struct thing *t) {
  const struct motion_box b = {(float)t->x0 / W,       (float)t->y0 / H,
                               (float)(t->x1 + 1) / W, (float)(t->y1 + 1) / H,
                               (float)t->area / N,     (float)t->moving / (float)t->area};
  int i = out->boxes < MOTION_BOXES_MAX ? out->boxes++ : MOTION_BOXES_MAX;
  if (i == MOTION_BOXES_MAX && out->box[--i].area >= b.area)
    return;
  for (; i > 0 && out->box[i - 1].area < b.area; i--)
    out->box[i] = out->box[i - 1];
  out->box[i] = b;
}

static void find_things(struct motion *m, struct motion_result *out) {
  memset(m->label, 0, sizeof m->label);
  for (int i = 0; i < N; i++) {
    if (!m->front[i] || m->label[i])
      continue;
    const struct thing t = fill(m, i, 1);
    if (is_ghost(&t)) {
      for (int y = t.y0; y <= t.y1; y++)
        for (int x = t.x0; x <= t.x1; x++)
          if (m->label[y * W + x] && m->front[y * W + x]) {
            m->back[y * W + x] = (float)m->now[y * W + x];
            m->still_since[y * W + x] = 0;
          }
      continue;
    }
    if (t.in_zone > 0 && (float)t.area >= THING_PART * N)
      keep_box(out, &t);
  }
}

// Slow light changes flow into the background; what stands still for MOTION_ABSORB_NS becomes part
// of it.
static void follow(struct motion *m, float gain, int64_t t_ns) {
  const float dt = (float)(t_ns - m->last_ns) / (float)BACKGROUND_NS;
  const float a = dt <= 0.0f ? 0.0f : dt > 0.5f ? 0.5f : dt;
  for (int i = 0; i < N; i++) {
    m->back[i] = at_most_255(m->back[i] * gain);
    if (!m->front[i]) {
      m->still_since[i] = 0;
      m->back[i] += a * ((float)m->now[i] - m->back[i]);
    } else if (m->changed[i] || m->still_since[i] == 0) {
      m->still_since[i] = t_ns > 0 ? t_ns : 1;
    } else if (t_ns - m->still_since[i] >= MOTION_ABSORB_NS) {
      m->back[i] = (float)m->now[i];
      m->still_since[i] = 0;
    }
  }
}

bool motion_step(struct motion *m, const struct image_view *frame, int64_t t_ns,
                 struct motion_result *out, struct err *e) {
  *out = (struct motion_result){0};
  if (!ocv_luma(m->work, frame, W, H, m->raw, N, e))
    return err_prefix(e, "motion gate");
  blur3(m->raw, m->now);
  if (!m->started) {
    begin_background(m);
    m->started = true;
    m->noise = 1.0f;
    out->scene_changed = true;
    goto done;
  }
  const float gain = gain_between(m, m->last, NULL);
  const float gain_back = gain_between(m, NULL, m->back);
  const float limit = fmaxf(NOISE_FLOOR, NOISE_TIMES * m->noise);
  float quiet = 0.0f;
  int quiet_cells = 0, changed_all = 0, changed_zone = 0, front_zone = 0;
  for (int i = 0; i < N; i++) {
    const float d = fabsf((float)m->now[i] - at_most_255(gain * (float)m->last[i]));
    const float b = fabsf((float)m->now[i] - at_most_255(gain_back * m->back[i]));
    m->changed[i] = d > limit;
    m->front[i] = b > limit + FRONT_EXTRA;
    if (!m->changed[i]) {
      quiet += d;
      quiet_cells++;
    }
  }
  if (quiet_cells > N / 4)
    m->noise += 0.1f * (quiet / (float)quiet_cells - m->noise);
  despeckle(m->changed, m->tmp);
  despeckle(m->front, m->tmp);
  for (int i = 0; i < N; i++) {
    changed_all += m->changed[i];
    changed_zone += m->changed[i] & m->mask[i];
    front_zone += m->front[i] & m->mask[i];
  }
  out->changed = (float)changed_zone / (float)(m->zone_cells ? m->zone_cells : 1);
  if ((float)changed_all > SCENE_PART * N) {
    begin_background(m);
    out->scene_changed = out->moving = true;
    goto done;
  }
  out->moving = out->changed > MOVING_PART;
  find_things(m, out);
  out->occupied = out->boxes > 0 || (float)front_zone > 4.0f * THING_PART * N;
  follow(m, gain_back, t_ns);
done:
  memcpy(m->last, m->now, N);
  m->last_ns = t_ns;
  return true;
}
