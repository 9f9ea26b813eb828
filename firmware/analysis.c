// SPDX-License-Identifier: Apache-2.0
#include "firmware/analysis.h"

#include "board/log.h"
#include "board/metrics.h"
#include "firmware/analysis_seed.h"
#include "firmware/frame_view.h"
#include "vision/analyser.h"
#include "vision/detector.h"
#include "vision/net.h"
#include "vision/reader.h"
#include "vision/tess_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_MS 200 // longest wait for a frame: how soon a stop and a car that is gone are noticed

struct analysis {
  const struct bp_clock *clock;
  struct camera_feed *feed;
  struct newest *newest;
  visit_event_fn *on_event;
  void (*on_frame)(void *ctx, struct frame *f, const struct plate_read *reads, int n,
                   bool occupied);
  void *ctx;
  struct detector *detector;
  struct reader *reader, *second; // second: NULL when its model cannot be used
  struct analyser *analyser;
  pthread_t thread;
  int64_t last_frame_ns; // the analysis thread's own
  atomic_bool stop, ended;
  pthread_mutex_t lock; // for the next two
  struct analyser_config next;
  bool reload;
  atomic_int_least64_t last_step_ns, attend_ns; // attend_ns: asked for, 0: nothing
  struct {
    struct metric *frames, *failed, *detector_runs, *near_looks, *reads, *second_reads, *step, *age;
    struct metric *car_frames, *car_looked;
  } metric;
};

static void show_stats(struct analysis *a, struct analyser_stats *last) {
  struct analyser_stats now;
  analyser_get_stats(a->analyser, &now);
  metric_add(a->metric.detector_runs, (int64_t)(now.detector_runs - last->detector_runs));
  metric_add(a->metric.near_looks, (int64_t)(now.near_looks - last->near_looks));
  metric_add(a->metric.reads, (int64_t)(now.reads - last->reads));
  metric_add(a->metric.second_reads, (int64_t)(now.second_reads - last->second_reads));
  metric_add(a->metric.car_frames, (int64_t)(now.car_frames - last->car_frames));
  metric_add(a->metric.car_looked, (int64_t)(now.car_looked - last->car_looked));
  *last = now;
}

// A recording analysed faster than it was made runs ahead of the clock: time stands still until the
// clock is there.
static void idle(struct analysis *a) {
  int64_t now = clock_mono_ns(a->clock);
  analyser_idle(a->analyser, now > a->last_frame_ns ? now : a->last_frame_ns, a->on_event, a->ctx);
}

static void look(struct analysis *a, struct frame *f) {
  struct image_view view = frame_view(f);
  struct err e;
  int64_t begin = clock_mono_ns(a->clock);
  a->last_frame_ns = f->mono_ns;
  const int64_t attend = atomic_exchange(&a->attend_ns, 0);
  if (attend > 0)
    analyser_attend(a->analyser, f->mono_ns + attend);
  if (!analyser_step(a->analyser, &view, f->mono_ns, a->on_event, a->ctx, &e)) {
    metric_add(a->metric.failed, 1);
    log_warn("analysis", "a frame could not be analysed: %s", e.text);
  }
  int64_t end = clock_mono_ns(a->clock);
  if (a->on_frame) {
    const struct plate_read *reads = NULL;
    bool occupied = false;
    const int n = analyser_plates(a->analyser, &reads, &occupied);
    a->on_frame(a->ctx, f, reads, n, occupied);
  }
  metric_add(a->metric.frames, 1);
  metric_observe_ns(a->metric.step, end - begin);
  metric_observe_ns(a->metric.age, end - f->mono_ns);
}

static void take_over(struct analysis *a) {
  struct err e;
  pthread_mutex_lock(&a->lock);
  const bool reload = a->reload;
  const struct analyser_config next = a->next;
  a->reload = false;
  pthread_mutex_unlock(&a->lock);
  if (reload && !analyser_configure(a->analyser, &next, &e))
    log_error("analysis", "the new configuration is not taken over: %s", e.text);
}

static void *run(void *ctx) {
  struct analysis *a = ctx;
  struct analyser_stats stats = {0};
  while (!atomic_load(&a->stop)) {
    struct frame *f = NULL;
    take_over(a);
    switch (camera_feed_take(a->feed, TAKE_MS, &f)) {
    case FEED_FRAME:
      newest_offer(a->newest, f);
      look(a, f);
      frame_unref(f);
      show_stats(a, &stats);
      break;
    case FEED_LOST:
      analyser_camera_lost(a->analyser);
      break;
    case FEED_ENDED:
      atomic_store(&a->ended, true);
      idle(a);
      break;
    case FEED_NOTHING:
      idle(a);
      break;
    }
    atomic_store(&a->last_step_ns, clock_mono_ns(a->clock));
  }
  return NULL;
}

static bool load(struct analysis *a, const struct analysis_options *o, struct err *e) {
  const char *dir = o->config->vision.models[0] ? o->config->vision.models : BAYPLATE_MODEL_DIR;
  if (!net_set_threads(o->config->vision.threads, e) || !detector_new(&a->detector, dir, e) ||
      !reader_new(&a->reader, dir, e))
    return err_prefix(e, "models");
  struct analyser_config config = o->config->visit;
  if (!analysis_first_visit(o->store, &config.first_visit, e) ||
      !analyser_new(&a->analyser, &config, a->detector, a->reader, e))
    return false;
  struct opinion_table opinions;
  struct err why;
  if (tess_reader_new(&a->second, dir, &opinions, &why))
    analyser_set_second(a->analyser, a->second, &opinions);
  else
    log_error("models", "%s; visits get no second opinion", why.text);
  return analysis_seed(a->analyser, o->store, o->clock, config.same_car_gap_ns, e);
}

static void release(struct analysis *a) {
  analyser_free(a->analyser);
  reader_free(a->second);
  reader_free(a->reader);
  detector_free(a->detector);
  (void)pthread_mutex_destroy(&a->lock); // nobody holds it
  free(a);
}

bool analysis_new(struct analysis **out, const struct analysis_options *options, struct err *e) {
  struct analysis *a = calloc(1, sizeof *a);
  if (!a)
    return err_set(e, ERR_NOMEM, "no memory for the analysis");
  if (pthread_mutex_init(&a->lock, NULL) != 0) {
    free(a);
    return err_set(e, ERR_NOMEM, "no memory for the analysis");
  }
  a->clock = options->clock;
  a->feed = options->feed;
  a->newest = options->newest;
  a->on_event = options->on_event;
  a->on_frame = options->on_frame;
  a->ctx = options->ctx;
  a->metric.frames = metric_counter("bayplate_frames_analysed_total", NULL, "Frames looked at.");
  a->metric.failed =
      metric_counter("bayplate_frames_failed_total", NULL, "Frames that could not be analysed.");
  a->metric.detector_runs =
      metric_counter("bayplate_detector_runs_total", NULL, "Detector looks at the whole zone.");
  a->metric.near_looks = metric_counter("bayplate_near_looks_total", NULL,
                                        "Detector looks at the place of a followed plate.");
  a->metric.car_frames =
      metric_counter("bayplate_car_frames_total", NULL, "Frames with a car in view.");
  a->metric.car_looked = metric_counter("bayplate_car_frames_looked_total", NULL,
                                        "Frames with a car in view that the detector looked at.");
  a->metric.reads = metric_counter("bayplate_reads_total", NULL, "Plates read, one a frame.");
  a->metric.second_reads = metric_counter("bayplate_second_reads_total", NULL,
                                          "Times the second reader was asked about a visit.");
  a->metric.step = metric_histogram("bayplate_analysis_seconds", NULL, "One frame's analysis.");
  a->metric.age = metric_histogram("bayplate_frame_age_seconds", NULL,
                                   "From a frame's time stamp to the end of its analysis.");
  atomic_store(&a->last_step_ns, clock_mono_ns(a->clock));
  if (!load(a, options, e)) {
    release(a);
    return false;
  }
  if (pthread_create(&a->thread, NULL, run, a) != 0) {
    release(a);
    return err_set(e, ERR_NOMEM, "the analysis thread cannot be started");
  }
  *out = a;
  return true;
}

void analysis_free(struct analysis *a) {
  if (!a)
    return;
  atomic_store(&a->stop, true);
  (void)pthread_join(a->thread, NULL); // our own joinable thread: cannot fail
  release(a);
}

void analysis_reload(struct analysis *a, const struct analyser_config *visit) {
  pthread_mutex_lock(&a->lock);
  a->next = *visit;
  a->reload = true;
  pthread_mutex_unlock(&a->lock);
}

void analysis_attend(struct analysis *a, int64_t for_ns) {
  atomic_store(&a->attend_ns, for_ns);
}

int64_t analysis_last_step_ns(struct analysis *a) {
  return atomic_load(&a->last_step_ns);
}

bool analysis_ended(struct analysis *a) {
  return atomic_load(&a->ended);
}
