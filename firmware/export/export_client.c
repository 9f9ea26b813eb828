// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FRAME_MAX (1u << 20)

static bool ask(int fd, const char *path, const char *what, struct err *e) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  char line[16];
  int n = snprintf(line, sizeof line, "%s\n", what);
  memcpy(to.sun_path, path, strlen(path));
  if (n < 0 || (size_t)n >= sizeof line)
    return err_set(e, ERR_ARG, "\"files\" or \"image\" can be had");
  if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
    return err_set(e, ERR_NOT_FOUND, "no export is served at %s: %s", path, strerror(errno));
  if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
    return err_set(e, ERR_IO, "the export does not answer");
  return true;
}

bool export_client_open(struct export_client *c, const char *socket_path, const char *what,
                        struct err *e) {
  const size_t n = strlen(socket_path);
  *c = (struct export_client){.fd = -1};
  if (n == 0 || n >= sizeof((struct sockaddr_un *)0)->sun_path)
    return err_set(e, ERR_NOT_FOUND, "no export is served here");
  c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0)
    return err_errno(e, errno, "socket");
  if (ask(c->fd, socket_path, what, e))
    return true;
  export_client_close(c);
  return false;
}

void export_client_close(struct export_client *c) {
  if (c->fd >= 0)
    (void)close(c->fd);
  c->fd = -1;
}

// As read(2), in the words of the header.
static int get(struct export_client *c, void *buf, size_t n, struct err *e) {
  for (;;) {
    ssize_t got = read(c->fd, buf, n);
    if (got > 0)
      return (int)got;
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return EXPORT_WAIT;
    err_set(e, ERR_IO, "the export broke off");
    return EXPORT_BROKEN;
  }
}

static int refused(const char *line, struct err *e) {
  static const struct {
    const char *word;
    enum err_code code;
  } words[] = {{"no busy ", ERR_BUSY}, {"no none ", ERR_NOT_FOUND}, {"no unreadable ", ERR_FORMAT}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    const size_t n = strlen(words[i].word);
    if (strncmp(line, words[i].word, n) == 0) {
      err_set(e, words[i].code, "%s", line + n);
      return EXPORT_BROKEN;
    }
  }
  err_set(e, ERR_IO, "the export answers \"%s\"", line);
  return EXPORT_BROKEN;
}

int export_client_begin(struct export_client *c, struct err *e) {
  while (!c->answered) {
    char one = 0;
    int n = get(c, &one, 1, e);
    if (n <= 0)
      return n;
    if (one == '\n') {
      c->line[c->line_len] = '\0';
      if (strcmp(c->line, "ok") != 0)
        return refused(c->line, e);
      c->answered = true;
    } else if (c->line_len + 1 < sizeof c->line) {
      c->line[c->line_len++] = one; // the end of a longer one is cut
    }
  }
  return 1;
}

static int next_frame(struct export_client *c, struct err *e) {
  while (c->head_len < sizeof c->head) {
    int n = get(c, c->head + c->head_len, sizeof c->head - c->head_len, e);
    if (n <= 0)
      return n;
    c->head_len += (size_t)n;
  }
  c->head_len = 0;
  c->left = (uint32_t)c->head[0] << 24 | (uint32_t)c->head[1] << 16 | (uint32_t)c->head[2] << 8 |
            c->head[3];
  c->over = c->left == 0;
  if (c->left <= FRAME_MAX)
    return 1;
  err_set(e, ERR_IO, "the export sends what it should not");
  return EXPORT_BROKEN;
}

int export_client_read(struct export_client *c, void *buf, size_t n, struct err *e) {
  int rc = export_client_begin(c, e);
  if (rc > 0 && c->left == 0 && !c->over)
    rc = next_frame(c, e);
  if (rc <= 0)
    return rc;
  if (c->over)
    return EXPORT_END;
  size_t want = n < c->left ? n : c->left;
  rc = get(c, buf, want < INT_MAX ? want : INT_MAX, e);
  if (rc > 0)
    c->left -= (uint32_t)rc;
  return rc;
}
