// SPDX-License-Identifier: Apache-2.0
#include "board/watchdog_device.h"

#include "board/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct watchdog_device {
  const struct watchdog_kernel *kernel;
  int fd;
  bool failing;
};

static int real_open(const char *path) {
  return open(path, O_WRONLY | O_CLOEXEC);
}

static int real_ioctl(int fd, unsigned long request, void *arg) {
  return ioctl(fd, request, arg);
}

static const struct watchdog_kernel linux_kernel = {real_open, real_ioctl, write, close};

bool watchdog_device_open(struct watchdog_device **out, const char *path, int timeout_s,
                          const struct watchdog_kernel *kernel, struct err *e) {
  struct watchdog_device *w = calloc(1, sizeof *w);
  if (!w)
    return err_set(e, ERR_NOMEM, "watchdog: no memory");
  w->kernel = kernel ? kernel : &linux_kernel;
  w->fd = w->kernel->open(path);
  if (w->fd < 0) {
    const int why = errno;
    free(w);
    err_errno(e, why, "watchdog %s", path);
    if (e && why == EBUSY) {
      e->code = ERR_BUSY;
      (void)err_prefix(e, "another program feeds it (systemd's RuntimeWatchdogSec?)");
    }
    return false;
  }
  int t = timeout_s;
  if (w->kernel->ioctl(w->fd, WDIOC_SETTIMEOUT, &t) != 0)
    log_warn("watchdog", "%s keeps its own timeout: %s", path, strerror(errno));
  else if (t != timeout_s)
    log_warn("watchdog", "%s: %d s in place of %d", path, t, timeout_s);
  log_info("watchdog", "%s is armed", path);
  *out = w;
  return true;
}

void watchdog_device_feed(struct watchdog_device *w) {
  if (!w)
    return;
  const bool ok = w->kernel->ioctl(w->fd, WDIOC_KEEPALIVE, NULL) == 0;
  if (!ok && !w->failing)
    log_error("watchdog", "it cannot be fed: %s", strerror(errno));
  w->failing = !ok;
}

void watchdog_device_close(struct watchdog_device *w) {
  if (!w)
    return;
  if (w->kernel->write(w->fd, "V", 1) != 1)
    log_warn("watchdog", "it stays armed: %s", strerror(errno));
  (void)w->kernel->close(w->fd); // nothing to be done about it
  free(w);
}
