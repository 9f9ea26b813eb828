// SPDX-License-Identifier: Apache-2.0
#include "board/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool text_of(const struct sockaddr *sa, char out[NETWORK_ADDRESS_MAX]) {
  out[0] = '\0';
  if (!sa)
    return false;
  if (sa->sa_family == AF_INET)
    return inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, out,
                     NETWORK_ADDRESS_MAX) != NULL;
  if (sa->sa_family != AF_INET6)
    return false;
  const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
  return !IN6_IS_ADDR_LINKLOCAL(a) && inet_ntop(AF_INET6, a, out, NETWORK_ADDRESS_MAX) != NULL;
}

static bool told(const struct network_address *list, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++) {
    if (strcmp(list[i].name, name) == 0)
      return true;
  }
  return false;
}

bool network_list(struct network_address *out, size_t max, size_t *n, struct err *e) {
  struct ifaddrs *all = NULL;
  *n = 0;
  if (getifaddrs(&all) != 0)
    return err_errno(e, errno, "network interfaces");
  for (int pass = 0; pass < 2; pass++) { // those with an address first
    for (const struct ifaddrs *i = all; i && *n < max; i = i->ifa_next) {
      char text[NETWORK_ADDRESS_MAX];
      if ((i->ifa_flags & IFF_LOOPBACK) != 0 || strlen(i->ifa_name) >= NETWORK_NAME_MAX)
        continue;
      if (pass == 0 ? !text_of(i->ifa_addr, text) : told(out, *n, i->ifa_name))
        continue;
      struct network_address *a = &out[(*n)++];
      memcpy(a->name, i->ifa_name, strlen(i->ifa_name) + 1);
      memcpy(a->address, pass == 0 ? text : "", pass == 0 ? sizeof text : 1);
      a->running = (i->ifa_flags & IFF_RUNNING) != 0;
    }
  }
  freeifaddrs(all);
  return true;
}
