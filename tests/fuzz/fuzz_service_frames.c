// SPDX-License-Identifier: Apache-2.0
// Frames from the wire into lwIP and all that the service port has on it, on one thread and with a
// clock that only the input moves. The input is a row of records: what kind, how long, bytes.
#include "lwip/opt.h"

#include "lwip/api.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "net/lwip/linux/lwip_clock.h"
#include "net/service/service_core.h"
#include "net/service/service_http.h"
#include "netif/ethernet.h"
#include "tests/fuzz/service_device.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { RAW, ETHERNET, UDP, STREAM, SEGMENT, TIME, KINDS };

#define LAPTOP_PORT 40000

static const uint8_t device_mac[6] = {2, 0, 0, 0, 0, 1}, laptop_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t laptop4[4] = {10, 213, 77, 2}, device4[4] = {10, 213, 77, 1};
static const uint8_t laptop6[16] = {0xfe, 0x80, [8] = 0, 0, 0, 0xff, 0xfe, 0, 0, 2};
static const uint8_t device6[16] = {0xfe, 0x80, [8] = 0, 0, 0, 0xff, 0xfe, 0, 0, 1};

static struct service_config config;
static struct service_http http;
static struct service_worker worker;
static struct netconn *listener;
static uint32_t now;
// The laptop's side of one TCP connection, and the port of a TFTP transfer.
static uint32_t seq, ack;
static uint16_t transfer;
static bool connected;

static uint32_t get32(const uint8_t *b) {
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void put16(uint8_t *b, size_t v) {
  b[0] = (uint8_t)(v >> 8);
  b[1] = (uint8_t)v;
}

static void put32(uint8_t *b, uint32_t v) {
  put16(b, v >> 16);
  put16(b + 2, v & 0xffff);
}

// What the device says: the laptop follows its TCP and learns the transfer's port.
static void on_send(void *wire, const uint8_t *f, size_t n) {
  (void)wire;
  if (n < 54 || f[12] != 8 || f[13] != 0)
    return;
  if (f[23] == 17 && f[36] == LAPTOP_PORT >> 8)
    transfer = (uint16_t)(f[34] << 8 | f[35]);
  if (f[23] != 6)
    return;
  uint32_t len = (uint32_t)(f[16] << 8 | f[17]) - 20 - (uint32_t)(f[46] >> 4) * 4;
  if (f[47] & 2) { // SYN
    ack = get32(f + 38) + 1;
    connected = true;
  } else if (get32(f + 38) == ack) {
    ack += len + (f[47] & 1);
  }
}

static void frame(uint16_t type, const uint8_t *bytes, size_t n) {
  uint8_t f[SERVICE_FRAME_MAX];
  memcpy(f, device_mac, 6);
  memcpy(f + 6, laptop_mac, 6);
  put16(f + 12, type);
  n = n < sizeof f - 14 ? n : sizeof f - 14;
  memcpy(f + 14, bytes, n);
  service_core_input(f, 14 + n);
}

// Check sums are not looked at in this build (lwipopts.h).
static void ip4(uint8_t protocol, const uint8_t *bytes, size_t n) {
  uint8_t p[1500] = {0x45, [8] = 64, protocol};
  n = n < sizeof p - 20 ? n : sizeof p - 20;
  put16(p + 2, 20 + n);
  memcpy(p + 12, laptop4, 4);
  memcpy(p + 16, device4, 4);
  memcpy(p + 20, bytes, n);
  frame(0x0800, p, 20 + n);
}

static void ip6(uint8_t protocol, const uint8_t *bytes, size_t n) {
  uint8_t p[1500] = {0x60, [6] = protocol, 255};
  n = n < sizeof p - 40 ? n : sizeof p - 40;
  put16(p + 4, n);
  memcpy(p + 8, laptop6, 16);
  memcpy(p + 24, device6, 16);
  memcpy(p + 40, bytes, n);
  frame(0x86dd, p, 40 + n);
}

static void udp(const uint8_t *b, size_t n) {
  if (n < 2)
    return;
  const uint16_t ports[] = {67, 5353, 69, transfer};
  uint8_t d[1400];
  size_t len = n - 2 < sizeof d - 8 ? n - 2 : sizeof d - 8;
  uint16_t from = b[1] & 2 ? 5353 : LAPTOP_PORT;
  put16(d, from);
  put16(d + 2, ports[b[0] & 3]);
  put16(d + 4, 8 + len);
  put16(d + 6, 0);
  memcpy(d + 8, b + 2, len);
  if (b[1] & 1)
    ip6(17, d, 8 + len);
  else
    ip4(17, d, 8 + len);
}

static void tcp(uint32_t s, uint32_t a, uint8_t flags, const uint8_t *options, size_t options_n,
                const uint8_t *bytes, size_t n) {
  uint8_t t[1480] = {0};
  put16(t, LAPTOP_PORT);
  put16(t + 2, 80);
  put32(t + 4, s);
  put32(t + 8, a);
  options_n = options_n < 40 ? options_n & ~(size_t)3 : 40;
  t[12] = (uint8_t)((5 + options_n / 4) << 4);
  t[13] = flags;
  put16(t + 14, 8192);
  memcpy(t + 20, options, options_n);
  n = n < sizeof t - 20 - options_n ? n : sizeof t - 20 - options_n;
  memcpy(t + 20 + options_n, bytes, n);
  ip4(6, t, 20 + options_n + n);
}

// In-order bytes of a connection that is opened when there is none.
static void stream(const uint8_t *b, size_t n) {
  if (!connected) {
    tcp(seq, 0, 2, b, 0, b, 0);
    if (!connected)
      return;
    seq++;
  }
  tcp(seq, ack, 0x18, b, 0, b, n);
  seq += (uint32_t)(n < 1460 ? n : 1460);
}

static void segment(const uint8_t *b, size_t n) {
  if (n < 4)
    return;
  size_t options = b[3] & 0x3c;
  options = options < n - 4 ? options : (n - 4) & ~(size_t)3;
  tcp(seq + (uint32_t)(int8_t)b[1] * 7, ack + (uint32_t)(int8_t)b[2], b[0], b + 4, options,
      b + 4 + options, n - 4 - options);
}

static void pass(uint32_t ms) {
  now += ms;
  lwip_clock_stand(now);
  sys_check_timeouts();
}

static void record(unsigned kind, const uint8_t *b, size_t n) {
  static const uint16_t types[] = {0x0800, 0x0806, 0x86dd, 0x8100};
  switch (kind) {
  case RAW:
    service_core_input(b, n);
    break;
  case ETHERNET:
    if (n > 0)
      frame(types[b[0] & 3], b + 1, n - 1);
    break;
  case UDP:
    udp(b, n);
    break;
  case STREAM:
    stream(b, n);
    break;
  case SEGMENT:
    segment(b, n);
    break;
  default:
    break;
  }
}

// --- the HTTP workers' part, without threads

struct link {
  struct netconn *conn;
  struct pbuf *p;
};

static int link_read(void *ctx, uint8_t *buf, size_t n) {
  struct link *l = ctx;
  if (!l->p && netconn_recv_tcp_pbuf(l->conn, &l->p) != ERR_OK)
    return 0;
  u16_t got = pbuf_copy_partial(l->p, buf, (u16_t)n, 0);
  l->p = pbuf_free_header(l->p, got);
  return got;
}

static bool link_write(void *ctx, const void *bytes, size_t n) {
  size_t written = 0;
  return netconn_write_partly(((struct link *)ctx)->conn, bytes, n, NETCONN_COPY, &written) ==
             ERR_OK &&
         written == n;
}

static void serve_all(void) {
  struct netconn *conn = NULL;
  while (netconn_accept(listener, &conn) == ERR_OK) {
    struct link l = {.conn = conn};
    const struct service_io io = {.read = link_read, .write = link_write, .ctx = &l};
    netconn_set_nonblocking(conn, 1);
    service_http_serve(&worker, &http, &io);
    if (l.p)
      pbuf_free(l.p);
    (void)netconn_delete(conn);
  }
}

static void lease(void) {
  uint8_t m[300] = {1, 1, 6, 0, 1, 2, 3, 4};
  memcpy(m + 28, laptop_mac, 6);
  const uint8_t options[] = {99, 130, 83, 99, 53, 1, 3, 50, 4, 10, 213, 77, 2, 255};
  memcpy(m + 236, options, sizeof options);
  uint8_t b[302] = {0, 0};
  memcpy(b + 2, m, sizeof m);
  udp(b, sizeof b);
  uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1};
  memcpy(arp + 8, laptop_mac, 6);
  memcpy(arp + 14, laptop4, 4);
  memcpy(arp + 24, device4, 4);
  frame(0x0806, arp, sizeof arp); // so that the device knows where to answer
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  lwip_clock_stand(now);
  lwip_init();
  config = (struct service_config){
      .serial = "FUZZ", .upload_max = 4096, .ops = service_device_ops(), .send = on_send};
  memcpy(config.mac, device_mac, 6);
  listener = netconn_new(NETCONN_TCP_IPV6);
  if (!service_core_start(&config, ethernet_input) || !service_http_init(&http, &config) ||
      !listener || netconn_bind(listener, IP6_ADDR_ANY, 80) != ERR_OK ||
      netconn_listen_with_backlog(listener, 3) != ERR_OK)
    abort();
  netconn_set_nonblocking(listener, 1);
  for (int i = 0; i < 40; i++) // the name is probed for, IPv6 is there
    pass(250);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  service_device_reset();
  http.claim = (struct service_claim){0};
  seq = ack = 1000;
  transfer = 69;
  connected = false;
  lease();
  for (size_t at = 0; size - at >= 3;) {
    size_t n = (size_t)(data[at + 1] | (data[at + 2] & 7) << 8);
    unsigned kind = data[at] % KINDS;
    at += 3;
    if (kind == TIME) { // has no bytes, only its length
      pass((uint32_t)n * 16 + 1);
      continue;
    }
    n = n < size - at ? n : size - at;
    record(kind, data + at, n);
    at += n;
  }
  serve_all();
  // Back to a quiet link: connections, leases, transfers and probes are over.
  while (tcp_active_pcbs)
    tcp_abort(tcp_active_pcbs);
  while (tcp_tw_pcbs)
    tcp_abort(tcp_tw_pcbs);
  serve_all();
  for (int i = 0; i < 12; i++)
    pass(10000);
  service_device_check();
  return 0;
}
