// SPDX-License-Identifier: Apache-2.0
#include "board/gpio.h"

#include "board/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static struct {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  bool high[GPIO_SIM_LINES];
  unsigned edges[GPIO_SIM_LINES]; // counted
  bool gone;
} chip = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

struct gpio {
  struct gpio_line where;
  unsigned seen; // edges of it that were told
};

static void put(unsigned line, bool high) {
  if (line < GPIO_SIM_LINES && chip.high[line] != high) {
    chip.high[line] = high;
    chip.edges[line]++;
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
  g->seen = chip.edges[line->line];
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
  while (!chip.gone && chip.edges[g->where.line] == g->seen && rc != ETIMEDOUT)
    rc = pthread_cond_timedwait(&chip.moved, &chip.lock, &until);
  if (chip.gone) {
    got = GPIO_BROKEN;
  } else if (chip.edges[g->where.line] != g->seen) {
    // As the kernel's queue would: each edge once, in order.
    g->seen++;
    const bool later = (chip.edges[g->where.line] - g->seen) % 2 != 0;
    *on = (chip.high[g->where.line] != later) != g->where.active_low;
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
