// SPDX-License-Identifier: Apache-2.0
#include "board/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>

#ifndef BAYPLATE_BUILD_EPOCH
#error "the build passes BAYPLATE_BUILD_EPOCH, seconds since 1970"
#endif

static int64_t read_clock(clockid_t id) {
  struct timespec ts;
  // Fails only for an unknown clock id, which these two are not.
  if (clock_gettime(id, &ts) != 0)
    abort();
  return (int64_t)ts.tv_sec * CLOCK_NS_PER_S + ts.tv_nsec;
}

static int64_t system_mono(void *ctx) {
  (void)ctx;
  return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_wall(void *ctx) {
  (void)ctx;
  return read_clock(CLOCK_REALTIME);
}

static bool system_synchronised(void *ctx) {
  (void)ctx;
  struct timex tx = {.modes = 0};
  int state = adjtimex(&tx);
  return state >= 0 && state != TIME_ERROR && !(tx.status & STA_UNSYNC);
}

static const struct clock_ops system_ops = {system_mono, system_wall, system_synchronised, NULL};

const struct bp_clock *clock_system(void) {
  static const struct bp_clock c = {&system_ops, NULL};
  return &c;
}

struct clock_sim {
  struct bp_clock clock;
  pthread_mutex_t lock;
  int64_t mono, wall;
  bool synchronised;
};

static int64_t sim_mono(void *ctx) {
  struct clock_sim *c = ctx;
  pthread_mutex_lock(&c->lock);
  int64_t t = c->mono;
  pthread_mutex_unlock(&c->lock);
  return t;
}

static int64_t sim_wall(void *ctx) {
  struct clock_sim *c = ctx;
  pthread_mutex_lock(&c->lock);
  int64_t t = c->wall;
  pthread_mutex_unlock(&c->lock);
  return t;
}

static bool sim_synchronised(void *ctx) {
  struct clock_sim *c = ctx;
  pthread_mutex_lock(&c->lock);
  bool s = c->synchronised;
  pthread_mutex_unlock(&c->lock);
  return s;
}

static const struct clock_ops sim_ops = {sim_mono, sim_wall, sim_synchronised, NULL};

struct clock_sim *clock_sim_new(int64_t mono_ns, int64_t wall_ns) {
  struct clock_sim *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  if (pthread_mutex_init(&c->lock, NULL) != 0) {
    free(c);
    return NULL;
  }
  c->clock = (struct bp_clock){&sim_ops, c};
  c->mono = mono_ns;
  c->wall = wall_ns;
  c->synchronised = true;
  return c;
}

void clock_sim_free(struct clock_sim *c) {
  if (!c)
    return;
  pthread_mutex_destroy(&c->lock);
  free(c);
}

void clock_sim_advance(struct clock_sim *c, int64_t ns) {
  pthread_mutex_lock(&c->lock);
  c->mono += ns;
  c->wall += ns;
  pthread_mutex_unlock(&c->lock);
}

void clock_sim_set_wall(struct clock_sim *c, int64_t wall_ns, bool synchronised) {
  pthread_mutex_lock(&c->lock);
  c->wall = wall_ns;
  c->synchronised = synchronised;
  pthread_mutex_unlock(&c->lock);
}

const struct bp_clock *clock_sim_clock(struct clock_sim *c) {
  return &c->clock;
}

int64_t clock_mono_ns(const struct bp_clock *c) {
  return c->ops->mono_ns(c->ctx);
}

int64_t clock_wall_ns(const struct bp_clock *c) {
  return c->ops->wall_ns(c->ctx);
}

int64_t clock_build_s(void) {
  return BAYPLATE_BUILD_EPOCH;
}

bool clock_trusted(const struct bp_clock *c, bool need_sync) {
  if (clock_wall_ns(c) < clock_build_s() * CLOCK_NS_PER_S ||
      (c->ops->guessed && c->ops->guessed(c->ctx)))
    return false;
  return !need_sync || c->ops->synchronised(c->ctx);
}
