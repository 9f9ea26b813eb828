// SPDX-License-Identifier: Apache-2.0
#include "tests/net/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int test_connect(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

bool test_send(int fd, const char *data, size_t len) {
  while (len > 0) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    data += n;
    len -= (size_t)n;
  }
  return true;
}

long test_read(int fd, char *buf, size_t size, const char *until) {
  size_t len = 0;
  long end = now_ms() + TEST_WAIT_MS;
  buf[0] = '\0';
  while (len + 1 < size && !(until && strstr(buf, until))) {
    long left = end - now_ms();
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
      return -1;
    }
    ssize_t n = recv(fd, buf + len, size - 1 - len, 0);
    if (n <= 0) {
      break;
    }
    len += (size_t)n;
    buf[len] = '\0';
  }
  return (long)len;
}

int test_exchange(int port, const char *text, char *answer, size_t size) {
  int fd = test_connect(port);
  if (fd < 0) {
    return -1;
  }
  answer[0] = '\0';
  // The server may refuse before it has read all: its answer counts, not our failed send.
  bool sent = test_send(fd, text, strlen(text));
  long n = test_read(fd, answer, size, NULL);
  close(fd);
  (void)sent;
  if (n < 0) {
    return -1;
  }
  return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

int test_request(int port, const char *method, const char *path, const char *headers,
                 const char *body, char *answer, size_t size) {
  size_t max = strlen(path) + strlen(headers) + (body ? strlen(body) : 0) + 256;
  char *text = malloc(max);
  if (!text) {
    return -1;
  }
  if (body) {
    snprintf(text, max,
             "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%sContent-Length: "
             "%zu\r\n\r\n%s",
             method, path, port, headers, strlen(body), body);
  } else {
    snprintf(text, max, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s\r\n",
             method, path, port, headers);
  }
  int status = test_exchange(port, text, answer, size);
  free(text);
  return status;
}

const char *test_body(const char *answer) {
  const char *p = strstr(answer, "\r\n\r\n");
  return p ? p + 4 : "";
}
