// SPDX-License-Identifier: Apache-2.0
// Wires of the Linux kernel: AF_PACKET on an interface, and TAP.
#include "board/wire.h"

#include "board/wire_checksum.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct packet {
  struct wire base;
  int fd;
  char interface[IFNAMSIZ];
};

static bool name_fits(struct ifreq *r, const char *interface, struct err *e) {
  memset(r, 0, sizeof *r);
  size_t n = strlen(interface);
  if (n == 0 || n >= sizeof r->ifr_name)
    return err_set(e, ERR_ARG, "\"%s\" is no name of an interface", interface);
  memcpy(r->ifr_name, interface, n);
  return true;
}

static bool ask(const char *interface, unsigned long what, struct ifreq *r, struct err *e) {
  if (!name_fits(r, interface, e))
    return false;
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return err_errno(e, errno, "interface %s", interface);
  int rc = ioctl(fd, what, r);
  int why = errno;
  (void)close(fd);
  if (rc == 0)
    return true;
  return why == ENODEV ? err_set(e, ERR_NOT_FOUND, "there is no interface %s", interface)
                       : err_errno(e, why, "interface %s", interface);
}

bool wire_interface_mac(const char *interface, uint8_t mac[6], struct err *e) {
  struct ifreq r;
  if (!ask(interface, SIOCGIFHWADDR, &r, e))
    return false;
  memcpy(mac, r.ifr_hwaddr.sa_data, 6);
  return true;
}

// Linux takes packets for any of its addresses on any interface, and answers ARP the same way; so
// one address anywhere in the namespace opens the whole machine to this cable.
static bool check_isolated(const char *interface, struct err *e) {
  struct ifaddrs *all = NULL;
  if (getifaddrs(&all) != 0)
    return err_errno(e, errno, "addresses of the interfaces");
  bool ok = true;
  for (const struct ifaddrs *a = all; a && ok; a = a->ifa_next) {
    int family = a->ifa_addr ? a->ifa_addr->sa_family : AF_UNSPEC;
    if ((family != AF_INET && family != AF_INET6) || (a->ifa_flags & IFF_LOOPBACK))
      continue;
    char text[INET6_ADDRSTRLEN] = "?";
    const void *bytes = family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)a->ifa_addr)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)a->ifa_addr)->sin6_addr;
    (void)inet_ntop(family, bytes, text, sizeof text);
    ok = err_set(e, ERR_STATE,
                 "%s has the kernel's address %s: %s would not be isolated; give it a network "
                 "namespace of its own, with net.ipv6.conf.all.disable_ipv6=1",
                 a->ifa_name, text, interface);
  }
  freeifaddrs(all);
  return ok;
}

// Merged frames would be longer than the link allows. Interfaces without the switch never merge.
static void no_merging(int fd, const char *interface) {
  struct ifreq r;
  struct ethtool_value v = {.cmd = ETHTOOL_SGRO, .data = 0};
  if (name_fits(&r, interface, NULL)) {
    r.ifr_data = (void *)&v;
    (void)ioctl(fd, SIOCETHTOOL, &r);
  }
}

static bool packet_send(struct wire *w, const uint8_t *frame, size_t n) {
  return send(((struct packet *)w)->fd, frame, n, MSG_DONTWAIT) == (ssize_t)n;
}

// Does the kernel say that hardware should have filled in the check sum?
static bool lacks_checksum(struct msghdr *m) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    struct tpacket_auxdata aux;
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
      continue;
    memcpy(&aux, CMSG_DATA(c), sizeof aux);
    return (aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
  }
  return false;
}

static int packet_recv(struct wire *w, uint8_t *frame, size_t size, int timeout_ms) {
  int fd = ((struct packet *)w)->fd;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  int ready = poll(&p, 1, timeout_ms);
  if (ready <= 0)
    return ready == 0 || errno == EINTR ? 0 : -1;
  union {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
  } control;
  struct iovec part = {.iov_base = frame, .iov_len = size};
  struct msghdr m = {.msg_iov = &part,
                     .msg_iovlen = 1,
                     .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC);
  if (n > 0 && (size_t)n <= size && lacks_checksum(&m))
    wire_finish_checksum(frame, (size_t)n);
  if (n > 0)
    return (size_t)n <= size ? (int)n : 0;
  // ENETDOWN: the cable's other machine was switched off; it comes back.
  return n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENETDOWN) ? 0 : -1;
}

static bool packet_link(struct wire *w) {
  struct packet *p = (struct packet *)w;
  struct ifreq r;
  // On the descriptor there is: the right to open another may have been dropped by now.
  return name_fits(&r, p->interface, NULL) && ioctl(p->fd, SIOCGIFFLAGS, &r) == 0 &&
         (r.ifr_flags & IFF_RUNNING) != 0;
}

static void packet_free(struct wire *w) {
  (void)close(((struct packet *)w)->fd);
  free(w);
}

static bool bind_packet(int fd, const char *interface, struct err *e) {
  int index = (int)if_nametoindex(interface);
  if (index == 0)
    return err_set(e, ERR_NOT_FOUND, "there is no interface %s", interface);
  const struct sockaddr_ll to = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
  // The groups of mDNS and IPv6 without telling the card each one.
  const struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_ALLMULTI};
  int on = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0 ||
      bind(fd, (const struct sockaddr *)&to, sizeof to) != 0)
    return err_errno(e, errno, "interface %s", interface);
  no_merging(fd, interface);
  return true;
}

bool wire_open_packet(struct wire **out, const char *interface, struct err *e) {
  static const struct wire_ops ops = {packet_send, packet_recv, packet_link, packet_free};
  struct ifreq r;
  if (!name_fits(&r, interface, e) || !check_isolated(interface, e))
    return false;
  struct packet *w = calloc(1, sizeof *w);
  if (!w)
    return err_set(e, ERR_NOMEM, "no memory for a wire");
  w->base.ops = &ops;
  memcpy(w->interface, r.ifr_name, sizeof w->interface);
  // Protocol 0: nothing arrives before it is bound to the interface.
  w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (w->fd < 0) {
    free(w);
    return err_errno(e, errno, "frames of %s (needs CAP_NET_RAW)", interface);
  }
  if (!bind_packet(w->fd, interface, e)) {
    packet_free(&w->base);
    return false;
  }
  *out = &w->base;
  return true;
}

bool wire_open_tap(struct wire **out, const char *name, struct err *e) {
  struct ifreq r;
  if (!name_fits(&r, name, e))
    return false;
  r.ifr_flags = IFF_TAP | IFF_NO_PI;
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return err_errno(e, errno, "/dev/net/tun");
  if (ioctl(fd, TUNSETIFF, &r) != 0) {
    bool told = err_errno(e, errno, "TAP device %s (needs CAP_NET_ADMIN)", name);
    (void)close(fd);
    return told;
  }
  return wire_open_fd(out, fd, e);
}
