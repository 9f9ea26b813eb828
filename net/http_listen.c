// SPDX-License-Identifier: Apache-2.0
#include "net/http_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128
#define HTTPS_PORT 443

bool http_listen(const char *address, int port, int *out, struct err *e) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
  struct addrinfo *found = NULL;
  char service[16];
  snprintf(service, sizeof service, "%d", port);
  if (port < 0 || port > 65535 || getaddrinfo(address, service, &hints, &found) != 0) {
    return err_set(e, ERR_ARG, "cannot listen on %s port %d: not an IP address and port", address,
                   port);
  }
  int one = 1;
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
            bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
  freeaddrinfo(found);
  if (!ok) {
    err_set(e, ERR_NET, "cannot listen on %s port %d: %s", address, port, strerror(errno));
    if (fd >= 0) {
      close(fd);
    }
    return false;
  }
  *out = fd;
  return true;
}

int http_listen_port(int fd) {
  struct sockaddr_storage a;
  socklen_t len = sizeof a;
  memset(&a, 0, sizeof a);
  if (getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
    return 0;
  }
  uint16_t port = a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                          : ((struct sockaddr_in *)&a)->sin_port;
  return ntohs(port);
}

bool http_listen_redirect(char *out, size_t size, const char *host, int tls_port,
                          const char *path) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
  char port[8] = "";
  size_t n = 0;
  if (!host)
    return false;
  if (host[0] == '[') { // an IPv6 address
    n = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
    if (host[n] != ']')
      return false;
    n++;
  } else {
    n = strspn(host, letters);
  }
  if (n == 0 || (host[n] != '\0' && host[n] != ':'))
    return false;
  if (tls_port != HTTPS_PORT)
    (void)snprintf(port, sizeof port, ":%d", tls_port);
  const int len = snprintf(out, size, "https://%.*s%s%s", (int)n, host, port, path);
  return len > 0 && (size_t)len < size;
}
