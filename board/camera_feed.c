// SPDX-License-Identifier: Apache-2.0
#include "board/camera_feed.h"

#include "board/camera_feed_rules.h"
#include "board/log.h"
#include "board/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KNOBS_EVERY 50 // pictures between two looks at the knobs

struct camera_feed {
  struct camera_feed_config config;
  const struct camera_ops *ops;
  char shown[CAMERA_SOURCE_MAX];
  atomic_bool stop;
  pthread_t thread;
  pthread_mutex_t lock; // for all below
  pthread_cond_t changed;
  struct frame *queue[CAMERA_FEED_QUEUE];
  int queued;
  bool lost;       // not yet told to the taker
  bool ended_told; // the taker knows, so its next call may wait
  struct camera_status status;
  struct camera_controls want;
  bool want_changed;
  struct camera_knob_state knobs[CAMERA_KNOBS];
  // The thread's own:
  struct camera_rules rules;
  struct {
    struct metric *frames, *dropped, *lost, *tries, *online;
  } metric;
};

static void clear_queue(struct camera_feed *f) {
  for (int i = 0; i < f->queued; i++)
    frame_unref(f->queue[i]);
  f->queued = 0;
}

// The oldest one, which is the caller's now.
static struct frame *pop(struct camera_feed *f) {
  struct frame *oldest = f->queue[0];
  f->queued--;
  for (int i = 0; i < f->queued; i++)
    f->queue[i] = f->queue[i + 1];
  return oldest;
}

static void wake(struct camera_feed *f) {
  (void)pthread_cond_broadcast(&f->changed); // cannot fail for an initialised condition
}

// Waits for a change until `until_ns` of the machine's clock; false when the time ran out.
static bool wait_change(struct camera_feed *f, int64_t until_ns) {
  struct timespec t = {.tv_sec = until_ns / CLOCK_NS_PER_S, .tv_nsec = until_ns % CLOCK_NS_PER_S};
  return pthread_cond_timedwait(&f->changed, &f->lock, &t) != ETIMEDOUT;
}

static int64_t in_ms(int64_t ms) {
  return clock_mono_ns(clock_system()) + ms * CLOCK_NS_PER_MS;
}

// Frames that waited are given up: after a loss nothing old may be taken for a new arrival.
static void go_offline(struct camera_feed *f, const struct err *why) {
  pthread_mutex_lock(&f->lock);
  bool was = f->status.state == CAMERA_ONLINE;
  bool news = f->status.state != CAMERA_OFFLINE;
  f->status.state = CAMERA_OFFLINE;
  (void)snprintf(f->status.error, sizeof f->status.error, "%s", why->text); // cut is fine
  clear_queue(f);
  f->lost = f->lost || was;
  wake(f);
  pthread_mutex_unlock(&f->lock);
  metric_set(f->metric.online, 0);
  if (was)
    metric_add(f->metric.lost, 1);
  if (news)
    log_warn("camera", "offline: %s", why->text);
  else
    log_debug("camera", "still offline: %s", why->text);
}

static void end(struct camera_feed *f, const char *text) {
  pthread_mutex_lock(&f->lock);
  f->status.state = CAMERA_ENDED;
  (void)snprintf(f->status.error, sizeof f->status.error, "%s", text);
  wake(f);
  pthread_mutex_unlock(&f->lock);
  metric_set(f->metric.online, 0);
  log_info("camera", "%s is over after %llu frames%s%s", f->shown,
           (unsigned long long)f->status.frames, text[0] ? ": " : "", text);
}

static void give(struct camera_feed *f, struct frame *frame) {
  bool wait_for_taker = f->config.camera.fast && !f->ops->live;
  pthread_mutex_lock(&f->lock);
  while (wait_for_taker && f->queued == CAMERA_FEED_QUEUE && !atomic_load(&f->stop))
    (void)wait_change(f, in_ms(1000)); // looks again either way
  if (f->queued == CAMERA_FEED_QUEUE) {
    frame_unref(pop(f));
    f->status.dropped++;
    metric_add(f->metric.dropped, 1);
  }
  bool back = f->status.state != CAMERA_ONLINE;
  f->queue[f->queued++] = frame;
  f->status.state = CAMERA_ONLINE;
  f->status.error[0] = '\0';
  f->status.frames++;
  f->status.last_frame_wall_ns = frame->wall_ns;
  f->status.last_frame_mono_ns = frame->mono_ns;
  int width = frame->width, height = frame->height; // the taker may free it once unlocked
  wake(f);
  pthread_mutex_unlock(&f->lock);
  metric_add(f->metric.frames, 1);
  metric_set(f->metric.online, 1);
  if (back)
    log_info("camera", "online: %s %dx%d", f->shown, width, height);
}

// Meets what is wished; `first`: the camera was just opened, and knows nothing of it yet.
static void control(struct camera_feed *f, struct camera *c, bool first) {
  static const struct camera_controls nothing;
  struct camera_knob_state state[CAMERA_KNOBS];
  pthread_mutex_lock(&f->lock);
  const struct camera_controls want = first || f->want_changed ? f->want : nothing;
  const bool wished = first || f->want_changed;
  f->want_changed = false;
  pthread_mutex_unlock(&f->lock);
  if (!f->ops->control)
    return;
  f->ops->control(c, &want, state);
  pthread_mutex_lock(&f->lock);
  for (int i = 0; i < CAMERA_KNOBS; i++) {
    if (!wished) // a look alone says nothing about the wish before
      memcpy(state[i].error, f->knobs[i].error, sizeof state[i].error);
    f->knobs[i] = state[i];
  }
  pthread_mutex_unlock(&f->lock);
  for (int i = 0; wished && i < CAMERA_KNOBS; i++) {
    if (state[i].error[0])
      log_warn("camera", "%s: %s", camera_knob_name((enum camera_knob)i), state[i].error);
  }
}

enum outcome { TRY_AGAIN, OVER };

// Is there a wish, or is it time to look at what the automatic did?
static bool control_due(struct camera_feed *f, unsigned taken) {
  pthread_mutex_lock(&f->lock);
  const bool due = f->want_changed || (f->ops->control && taken % KNOBS_EVERY == KNOBS_EVERY - 1);
  pthread_mutex_unlock(&f->lock);
  return due;
}

// One life of the camera, from open to its end or fault.
static enum outcome live_once(struct camera_feed *f) {
  struct err e = {0};
  struct camera *c = NULL;
  metric_add(f->metric.tries, 1);
  if (!f->ops->open(&c, &f->config.camera, &e)) {
    if (!atomic_load(&f->stop))
      go_offline(f, &e);
    return TRY_AGAIN;
  }
  enum outcome outcome = TRY_AGAIN;
  bool given = false;
  unsigned taken = 0;
  control(f, c, true);
  int64_t opened_ns = clock_mono_ns(f->config.camera.clock);
  for (bool on = true; on && !atomic_load(&f->stop);) {
    struct frame *frame = NULL;
    enum camera_next got = f->ops->next(c, &frame, &e);
    enum camera_verdict verdict = CAMERA_GIVE;
    if (got == CAMERA_FRAME)
      verdict = camera_rules_look(&f->rules, frame);
    if (got == CAMERA_FRAME && verdict == CAMERA_GIVE) {
      if (!given)
        opened_ns = frame->mono_ns;
      given = true;
      give(f, frame);
      if (control_due(f, taken++))
        control(f, c, false);
      continue;
    }
    frame_unref(frame);
    if (verdict == CAMERA_STILL_FROZEN || verdict == CAMERA_FROZEN) {
      err_set(&e, ERR_IO, "%s: frozen: the same picture for %d ms", f->shown, f->config.offline_ms);
      go_offline(f, &e);
      on = verdict == CAMERA_STILL_FROZEN;
      continue;
    }
    on = false;
    if (atomic_load(&f->stop))
      break;
    if (!f->ops->live && (got == CAMERA_END || given)) { // played again it would replay its cars
      end(f, got == CAMERA_END ? "" : e.text);
      outcome = OVER;
    } else {
      if (got == CAMERA_END)
        err_set(&e, ERR_NET, "%s: the stream ended", f->shown);
      go_offline(f, &e);
    }
  }
  f->ops->close(c);
  if (given)
    camera_rules_lived(&f->rules, clock_mono_ns(f->config.camera.clock) - opened_ns);
  return outcome;
}

static void *run(void *ctx) {
  struct camera_feed *f = ctx;
  while (!atomic_load(&f->stop) && live_once(f) == TRY_AGAIN) {
    int64_t until = in_ms(camera_rules_pause_ms(&f->rules));
    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->stop) && clock_mono_ns(clock_system()) < until)
      (void)wait_change(f, until); // looks again either way
    pthread_mutex_unlock(&f->lock);
  }
  return NULL;
}

static bool start(struct camera_feed *f, struct err *e) {
  pthread_condattr_t attr;
  if (pthread_condattr_init(&attr) != 0)
    return err_set(e, ERR_NOMEM, "camera: no memory");
  bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
            pthread_cond_init(&f->changed, &attr) == 0;
  (void)pthread_condattr_destroy(&attr); // does nothing on Linux
  if (!ok)
    return err_set(e, ERR_NOMEM, "camera: no memory");
  if (pthread_mutex_init(&f->lock, NULL) == 0) {
    if (pthread_create(&f->thread, NULL, run, f) == 0)
      return true;
    (void)pthread_mutex_destroy(&f->lock); // nobody holds it
  }
  (void)pthread_cond_destroy(&f->changed); // nobody waits
  return err_set(e, ERR_NOMEM, "camera: the thread cannot be started");
}

bool camera_feed_new(struct camera_feed **out, const struct camera_feed_config *config,
                     struct err *e) {
  const struct camera_ops *ops = camera_driver(config->camera.source, e);
  if (!ops)
    return false;
  if (!config->camera.clock)
    return err_set(e, ERR_ARG, "camera: no clock given");
  struct camera_feed *f = calloc(1, sizeof *f);
  if (!f)
    return err_set(e, ERR_NOMEM, "camera: no memory");
  f->ops = ops;
  f->config = *config;
  f->want = config->controls;
  camera_source_shown(config->camera.source, f->shown, sizeof f->shown);
  struct camera_feed_config *c = &f->config;
  c->camera.cancel = &f->stop;
  c->offline_ms = c->offline_ms > 0 ? c->offline_ms : CAMERA_FEED_OFFLINE_MS;
  c->pause_ms = c->pause_ms > 0 ? c->pause_ms : CAMERA_FEED_PAUSE_MS;
  c->pause_max_ms = c->pause_max_ms > 0 ? c->pause_max_ms : CAMERA_FEED_PAUSE_MAX_MS;
  if (c->camera.read_ms <= 0 || c->camera.read_ms > c->offline_ms)
    c->camera.read_ms = c->offline_ms; // a read that takes longer is the loss itself
  camera_rules_init(&f->rules, ops->live && !c->may_freeze ? c->offline_ms : 0, c->pause_ms,
                    c->pause_max_ms, (uint64_t)clock_mono_ns(clock_system()));
  f->metric.frames =
      metric_counter("bayplate_camera_frames_total", NULL, "Frames the camera gave.");
  f->metric.dropped = metric_counter("bayplate_camera_frames_dropped_total", NULL,
                                     "Frames pushed out of the queue by newer ones.");
  f->metric.lost = metric_counter("bayplate_camera_lost_total", NULL, "Times it went offline.");
  f->metric.tries = metric_counter("bayplate_camera_opens_total", NULL, "Tries to open it.");
  f->metric.online = metric_gauge("bayplate_camera_online", NULL, "1 while frames come.");
  if (!start(f, e)) {
    free(f);
    return false;
  }
  *out = f;
  return true;
}

void camera_feed_free(struct camera_feed *f) {
  if (!f)
    return;
  pthread_mutex_lock(&f->lock);
  atomic_store(&f->stop, true);
  wake(f);
  pthread_mutex_unlock(&f->lock);
  (void)pthread_join(f->thread, NULL); // our own joinable thread: cannot fail
  clear_queue(f);
  (void)pthread_cond_destroy(&f->changed); // nobody waits any more
  (void)pthread_mutex_destroy(&f->lock);
  free(f);
}

enum camera_feed_take camera_feed_take(struct camera_feed *f, int timeout_ms, struct frame **out) {
  int64_t until = in_ms(timeout_ms);
  enum camera_feed_take took = FEED_NOTHING;
  pthread_mutex_lock(&f->lock);
  bool more = true;
  while (!f->lost && f->queued == 0 && more && (f->status.state != CAMERA_ENDED || f->ended_told))
    more = wait_change(f, until);
  if (f->lost) {
    f->lost = false;
    took = FEED_LOST;
  } else if (f->queued > 0) {
    *out = pop(f);
    wake(f); // the camera's thread may wait for the place
    took = FEED_FRAME;
  } else if (f->status.state == CAMERA_ENDED) {
    f->ended_told = true;
    took = FEED_ENDED;
  }
  pthread_mutex_unlock(&f->lock);
  return took;
}

void camera_feed_control(struct camera_feed *f, const struct camera_controls *want) {
  pthread_mutex_lock(&f->lock);
  f->want_changed = f->want_changed || memcmp(&f->want, want, sizeof *want) != 0;
  f->want = *want;
  pthread_mutex_unlock(&f->lock);
}

void camera_feed_knobs(struct camera_feed *f, struct camera_knob_state out[CAMERA_KNOBS]) {
  pthread_mutex_lock(&f->lock);
  if (f->status.state == CAMERA_ONLINE)
    memcpy(out, f->knobs, sizeof f->knobs);
  else
    memset(out, 0, sizeof f->knobs);
  pthread_mutex_unlock(&f->lock);
}

void camera_feed_status(struct camera_feed *f, struct camera_status *out) {
  pthread_mutex_lock(&f->lock);
  *out = f->status;
  pthread_mutex_unlock(&f->lock);
}

const char *camera_state_name(enum camera_state s) {
  static const char *const names[] = {"starting", "online", "offline", "ended"};
  return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "unknown";
}
