// SPDX-License-Identifier: Apache-2.0
// A laptop with lwIP of its own, for a test that needs no right to make interfaces: frames go over
// an inherited descriptor. Uploads FILE and comes back after every break until the device has it.
// usage: lossy_client FD IPV6-ADDRESS CLAIM-CODE SHA256 FILE CLOCK-SPEED
#include "lwip/opt.h"

#include "lwip/api.h"
#include "lwip/ethip6.h"
#include "lwip/netif.h"
#include "lwip/tcpip.h"
#include "net/lwip/linux/lwip_clock.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_MAX 1514
#define TRIES_MAX 200
#define PATIENCE_MS 90000 // by lwIP's clock

static struct netif netif;
static int wire;
static sys_sem_t ready;

static err_t on_output(struct netif *n, struct pbuf *p) {
  (void)n;
  uint8_t frame[FRAME_MAX + ETH_PAD_SIZE];
  u16_t len = pbuf_copy_partial(p, frame, sizeof frame, 0);
  // A full wire drops, as a real one would.
  return write(wire, frame + ETH_PAD_SIZE, (size_t)len - ETH_PAD_SIZE) > 0 ? ERR_OK : ERR_IF;
}

static err_t on_netif(struct netif *n) {
  static const uint8_t mac[6] = {0x02, 0, 0, 0, 0x0c, 0x01};
  n->mtu = 1500;
  n->hwaddr_len = 6;
  memcpy(n->hwaddr, mac, 6);
  n->flags = NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
  n->output_ip6 = ethip6_output;
  n->linkoutput = on_output;
  return ERR_OK;
}

static void on_core(void *arg) {
  (void)arg;
  if (!netif_add(&netif, NULL, NULL, NULL, NULL, on_netif, tcpip_input))
    exit(1);
  netif_set_default(&netif);
  netif_create_ip6_linklocal_address(&netif, 1);
  netif_set_up(&netif);
  sys_sem_signal(&ready);
}

static void receive(void *arg) {
  (void)arg;
  uint8_t frame[FRAME_MAX];
  for (;;) {
    struct pollfd fd = {.fd = wire, .events = POLLIN};
    if (poll(&fd, 1, -1) < 0)
      continue;
    ssize_t n = read(wire, frame, sizeof frame);
    if (n <= 0)
      return;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(n + ETH_PAD_SIZE), PBUF_POOL);
    if (p && (pbuf_take_at(p, frame, (u16_t)n, ETH_PAD_SIZE) != ERR_OK ||
              tcpip_input(p, &netif) != ERR_OK))
      pbuf_free(p);
  }
}

static struct netconn *reach(const ip_addr_t *device) {
  struct netconn *c = netconn_new(NETCONN_TCP_IPV6);
  if (!c)
    exit(1);
  netconn_set_recvtimeout(c, PATIENCE_MS);
  netconn_set_sendtimeout(c, PATIENCE_MS);
  if (netconn_connect(c, device, 80) == ERR_OK)
    return c;
  (void)netconn_delete(c);
  return NULL;
}

static bool send_all(struct netconn *c, const void *bytes, size_t n) {
  size_t written = 0;
  return netconn_write_partly(c, bytes, n, NETCONN_COPY, &written) == ERR_OK && written == n;
}

// Reads until the device closes. False when the connection broke before.
static bool read_answer(struct netconn *c, char *buf, size_t size) {
  size_t n = 0;
  for (;;) {
    struct pbuf *p = NULL;
    err_t rc = netconn_recv_tcp_pbuf(c, &p);
    if (rc != ERR_OK) {
      buf[n] = '\0';
      return rc == ERR_CLSD;
    }
    n += pbuf_copy_partial(p, buf + n, (u16_t)(size - 1 - n), 0);
    pbuf_free(p);
  }
}

// Sends a head and bytes; the status of the answer, or 0.
static int exchange(const ip_addr_t *device, const char *head, const uint8_t *bytes, size_t n,
                    char *answer, size_t size) {
  struct netconn *c = reach(device);
  if (!c)
    return 0;
  int status = 0;
  if (send_all(c, head, strlen(head)) && (n == 0 || send_all(c, bytes, n)) &&
      read_answer(c, answer, size) && strncmp(answer, "HTTP/1.1 ", 9) == 0)
    status = (int)strtol(answer + 9, NULL, 10);
  (void)netconn_delete(c);
  return status;
}

static int upload(const ip_addr_t *device, const char *code, const char *hash, const uint8_t *bytes,
                  size_t size) {
  static char head[512], answer[2048];
  for (int tries = 1; tries <= TRIES_MAX; tries++) {
    (void)snprintf(head, sizeof head, "GET /v1/upload HTTP/1.1\r\nX-Bayplate-Claim: %s\r\n\r\n",
                   code);
    int status = exchange(device, head, NULL, 0, answer, sizeof answer);
    const char *have = status == 200 && strstr(answer, hash) ? strstr(answer, "\"have\":") : NULL;
    size_t from = have ? strtoul(have + 7, NULL, 10) : 0;
    if (from >= size)
      from = 0; // done: the device will say so
    (void)snprintf(head, sizeof head,
                   "PUT /v1/upload?sha256=%s HTTP/1.1\r\nX-Bayplate-Claim: %s\r\n"
                   "Content-Length: %zu\r\nContent-Range: bytes %zu-%zu/%zu\r\n\r\n",
                   hash, code, size - from, from, size - 1, size);
    status = exchange(device, head, bytes + from, size - from, answer, sizeof answer);
    (void)printf("try %d from %zu: %d\n", tries, from, status);
    if (status == 200 || status == 201)
      return 0;
    sys_msleep(1000); // as people and programs do; the first try comes before the address is there
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 7)
    return 2;
  wire = (int)strtol(argv[1], NULL, 10);
  lwip_clock_speed((unsigned)strtoul(argv[6], NULL, 10));
  FILE *f = fopen(argv[5], "rb");
  static uint8_t bytes[8 << 20];
  size_t size = f ? fread(bytes, 1, sizeof bytes, f) : 0;
  if (f)
    (void)fclose(f);
  if (size == 0)
    return 2;
  sys_init();
  if (sys_sem_new(&ready, 0) != ERR_OK)
    return 1;
  tcpip_init(on_core, NULL);
  (void)sys_arch_sem_wait(&ready, 0);
  (void)sys_thread_new("receive", receive, NULL, 0, 0);
  ip_addr_t device;
  if (!ipaddr_aton(argv[2], &device) || !IP_IS_V6(&device))
    return 2;
  ip6_addr_assign_zone(ip_2_ip6(&device), IP6_UNICAST, &netif);
  int rc = upload(&device, argv[3], argv[4], bytes, size);
  (void)fflush(stdout);
  _exit(rc); // lwIP's threads cannot be ended
}
