// SPDX-License-Identifier: Apache-2.0
#include "board/gpio.h"

#include "board/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE 16 // edges of a line that the kernel keeps for its one reader; later ones are dropped

struct queue {
  bool high[QUEUE];
  unsigned first, count;
};

static struct {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  bool high[GPIO_SIM_LINES];
  struct queue edges[GPIO_SIM_LINES];
  bool gone;
} chip = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

struct gpio {
  struct gpio_line where;
};

static void put(unsigned line, bool high) {
  if (line < GPIO_SIM_LINES && chip.high[line] != high) {
    chip.high[line] = high;
    struct queue *q = &chip.edges[line];
    if (q->count < QUEUE)
      q->high[(q->first + q->count++) % QUEUE] = high;
  }
  (void)pthread_cond_broadcast(&chip.moved);
}

void gpio_sim_put(unsigned line, bool high) {
  (void)pthread_mutex_lock(&chip.lock);
  put(line, high);
  (void)pthread_mutex_unlock(&chip.lock);
}

bool gpio_sim_level(unsigned line) {
  (void)pthread_mutex_lock(&chip.lock);
  const bool high = line < GPIO_SIM_LINES && chip.high[line];
  (void)pthread_mutex_unlock(&chip.lock);
  return high;
}

void gpio_sim_gone(bool gone) {
  (void)pthread_mutex_lock(&chip.lock);
  chip.gone = gone;
  (void)pthread_cond_broadcast(&chip.moved);
  (void)pthread_mutex_unlock(&chip.lock);
}

static bool sim_gone(struct err *e) {
  (void)pthread_mutex_lock(&chip.lock);
  const bool gone = chip.gone;
  (void)pthread_mutex_unlock(&chip.lock);
  return gone ? !err_set(e, ERR_IO, "GPIO sim: gone") : false;
}

static bool sim_open(struct gpio **out, const struct gpio_line *line, bool output, struct err *e) {
  if (sim_gone(e))
    return false;
  if (line->line >= GPIO_SIM_LINES)
    return err_set(e, ERR_NOT_FOUND, "GPIO sim has no line %u", line->line);
  struct gpio *g = calloc(1, sizeof *g);
  if (!g)
    return err_set(e, ERR_NOMEM, "GPIO: no memory");
  g->where = *line;
  (void)pthread_mutex_lock(&chip.lock);
  if (output)
    put(line->line, line->active_low);
  chip.edges[line->line].count = 0;
  (void)pthread_mutex_unlock(&chip.lock);
  *out = g;
  return true;
}

static bool sim_get(struct gpio *g, bool *on, struct err *e) {
  if (sim_gone(e))
    return false;
  *on = gpio_sim_level(g->where.line) != g->where.active_low;
  return true;
}

static bool sim_set(struct gpio *g, bool on, struct err *e) {
  if (sim_gone(e))
    return false;
  gpio_sim_put(g->where.line, on != g->where.active_low);
  return true;
}

static enum gpio_got sim_wait(struct gpio *g, int timeout_ms, bool *on, int64_t *t_ns,
                              struct err *e) {
  struct timespec until;
  enum gpio_got got = GPIO_QUIET;
  (void)clock_gettime(CLOCK_REALTIME, &until);
  const int64_t ns = until.tv_nsec + (int64_t)timeout_ms * CLOCK_NS_PER_MS;
  until.tv_sec += ns / CLOCK_NS_PER_S;
  until.tv_nsec = ns % CLOCK_NS_PER_S;
  (void)pthread_mutex_lock(&chip.lock);
  int rc = 0;
  struct queue *q = &chip.edges[g->where.line];
  while (!chip.gone && q->count == 0 && rc != ETIMEDOUT)
    rc = pthread_cond_timedwait(&chip.moved, &chip.lock, &until);
  if (chip.gone) {
    got = GPIO_BROKEN;
  } else if (q->count > 0) {
    *on = q->high[q->first] != g->where.active_low;
    q->first = (q->first + 1) % QUEUE;
    q->count--;
    *t_ns = clock_mono_ns(clock_system());
    got = GPIO_EDGE;
  }
  (void)pthread_mutex_unlock(&chip.lock);
  if (got == GPIO_BROKEN)
    err_set(e, ERR_IO, "GPIO sim: gone");
  return got;
}

static void sim_close(struct gpio *g) {
  free(g);
}

const struct gpio_ops gpio_sim = {"sim", sim_open, sim_get, sim_set, sim_wait, sim_close};
