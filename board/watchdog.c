// SPDX-License-Identifier: Apache-2.0
#include "board/watchdog.h"

#include "board/clock.h"
#include "board/log.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

struct watchdog {
  int64_t period_ns; // between messages; 0: systemd does not watch
  int64_t last_ns;
};

static void say(const char *message) {
  int rc = sd_notify(0, message);
  if (rc < 0)
    log_warn("watchdog", "systemd cannot be told: %s", strerror(-rc));
}

struct watchdog *watchdog_new(void) {
  struct watchdog *w = calloc(1, sizeof *w);
  uint64_t usec = 0;
  if (w && sd_watchdog_enabled(0, &usec) > 0)
    w->period_ns = (int64_t)(usec / 4) * 1000;
  return w;
}

void watchdog_free(struct watchdog *w) {
  free(w);
}

void watchdog_ready(struct watchdog *w) {
  (void)w;
  say("READY=1");
}

void watchdog_feed(struct watchdog *w) {
  if (!w || w->period_ns == 0)
    return;
  int64_t now = clock_mono_ns(clock_system());
  if (w->last_ns != 0 && now - w->last_ns < w->period_ns)
    return;
  w->last_ns = now;
  say("WATCHDOG=1");
}

void watchdog_stopping(struct watchdog *w) {
  (void)w;
  say("STOPPING=1");
}

void watchdog_status(struct watchdog *w, const char *text) {
  (void)w;
  int rc = sd_notifyf(0, "STATUS=%s", text);
  if (rc < 0)
    log_warn("watchdog", "systemd cannot be told: %s", strerror(-rc));
}
