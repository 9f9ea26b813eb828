// SPDX-License-Identifier: Apache-2.0
#include "board/trigger.h"

#include "board/clock.h"
#include "board/log.h"
#include "board/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 100 // how soon a stop is noticed
#define STEP_MS 5   // while a level is being held

void debounce_init(struct debounce *d, int64_t hold_ns, bool level, int64_t t_ns) {
  *d = (struct debounce){.hold_ns = hold_ns, .level = level, .raw = level, .since = t_ns};
}

void debounce_feed(struct debounce *d, bool level, int64_t t_ns) {
  if (level != d->raw)
    d->since = t_ns;
  d->raw = level;
}

bool debounce_step(struct debounce *d, int64_t t_ns) {
  if (d->raw == d->level || t_ns - d->since < d->hold_ns)
    return false;
  d->level = d->raw;
  return true;
}

struct trigger {
  struct trigger_options o;
  const struct gpio_ops *ops;
  atomic_bool stop;
  pthread_t thread;
  pthread_mutex_t lock;
  char fault[ERR_TEXT_MAX]; // guarded by lock
  struct metric *count, *active;
};

static void note(struct trigger *t, const char *text) {
  (void)pthread_mutex_lock(&t->lock);
  const bool news = strcmp(t->fault, text) != 0;
  (void)snprintf(t->fault, sizeof t->fault, "%s", text);
  (void)pthread_mutex_unlock(&t->lock);
  if (news && text[0])
    log_error("trigger", "%s; tried again every %d s", text,
              (t->o.retry_ms ? t->o.retry_ms : TRIGGER_RETRY_MS) / 1000);
  else if (news)
    log_info("trigger", "%s:%u is watched", t->o.line.chip, t->o.line.line);
}

static void tell(struct trigger *t, bool on) {
  metric_set(t->active, on);
  if (on)
    metric_add(t->count, 1);
  log_debug("trigger", "%s", on ? "on" : "off");
  t->o.changed(t->o.ctx, on);
}

// Until the line breaks or the trigger is stopped.
static void watch(struct trigger *t, struct gpio *g, struct err *e) {
  struct debounce d;
  bool on = false;
  int64_t at = clock_mono_ns(clock_system());
  if (!t->ops->get(g, &on, e))
    return;
  debounce_init(&d, (int64_t)t->o.debounce_ms * CLOCK_NS_PER_MS, false, at);
  debounce_feed(&d, on, at);
  note(t, "");
  while (!atomic_load(&t->stop)) {
    const enum gpio_got got = t->ops->wait(g, d.raw == d.level ? WAIT_MS : STEP_MS, &on, &at, e);
    if (got == GPIO_BROKEN)
      return;
    // The kernel keeps 16 edges and drops what comes then: after much bouncing the line itself is
    // right.
    if (got == GPIO_QUIET) {
      at = clock_mono_ns(clock_system());
      if (!t->ops->get(g, &on, e))
        return;
    }
    debounce_feed(&d, on, at);
    if (debounce_step(&d, clock_mono_ns(clock_system())))
      tell(t, d.level);
  }
}

static void *run(void *ctx) {
  struct trigger *t = ctx;
  while (!atomic_load(&t->stop)) {
    struct gpio *g = NULL;
    struct err e = {0};
    if (t->ops->open(&g, &t->o.line, false, &e)) {
      watch(t, g, &e);
      t->ops->close(g);
    }
    if (atomic_load(&t->stop))
      break;
    note(t, e.text);
    for (int left = t->o.retry_ms ? t->o.retry_ms : TRIGGER_RETRY_MS;
         left > 0 && !atomic_load(&t->stop); left -= WAIT_MS)
      (void)nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L}, NULL);
  }
  return NULL;
}

bool trigger_new(struct trigger **out, const struct trigger_options *o, struct err *e) {
  struct trigger *t = calloc(1, sizeof *t);
  if (!t)
    return err_set(e, ERR_NOMEM, "trigger: no memory");
  t->o = *o;
  t->ops = gpio_driver(&o->line);
  t->count = metric_counter("bayplate_triggers_total", NULL, "Times the trigger input went on.");
  t->active = metric_gauge("bayplate_trigger_active", NULL, "1 while the trigger input is on.");
  if (pthread_mutex_init(&t->lock, NULL) == 0) {
    if (pthread_create(&t->thread, NULL, run, t) == 0) {
      *out = t;
      return true;
    }
    (void)pthread_mutex_destroy(&t->lock);
  }
  free(t);
  return err_set(e, ERR_NOMEM, "trigger: the thread cannot be started");
}

void trigger_free(struct trigger *t) {
  if (!t)
    return;
  atomic_store(&t->stop, true);
  (void)pthread_join(t->thread, NULL); // our own joinable thread: cannot fail
  (void)pthread_mutex_destroy(&t->lock);
  free(t);
}

void trigger_fault(struct trigger *t, char text[ERR_TEXT_MAX]) {
  (void)pthread_mutex_lock(&t->lock);
  memcpy(text, t->fault, ERR_TEXT_MAX);
  (void)pthread_mutex_unlock(&t->lock);
}
