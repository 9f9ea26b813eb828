// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/port_device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static bool connect_to(int *out, const char *path, struct err *e) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const struct timeval wait = {.tv_sec = PORT_DEVICE_WAIT_MS / 1000};
  size_t n = strlen(path);
  if (n == 0 || n >= sizeof to.sun_path)
    return err_set(e, ERR_STATE, "no device socket is configured");
  memcpy(to.sun_path, path, n);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return err_errno(e, errno, "socket");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
      connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
    (void)close(fd);
    return err_set(e, ERR_STATE, "bayplated does not answer at %s", path);
  }
  *out = fd;
  return true;
}

static bool read_exactly(int fd, uint8_t *buf, size_t n) {
  while (n > 0) {
    ssize_t got = read(fd, buf, n);
    if (got <= 0)
      return false;
    buf += got;
    n -= (size_t)got;
  }
  return true;
}

// "ok LENGTH\n" or "no WHY\n".
static bool read_line(int fd, char *line, size_t size) {
  for (size_t n = 0; n + 1 < size; n++) {
    if (!read_exactly(fd, (uint8_t *)line + n, 1))
      return false;
    if (line[n] == '\n') {
      line[n] = '\0';
      return true;
    }
  }
  return false;
}

static bool exchange(int fd, const char *what, uint8_t **bytes, size_t *len, struct err *e) {
  char line[256];
  int n = snprintf(line, sizeof line, "%s\n", what);
  if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n || !read_line(fd, line, sizeof line))
    return err_set(e, ERR_STATE, "bayplated does not answer");
  if (strncmp(line, "ok ", 3) != 0)
    return err_set(e, ERR_NOT_FOUND, "bayplated: %s", line);
  char *end = NULL;
  errno = 0;
  unsigned long long size = strtoull(line + 3, &end, 10);
  if (errno != 0 || *end != '\0' || size > PORT_DEVICE_MAX)
    return err_set(e, ERR_LIMIT, "bayplated answers \"%s\"", line);
  uint8_t *buf = malloc((size_t)size + 1);
  if (!buf)
    return err_set(e, ERR_NOMEM, "no memory for an answer of %llu bytes", size);
  if (!read_exactly(fd, buf, (size_t)size)) {
    free(buf);
    return err_set(e, ERR_STATE, "bayplated stopped in its answer");
  }
  *bytes = buf;
  *len = (size_t)size;
  return true;
}

bool port_device_ask(const char *socket_path, const char *what, uint8_t **bytes, size_t *len,
                     struct err *e) {
  int fd = -1;
  if (!connect_to(&fd, socket_path, e))
    return false;
  bool ok = exchange(fd, what, bytes, len, e);
  (void)close(fd);
  return ok;
}
