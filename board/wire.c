// SPDX-License-Identifier: Apache-2.0
#include "board/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct wire_fd {
  struct wire base;
  int fd;
};

bool wire_send(struct wire *w, const uint8_t *frame, size_t n) {
  return w->ops->send(w, frame, n);
}

int wire_recv(struct wire *w, uint8_t *frame, size_t size, int timeout_ms) {
  return w->ops->recv(w, frame, size, timeout_ms);
}

bool wire_link(struct wire *w) {
  return w->ops->link(w);
}

void wire_free(struct wire *w) {
  if (w)
    w->ops->free(w);
}

static bool fd_send(struct wire *w, const uint8_t *frame, size_t n) {
  return write(((struct wire_fd *)w)->fd, frame, n) == (ssize_t)n;
}

static int fd_recv(struct wire *w, uint8_t *frame, size_t size, int timeout_ms) {
  int fd = ((struct wire_fd *)w)->fd;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  int ready = poll(&p, 1, timeout_ms);
  if (ready <= 0)
    return ready == 0 || errno == EINTR ? 0 : -1;
  ssize_t n = read(fd, frame, size);
  if (n > 0)
    return (int)n;
  return n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENETDOWN) ? 0 : -1;
}

static bool fd_link(struct wire *w) {
  (void)w;
  return true;
}

static void fd_free(struct wire *w) {
  (void)close(((struct wire_fd *)w)->fd);
  free(w);
}

bool wire_open_fd(struct wire **out, int fd, struct err *e) {
  static const struct wire_ops ops = {fd_send, fd_recv, fd_link, fd_free};
  struct wire_fd *w = calloc(1, sizeof *w);
  if (!w) {
    (void)close(fd);
    return err_set(e, ERR_NOMEM, "no memory for a wire");
  }
  *w = (struct wire_fd){.base.ops = &ops, .fd = fd};
  *out = &w->base;
  return true;
}
