// SPDX-License-Identifier: Apache-2.0
#include "firmware/bay.h"

#include "board/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show(struct bay *b, bool car) {
  if (!b->path[0])
    return;
  if (!car) {
    if (unlink(b->path) != 0 && errno != ENOENT)
      log_warn("bay", "%s: %s", b->path, strerror(errno));
    return;
  }
  int fd = open(b->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || close(fd) != 0)
    log_warn("bay", "%s: %s", b->path, strerror(errno));
}

bool bay_init(struct bay *b, const char *folder, struct err *e) {
  *b = (struct bay){0};
  if (!folder)
    return true;
  int n = snprintf(b->path, sizeof b->path, "%s/car", folder);
  if (n < 0 || (size_t)n >= sizeof b->path) {
    b->path[0] = '\0';
    return err_set(e, ERR_LIMIT, "%s is longer than %d bytes", folder, BAY_PATH_MAX);
  }
  show(b, false);
  return true;
}

void bay_event(struct bay *b, enum visit_event_kind kind) {
  int before = b->cars;
  if (kind == VISIT_OPENED || kind == VISIT_REOPENED)
    b->cars++;
  else if ((kind == VISIT_CLOSED || kind == VISIT_MERGED) && b->cars > 0)
    b->cars--;
  if ((before > 0) != (b->cars > 0))
    show(b, b->cars > 0);
}

void bay_finish(struct bay *b) {
  show(b, false);
}
