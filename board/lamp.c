// SPDX-License-Identifier: Apache-2.0
#include "board/lamp.h"

#include "board/log.h"
#include "board/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dusk_init(struct dusk *d, float on_below, float off_above, int64_t dwell_ns, int64_t t_ns) {
  *d = (struct dusk){.on_below = on_below,
                     .off_above = off_above,
                     .dwell_ns = dwell_ns,
                     .changed_ns = t_ns - dwell_ns};
}

bool dusk_step(struct dusk *d, float luma, int64_t t_ns) {
  const bool past = d->lit ? luma > d->off_above : luma < d->on_below;
  if (!past) {
    d->past_ns = 0;
    return false;
  }
  if (d->past_ns == 0)
    d->past_ns = t_ns;
  if (t_ns - d->past_ns < DUSK_SETTLE_NS || t_ns - d->changed_ns < d->dwell_ns)
    return false;
  d->lit = !d->lit;
  d->changed_ns = t_ns;
  d->past_ns = 0;
  return true;
}

struct lamp {
  const char *name;
  struct gpio_line line;
  const struct gpio_ops *ops;
  pthread_mutex_t lock; // for all below
  struct gpio *gpio;    // NULL: not open
  bool want, lit;
  int64_t until_ns; // 0: no end
  char fault[ERR_TEXT_MAX];
  struct metric *metric;
};

// Makes the line what is wanted; opens it when needed.
static void apply(struct lamp *l) {
  struct err e = {0};
  bool ok = l->gpio != NULL || l->ops->open(&l->gpio, &l->line, true, &e);
  ok = ok && l->ops->set(l->gpio, l->want, &e);
  if (ok) {
    if (l->fault[0])
      log_info("lamp", "%s works again", l->name);
    l->fault[0] = '\0';
    l->lit = l->want;
    metric_set(l->metric, l->lit);
    return;
  }
  if (strcmp(l->fault, e.text) != 0)
    log_error("lamp", "%s: %s", l->name, e.text);
  memcpy(l->fault, e.text, sizeof l->fault);
  if (l->gpio)
    l->ops->close(l->gpio); // opened anew the next time
  l->gpio = NULL;
}

bool lamp_new(struct lamp **out, const char *name, const struct gpio_line *line, struct err *e) {
  struct lamp *l = calloc(1, sizeof *l);
  if (!l || pthread_mutex_init(&l->lock, NULL) != 0) {
    free(l);
    return err_set(e, ERR_NOMEM, "lamp: no memory");
  }
  l->name = name;
  l->line = *line;
  l->ops = gpio_driver(line);
  l->metric =
      metric_gauge("bayplate_lamp_lit", strcmp(name, "ir") == 0 ? "lamp=\"ir\"" : "lamp=\"due\"",
                   "1 while the lamp is lit.");
  apply(l);
  *out = l;
  return true;
}

void lamp_free(struct lamp *l) {
  if (!l)
    return;
  lamp_set(l, false);
  if (l->gpio)
    l->ops->close(l->gpio);
  (void)pthread_mutex_destroy(&l->lock);
  free(l);
}

void lamp_set(struct lamp *l, bool on) {
  if (!l)
    return;
  (void)pthread_mutex_lock(&l->lock);
  l->until_ns = 0;
  l->want = on;
  apply(l);
  (void)pthread_mutex_unlock(&l->lock);
}

void lamp_flash(struct lamp *l, int64_t t_ns, int64_t for_ns) {
  if (!l)
    return;
  (void)pthread_mutex_lock(&l->lock);
  l->until_ns = t_ns + for_ns;
  l->want = true;
  apply(l);
  (void)pthread_mutex_unlock(&l->lock);
}

void lamp_tick(struct lamp *l, int64_t t_ns) {
  if (!l)
    return;
  (void)pthread_mutex_lock(&l->lock);
  if (l->until_ns != 0 && t_ns >= l->until_ns) {
    l->until_ns = 0;
    l->want = false;
  }
  if (l->want != l->lit || l->fault[0])
    apply(l);
  (void)pthread_mutex_unlock(&l->lock);
}

bool lamp_lit(struct lamp *l) {
  (void)pthread_mutex_lock(&l->lock);
  const bool lit = l->lit;
  (void)pthread_mutex_unlock(&l->lock);
  return lit;
}

void lamp_fault(struct lamp *l, char text[ERR_TEXT_MAX]) {
  (void)pthread_mutex_lock(&l->lock);
  memcpy(text, l->fault, ERR_TEXT_MAX);
  (void)pthread_mutex_unlock(&l->lock);
}
