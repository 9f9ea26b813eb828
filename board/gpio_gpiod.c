// SPDX-License-Identifier: Apache-2.0
// Lines of the kernel's GPIO character devices by libgpiod 1.6.
#include "board/gpio.h"

#include "board/clock.h"

#include <errno.h>
#include <gpiod.h>
#include <stdlib.h>
#include <time.h>

#define CONSUMER "bayplate"

struct gpio {
  struct gpiod_chip *chip;
  struct gpiod_line *line;
  struct gpio_line where;
};

static int flags_of(const struct gpio_line *l) {
  int flags = l->active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0;
  if (l->bias == GPIO_PULL_UP)
    flags |= GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP;
  if (l->bias == GPIO_PULL_DOWN)
    flags |= GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_DOWN;
  return flags;
}

static void gpiod_close(struct gpio *g) {
  if (!g)
    return;
  if (g->chip)
    gpiod_chip_close(g->chip); // gives its lines back
  free(g);
}

static bool gpiod_open(struct gpio **out, const struct gpio_line *where, bool output,
                       struct err *e) {
  struct gpio *g = calloc(1, sizeof *g);
  if (!g)
    return err_set(e, ERR_NOMEM, "GPIO: no memory");
  g->where = *where;
  g->chip = gpiod_chip_open_lookup(where->chip);
  if (!g->chip) {
    err_errno(e, errno, "GPIO chip %s", where->chip);
    goto err_close;
  }
  g->line = gpiod_chip_get_line(g->chip, where->line);
  if (!g->line) {
    err_errno(e, errno == EINVAL ? ENOENT : errno, "GPIO %s has no line %u", where->chip,
              where->line);
    goto err_close;
  }
  const int flags = flags_of(where);
  const int rc = output ? gpiod_line_request_output_flags(g->line, CONSUMER, flags, 0)
                        : gpiod_line_request_both_edges_events_flags(g->line, CONSUMER, flags);
  if (rc != 0) {
    const int why = errno;
    err_errno(e, why, "GPIO %s line %u", where->chip, where->line);
    if (e && why == EBUSY)
      e->code = ERR_BUSY;
    goto err_close;
  }
  *out = g;
  return true;
err_close:
  gpiod_close(g);
  return false;
}

static bool gpiod_get(struct gpio *g, bool *on, struct err *e) {
  const int v = gpiod_line_get_value(g->line);
  if (v < 0)
    return err_errno(e, errno, "GPIO %s line %u", g->where.chip, g->where.line);
  *on = v != 0;
  return true;
}

static bool gpiod_set(struct gpio *g, bool on, struct err *e) {
  return gpiod_line_set_value(g->line, on) == 0 ||
         err_errno(e, errno, "GPIO %s line %u", g->where.chip, g->where.line);
}

// The event's own time is not used: its clock was CLOCK_REALTIME before Linux 5.7.
static enum gpio_got gpiod_wait(struct gpio *g, int timeout_ms, bool *on, int64_t *t_ns,
                                struct err *e) {
  const struct timespec t = {.tv_sec = timeout_ms / 1000,
                             .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
  struct gpiod_line_event event;
  const int got = gpiod_line_event_wait(g->line, &t);
  if (got == 0 || (got < 0 && errno == EINTR))
    return GPIO_QUIET;
  if (got < 0 || gpiod_line_event_read(g->line, &event) != 0) {
    err_errno(e, errno, "GPIO %s line %u", g->where.chip, g->where.line);
    return GPIO_BROKEN;
  }
  *on = event.event_type == GPIOD_LINE_EVENT_RISING_EDGE; // of the active state
  *t_ns = clock_mono_ns(clock_system());
  return GPIO_EDGE;
}

const struct gpio_ops gpio_gpiod = {"gpiod",   gpiod_open, gpiod_get,
                                    gpiod_set, gpiod_wait, gpiod_close};
