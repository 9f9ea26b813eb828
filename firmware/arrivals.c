// SPDX-License-Identifier: Apache-2.0
#include "firmware/arrivals.h"

#include "board/log.h"
#include "board/metrics.h"
#include "firmware/arrivals_row.h"
#include "firmware/lookup.h"
#include "firmware/said.h"
#include "firmware/tie.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWERED_MAX 16 // visits of one plate; more cars of one plate are not in one bay

// What a person says, on its way from a page's thread, which waits for it.
struct saying {
  uint64_t visit;
  char plate[PLATE_TEXT_MAX];
  int64_t by;
  struct err *e;
  bool done, ok;
};

struct arrivals {
  struct arrivals_options o;
  struct lookup *lookup;
  pthread_t thread;
  int64_t
      told_day; // day and trust the open cards were told with, 0: none yet; arrivals thread only
  bool told_trust;
  struct store_visit answered_visit[ANSWERED_MAX]; // of the plate whose answer is being saved
  size_t answered;
  pthread_mutex_t lock; // guards what follows
  struct card_context card;
  struct calendar_config calendar[ARRIVALS_RELOADS_MAX];
  unsigned calendars;
  int64_t retry_ms;
  bool reloaded;
  pthread_cond_t filled, emptied; // emptied: also of `saying`
  struct arrival queue[ARRIVALS_QUEUE];
  unsigned head, count;
  bool started; // the caller's thread only
  bool stop, answers;
  struct saying *saying; // NULL: nobody; pages ask one after another
  bool over;             // the thread takes nothing more
  bool trouble;
  char trouble_text[ERR_TEXT_MAX];
  struct {
    struct metric *opened, *evidence_failed, *store_failed, *write, *said_same, *said_other;
  } metric;
};

void arrivals_card_context(struct arrivals *a, struct card_context *out) {
  pthread_mutex_lock(&a->lock);
  *out = a->card;
  pthread_mutex_unlock(&a->lock);
  out->now_ms = clock_wall_ns(a->o.clock) / CLOCK_NS_PER_MS;
  out->clock_trusted = clock_trusted(a->o.clock, a->o.clock_need_sync);
}

void arrivals_policy(struct arrivals *a, struct lookup_health *out) {
  lookup_health(a->lookup, out);
}

bool arrivals_policy_probe(struct arrivals *a, struct err *e) {
  return lookup_probe(a->lookup, e);
}

bool arrivals_evidence_trouble(struct arrivals *a, char *text) {
  pthread_mutex_lock(&a->lock);
  bool t = a->trouble;
  memcpy(text, a->trouble_text, sizeof a->trouble_text);
  pthread_mutex_unlock(&a->lock);
  return t;
}

static void note_evidence(struct arrivals *a, bool ok, const struct err *e) {
  pthread_mutex_lock(&a->lock);
  a->trouble = !ok;
  if (!ok)
    memcpy(a->trouble_text, e->text, sizeof a->trouble_text);
  pthread_mutex_unlock(&a->lock);
  if (ok)
    return;
  metric_add(a->metric.evidence_failed, 1);
  log_error("evidence", "%s", e->text);
}

static void announce(struct arrivals *a, const struct store_visit *v) {
  struct card_context ctx;
  arrivals_card_context(a, &ctx);
  char *json = NULL;
  struct err e;
  if (!card_json(a->o.store, &ctx, v, &json, &e)) {
    log_error("arrivals", "visit %" PRIu64 " cannot be shown: %s", v->id, e.text);
    return;
  }
  a->o.announce(a->o.ctx, v->rev, json);
  free(json);
}

static void announce_id(struct arrivals *a, uint64_t id) {
  struct store_visit v;
  struct err e;
  if (store_visit_get(a->o.store, id, &v, &e))
    announce(a, &v);
  else
    log_error("arrivals", "visit %" PRIu64 ": %s", id, e.text);
}

// The crop first: a row never names a file that is not there.
static void save_evidence(struct arrivals *a, const struct arrival *in, struct store_visit *v) {
  if (!in->jpeg || !a->o.evidence)
    return;
  char path[EVIDENCE_PATH_MAX];
  struct err e;
  bool ok = evidence_write(a->o.evidence, v->id, v->rev + 1, v->last_seen_ms, in->jpeg,
                           in->jpeg_len, path, &e);
  if (ok)
    memcpy(v->evidence, path, sizeof v->evidence);
  note_evidence(a, ok, &e);
}

static double wall_ms(const struct arrival *in, int64_t mono_ns) {
  return mono_ns == 0 ? 0 : (double)(in->now_wall_ns - (in->now_mono_ns - mono_ns)) * 1e-6;
}

// The way of one event in wall time, for tools/bench-card: first frame with any text, first frame
// that could be trusted, the frame that made the event, its end of analysis, taken here, told.
static void log_way(struct arrivals *a, const struct arrival *in, uint64_t rev, int64_t taken_ns) {
  const struct visit_event *ev = &in->event;
  if (!log_enabled(LOG_LEVEL_DEBUG))
    return;
  log_debug("visit",
            "way id=%" PRIu64 " rev=%" PRIu64 " certainty=%d first_ms=%.1f readable_ms=%.1f "
            "frame_ms=%.1f seen_ms=%.1f taken_ms=%.1f told_ms=%.1f",
            ev->visit, rev, (int)ev->certainty, wall_ms(in, ev->first_read_ns),
            wall_ms(in, ev->readable_ns), wall_ms(in, ev->t_ns), wall_ms(in, in->now_mono_ns),
            wall_ms(in, taken_ns), wall_ms(in, clock_mono_ns(a->o.clock)));
}

static void write_row(struct arrivals *a, const struct arrival *in) {
  struct store_visit v;
  struct err e;
  const int64_t taken_ns = clock_mono_ns(a->o.clock);
  // The network is slower than the disk: asked first. The answer is collected after this row.
  if (in->event.kind != VISIT_CLOSED)
    lookup_want(a->lookup, in->event.best.text);
  if (!store_visit_get(a->o.store, in->event.visit, &v, &e)) {
    if (e.code != ERR_NOT_FOUND)
      log_warn("arrivals", "visit %" PRIu64 " is begun again: %s", in->event.visit, e.text);
    memset(&v, 0, sizeof v);
  }
  arrivals_row(&in->event, in->now_mono_ns, in->now_wall_ns, a->o.camera, &v);
  if (!tie_break(a->o.store, &v, &e))
    log_warn("arrivals", "visit %" PRIu64 ": customers were not asked: %s", v.id, e.text);
  if (in->event.kind == VISIT_OPENED)
    v.clock_trusted = clock_trusted(a->o.clock, a->o.clock_need_sync);
  save_evidence(a, in, &v);
  if (!store_visit_put(a->o.store, &v, &e)) {
    metric_add(a->metric.store_failed, 1);
    log_error("store", "visit %" PRIu64 " is not saved yet: %s", v.id, e.text);
  }
  if (in->event.kind == VISIT_CLOSED && a->o.closed)
    a->o.closed(a->o.ctx, &v, in->event.opinion);
  announce(a, &v); // durable, or the page says loudly that it is not
  log_way(a, in, v.rev, taken_ns);
}

static void merge(struct arrivals *a, const struct arrival *in) {
  struct err e;
  int64_t now_ms = in->now_wall_ns / CLOCK_NS_PER_MS;
  if (!store_visit_merge(a->o.store, in->event.visit, in->event.into, now_ms, &e)) {
    metric_add(a->metric.store_failed, 1);
    log_error("store", "visits %" PRIu64 " and %" PRIu64 " are not joined: %s", in->event.visit,
              in->event.into, e.text);
    return;
  }
  announce_id(a, in->event.visit);
  announce_id(a, in->event.into);
}

static void handle(struct arrivals *a, const struct arrival *in) {
  int64_t begin = clock_mono_ns(a->o.clock);
  if (in->event.kind == VISIT_OPENED)
    metric_add(a->metric.opened, 1);
  log_info("visit", "%s id=%" PRIu64 " reads=%u confidence=%.3f opinion=%s",
           arrivals_kind_name(in->event.kind), in->event.visit, in->event.reads,
           (double)in->event.best.confidence, opinion_name(in->event.opinion));
  log_debug("visit", "id=%" PRIu64 " plate=%s", in->event.visit, in->event.best.text);
  if (in->event.kind == VISIT_MERGED)
    merge(a, in);
  else
    write_row(a, in);
  metric_observe_ns(a->metric.write, clock_mono_ns(a->o.clock) - begin);
}

static bool say(struct arrivals *a, const struct saying *s) {
  struct store_visit v;
  if (!store_visit_get(a->o.store, s->visit, &v, s->e))
    return false;
  if (v.phase == STORE_VISIT_MERGED)
    return err_set(s->e, ERR_NOT_FOUND, "visit %" PRIu64 " was the same car as %" PRIu64, v.id,
                   v.merged_into);
  const bool same = strcmp(tie_picture_text(&v), s->plate) == 0;
  said_apply(&v, s->plate, s->by);
  // Where the disk refuses it stays in memory, as a read would; the page says so loudly.
  if (!store_visit_put(a->o.store, &v, s->e))
    return false;
  metric_add(same ? a->metric.said_same : a->metric.said_other, 1);
  log_info("visit", "said id=%" PRIu64 " by=%" PRId64 " as-read=%d", v.id, s->by, (int)same);
  if (v.phase == STORE_VISIT_OPEN)
    lookup_want(a->lookup, v.text);
  announce(a, &v);
  return true;
}

static void tell_again(struct arrivals *a, struct store_visit *v) {
  struct err e;
  if (!store_visit_touch(a->o.store, v->id, &v->rev, &e))
    log_error("store", "visit %" PRIu64 ": %s", v->id, e.text);
  announce(a, v);
}

static void answered(void *ctx, const char *plate) {
  struct arrivals *a = ctx;
  struct err e;
  a->answered = 0;
  if (!store_visit_list_plate(a->o.store, plate, a->answered_visit, ANSWERED_MAX, &a->answered,
                              &e)) {
    log_error("arrivals", "visits of an answered plate: %s", e.text);
    a->answered = 0;
  }
  for (size_t i = 0; i < a->answered; i++) {
    struct store_visit *v = &a->answered_visit[i];
    if (!store_visit_touch(a->o.store, v->id, &v->rev, &e))
      log_error("store", "visit %" PRIu64 ": %s", v->id, e.text);
  }
}

static void tell_answered(void *ctx) {
  struct arrivals *a = ctx;
  for (size_t i = 0; i < a->answered; i++)
    announce(a, &a->answered_visit[i]);
}

// Days left change at midnight, when the clock becomes right, and with the configuration.
static bool cards_are_outdated(struct arrivals *a) {
  struct card_context ctx;
  arrivals_card_context(a, &ctx);
  struct date today = {0};
  int64_t day = date_today(ctx.now_ms * CLOCK_NS_PER_MS, &today) ? date_to_days(today) : 0;
  pthread_mutex_lock(&a->lock);
  bool reloaded = a->reloaded;
  a->reloaded = false;
  int64_t retry_ms = a->retry_ms;
  pthread_mutex_unlock(&a->lock);
  if (reloaded)
    lookup_set_ages(a->lookup, ctx.found_ttl_ms, ctx.unknown_ttl_ms, retry_ms);
  // A certificate that was not valid by the wrong clock may be now.
  if (a->told_day != 0 && ctx.clock_trusted && !a->told_trust)
    lookup_forget_pauses(a->lookup);
  bool outdated =
      reloaded || (a->told_day != 0 && (day != a->told_day || ctx.clock_trusted != a->told_trust));
  a->told_day = day;
  a->told_trust = ctx.clock_trusted;
  return outdated;
}

static void visit_open_cars(struct arrivals *a) {
  struct store_visit *open = calloc(STORE_PAGE_MAX, sizeof *open);
  size_t n = 0;
  struct err e;
  bool outdated = cards_are_outdated(a);
  if (!open || !store_visit_list_open(a->o.store, open, STORE_PAGE_MAX, &n, &e))
    n = 0; // the store's own trouble is told by store_flush
  for (size_t i = 0; i < n; i++) {
    lookup_want(a->lookup, open[i].text);
    if (outdated)
      tell_again(a, &open[i]);
  }
  free(open);
}

static void housekeeping(struct arrivals *a) {
  struct err e;
  if (!store_flush(a->o.store, &e))
    log_warn("store", "%s", e.text);
  if (a->o.evidence &&
      !evidence_rotate(a->o.evidence, clock_mono_ns(a->o.clock) / CLOCK_NS_PER_MS, NULL, &e))
    log_warn("evidence", "%s", e.text);
  visit_open_cars(a);
  if (a->o.tick)
    a->o.tick(a->o.ctx);
}

static struct timespec deadline(int64_t ms) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
    abort(); // fails only for an unknown clock id
  t.tv_sec += ms / 1000;
  t.tv_nsec += (ms % 1000) * 1000000;
  if (t.tv_nsec >= 1000000000) {
    t.tv_nsec -= 1000000000;
    t.tv_sec++;
  }
  return t;
}

static void *run(void *ctx) {
  struct arrivals *a = ctx;
  const struct lookup_news news = {.changed = answered, .saved = tell_answered, .ctx = a};
  struct timespec next = deadline(0);
  pthread_mutex_lock(&a->lock);
  while (!a->stop || a->count > 0) {
    int rc = 0;
    while (a->count == 0 && !a->answers && !a->stop && !(a->saying && !a->saying->done) &&
           rc != ETIMEDOUT)
      rc = pthread_cond_timedwait(&a->filled, &a->lock, &next);
    bool answers = a->answers;
    a->answers = false;
    struct arrival in;
    bool have = a->count > 0;
    // What was read before it was said goes first.
    struct saying *saying = !have && a->saying && !a->saying->done ? a->saying : NULL;
    if (have) {
      in = a->queue[a->head];
      a->head = (a->head + 1) % ARRIVALS_QUEUE;
      a->count--;
      pthread_cond_broadcast(&a->emptied);
    }
    pthread_mutex_unlock(&a->lock);
    if (have) {
      handle(a, &in);
      arrival_finish(&in);
    }
    if (saying) {
      const bool ok = say(a, saying);
      pthread_mutex_lock(&a->lock);
      saying->ok = ok;
      saying->done = true;
      pthread_cond_broadcast(&a->emptied);
      pthread_mutex_unlock(&a->lock);
    }
    if (answers)
      lookup_collect(a->lookup, &news);
    struct timespec now = deadline(0);
    if (now.tv_sec > next.tv_sec || (now.tv_sec == next.tv_sec && now.tv_nsec >= next.tv_nsec)) {
      housekeeping(a);
      next = deadline(ARRIVALS_TICK_MS);
    }
    pthread_mutex_lock(&a->lock);
  }
  a->over = true;
  pthread_cond_broadcast(&a->emptied);
  pthread_mutex_unlock(&a->lock);
  return NULL;
}

static void wake(void *ctx) {
  struct arrivals *a = ctx;
  pthread_mutex_lock(&a->lock);
  a->answers = true;
  pthread_cond_signal(&a->filled);
  pthread_mutex_unlock(&a->lock);
}

static bool init_locks(struct arrivals *a) {
  pthread_condattr_t attr;
  if (pthread_mutex_init(&a->lock, NULL) != 0)
    return false;
  if (pthread_condattr_init(&attr) != 0 || pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
      pthread_cond_init(&a->filled, &attr) != 0 || pthread_cond_init(&a->emptied, NULL) != 0)
    return false; // only without memory; the process ends then
  (void)pthread_condattr_destroy(&attr);
  return true;
}

bool arrivals_new(struct arrivals **out, const struct arrivals_options *options, struct err *e) {
  struct arrivals *a = calloc(1, sizeof *a);
  if (!a || !init_locks(a)) {
    free(a);
    return err_set(e, ERR_NOMEM, "no memory for the arrivals");
  }
  a->o = *options;
  a->calendar[a->calendars++] = *options->calendar;
  a->card = (struct card_context){.calendar = &a->calendar[0],
                                  .found_ttl_ms = options->found_ttl_ms,
                                  .unknown_ttl_ms = options->unknown_ttl_ms,
                                  .asks = options->policy != NULL};
  a->metric.opened = metric_counter("bayplate_visits_total", NULL, "Visits opened.");
  a->metric.evidence_failed =
      metric_counter("bayplate_evidence_failures_total", NULL, "Crops that could not be written.");
  a->metric.store_failed =
      metric_counter("bayplate_store_failures_total", NULL, "Rows that could not be written.");
  a->metric.said_same = metric_counter("bayplate_plates_said_total", "as_read=\"yes\"",
                                       "Plates that people said, as the picture had it or not.");
  a->metric.said_other = metric_counter("bayplate_plates_said_total", "as_read=\"no\"",
                                        "Plates that people said, as the picture had it or not.");
  a->metric.write = metric_histogram("bayplate_visit_write_seconds", NULL,
                                     "From a visit event taken up to its card announced.");
  const struct lookup_options lo = {.policy = options->policy,
                                    .clock = options->clock,
                                    .store = options->store,
                                    .found_ttl_ms = options->found_ttl_ms,
                                    .unknown_ttl_ms = options->unknown_ttl_ms,
                                    .retry_ms = options->retry_ms,
                                    .wake = wake,
                                    .ctx = a};
  if (!lookup_new(&a->lookup, &lo, e))
    goto err_free;
  *out = a;
  return true;
err_free:
  pthread_cond_destroy(&a->filled);
  pthread_cond_destroy(&a->emptied);
  pthread_mutex_destroy(&a->lock);
  free(a);
  return false;
}

bool arrivals_start(struct arrivals *a, struct err *e) {
  if (pthread_create(&a->thread, NULL, run, a) != 0)
    return err_set(e, ERR_NOMEM, "the arrivals thread cannot be started");
  a->started = true;
  return true;
}

bool arrivals_reload(struct arrivals *a, const struct calendar_config *calendar,
                     int64_t found_ttl_ms, int64_t unknown_ttl_ms, int64_t retry_ms,
                     struct err *e) {
  pthread_mutex_lock(&a->lock);
  bool room = a->calendars < ARRIVALS_RELOADS_MAX;
  if (room) {
    a->calendar[a->calendars] = *calendar;
    a->card.calendar = &a->calendar[a->calendars++];
    a->card.found_ttl_ms = found_ttl_ms;
    a->card.unknown_ttl_ms = unknown_ttl_ms;
    a->retry_ms = retry_ms;
    a->reloaded = true;
  }
  pthread_mutex_unlock(&a->lock);
  return room ||
         err_set(e, ERR_LIMIT, "reloaded %d times; restart the terminal", ARRIVALS_RELOADS_MAX);
}

void arrivals_post(struct arrivals *a, const struct visit_event *event) {
  struct arrival in;
  struct err e = {0};
  if (!arrival_init(&in, event, a->o.clock, &e))
    note_evidence(a, false, &e); // the visit goes on without its picture
  pthread_mutex_lock(&a->lock);
  while (a->count == ARRIVALS_QUEUE)
    pthread_cond_wait(&a->emptied, &a->lock);
  a->queue[(a->head + a->count) % ARRIVALS_QUEUE] = in;
  a->count++;
  pthread_cond_signal(&a->filled);
  pthread_mutex_unlock(&a->lock);
}

bool arrivals_say(struct arrivals *a, uint64_t visit, const char *plate, int64_t by,
                  struct err *e) {
  struct saying s = {.visit = visit, .by = by, .e = e};
  memcpy(s.plate, plate, strnlen(plate, sizeof s.plate - 1));
  pthread_mutex_lock(&a->lock);
  while (a->saying && !a->over)
    pthread_cond_wait(&a->emptied, &a->lock);
  if (!a->over) {
    a->saying = &s;
    pthread_cond_signal(&a->filled);
    while (!s.done && !a->over)
      pthread_cond_wait(&a->emptied, &a->lock);
    a->saying = NULL;
    pthread_cond_broadcast(&a->emptied);
  }
  pthread_mutex_unlock(&a->lock);
  return s.done ? s.ok : err_set(e, ERR_STATE, "the terminal stops");
}

void arrivals_stop(struct arrivals *a) {
  if (!a)
    return;
  pthread_mutex_lock(&a->lock);
  a->stop = true;
  a->over = a->over || !a->started; // nobody will answer
  pthread_cond_signal(&a->filled);
  pthread_cond_broadcast(&a->emptied);
  pthread_mutex_unlock(&a->lock);
  if (a->started)
    (void)pthread_join(a->thread, NULL); // our own joinable thread: cannot fail
  a->started = false;
}

void arrivals_free(struct arrivals *a) {
  if (!a)
    return;
  arrivals_stop(a);
  lookup_free(a->lookup);
  pthread_cond_destroy(&a->filled);
  pthread_cond_destroy(&a->emptied);
  pthread_mutex_destroy(&a->lock);
  free(a);
}
