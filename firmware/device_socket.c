// SPDX-License-Identifier: Apache-2.0
#include "firmware/device_socket.h"

#include "board/log.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 32

struct device_socket {
  const struct device_socket_ops *ops;
  void *ctx;
  int fd, stop; // stop: an eventfd
  char path[sizeof((struct sockaddr_un *)0)->sun_path];
  pthread_t thread;
};

static bool send_all(int fd, const void *bytes, size_t n) {
  const uint8_t *at = bytes;
  while (n > 0) {
    ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
    if (sent <= 0)
      return false; // gone or stuck: nobody to tell
    at += sent;
    n -= (size_t)sent;
  }
  return true;
}

static bool read_line(int fd, char line[LINE_MAX_BYTES]) {
  for (size_t n = 0; n < LINE_MAX_BYTES; n++) {
    if (recv(fd, line + n, 1, 0) != 1)
      return false;
    if (line[n] == '\n') {
      line[n] = '\0';
      return true;
    }
  }
  return false;
}

static bool produce(struct device_socket *s, const char *what, uint8_t **bytes, size_t *len,
                    struct err *e) {
  if (strcmp(what, "state") == 0)
    return s->ops->state(s->ctx, bytes, len, e);
  if (strcmp(what, "logs") == 0)
    return s->ops->logs(s->ctx, bytes, len, e);
  if (strcmp(what, "snapshot") == 0)
    return s->ops->snapshot(s->ctx, bytes, len, e);
  if (strcmp(what, "identity") == 0)
    return s->ops->identity(s->ctx, bytes, len, e);
  return err_set(e, ERR_ARG, "unknown question");
}

static void serve(struct device_socket *s, int fd) {
  const struct timeval wait = {.tv_sec = DEVICE_SOCKET_WAIT_MS / 1000};
  char line[LINE_MAX_BYTES], head[ERR_TEXT_MAX + 8];
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 || !read_line(fd, line))
    return;
  struct err e = {0};
  uint8_t *bytes = NULL;
  size_t len = 0;
  bool ok = produce(s, line, &bytes, &len, &e);
  int n = ok ? snprintf(head, sizeof head, "ok %zu\n", len)
             : snprintf(head, sizeof head, "no %.200s\n", e.text);
  if (send_all(fd, head, (size_t)n) && ok)
    (void)send_all(fd, bytes, len);
  free(bytes);
}

static void *run(void *arg) {
  struct device_socket *s = arg;
  struct pollfd fds[] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->stop, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) {
      log_error("device", "poll: %s", strerror(errno));
      return NULL;
    }
    if (fds[1].revents)
      return NULL;
    int peer = fds[0].revents ? accept4(s->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (peer >= 0) {
      serve(s, peer);
      (void)close(peer);
    }
  }
}

static bool give_to(const char *path, const char *group, struct err *e) {
  if (group[0] == '\0')
    return true;
  char buf[4096];
  struct group entry, *found = NULL;
  int rc = getgrnam_r(group, &entry, buf, sizeof buf, &found);
  if (rc != 0 || !found)
    return err_set(e, ERR_NOT_FOUND, "there is no group %s", group);
  return chown(path, (uid_t)-1, found->gr_gid) == 0 ||
         err_errno(e, errno, "%s cannot be given to group %s", path, group);
}

static bool listen_at(struct device_socket *s, const char *path, const char *group, struct err *e) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  struct stat st;
  size_t n = strlen(path);
  if (n >= sizeof at.sun_path)
    return err_set(e, ERR_ARG, "%s: longer than %zu bytes", path, sizeof at.sun_path - 1);
  memcpy(at.sun_path, path, n);
  memcpy(s->path, at.sun_path, sizeof s->path);
  if (lstat(path, &st) == 0 && (!S_ISSOCK(st.st_mode) || unlink(path) != 0))
    return err_set(e, ERR_IO, "%s is there and cannot be replaced", path);
  s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s->fd < 0 || bind(s->fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
      chmod(path, 0660) != 0)
    return err_errno(e, errno, "%s", path);
  if (!give_to(path, group, e))
    return false;
  if (listen(s->fd, 4) != 0)
    return err_errno(e, errno, "%s", path);
  s->stop = eventfd(0, EFD_CLOEXEC);
  return s->stop >= 0 || err_errno(e, errno, "eventfd");
}

static void release(struct device_socket *s) {
  if (s->fd >= 0) {
    (void)close(s->fd);
    (void)unlink(s->path);
  }
  if (s->stop >= 0)
    (void)close(s->stop);
  free(s);
}

bool device_socket_new(struct device_socket **out, const char *path, const char *group,
                       const struct device_socket_ops *ops, void *ctx, struct err *e) {
  struct device_socket *s = calloc(1, sizeof *s);
  if (!s)
    return err_set(e, ERR_NOMEM, "no memory for the device socket");
  s->ops = ops;
  s->ctx = ctx;
  s->fd = s->stop = -1;
  if (!listen_at(s, path, group, e)) {
    release(s);
    return false;
  }
  if (pthread_create(&s->thread, NULL, run, s) != 0) {
    release(s);
    return err_set(e, ERR_NOMEM, "the device socket's thread cannot be started");
  }
  *out = s;
  return true;
}

void device_socket_free(struct device_socket *s) {
  if (!s)
    return;
  const uint64_t one = 1;
  if (write(s->stop, &one, sizeof one) != (ssize_t)sizeof one)
    log_error("device", "the socket's thread cannot be stopped");
  (void)pthread_join(s->thread, NULL);
  release(s);
}
