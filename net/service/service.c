// SPDX-License-Identifier: Apache-2.0
#include "net/service/service.h"

#include "lwip/autoip.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/netif.h"
#include "lwip/tcpip.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "net/service/service_dhcp.h"
#include "net/service/service_http_server.h"
#include "net/service/service_mdns.h"
#include "net/service/service_text.h"
#include "net/service/service_tftp.h"

#include <string.h>

#define FRAME_MIN 60 // a shorter one on Ethernet is padding lost, or forged
#define HEADER 14
#define TICK_MS 1000
#define DHCP_SERVER 67
#define DHCP_CLIENT 68
#define DHCP_MAX 1024 // bytes looked at of a request

// Belongs to lwIP's thread, but for `ready`.
static struct {
  const struct service_config *config;
  struct netif netif;
  struct udp_pcb *dhcp_pcb;
  struct service_dhcp dhcp;
  uint8_t frame[SERVICE_FRAME_MAX + ETH_PAD_SIZE];
  uint8_t request[DHCP_MAX];
  sys_sem_t ready;
  bool failed;
} service;

static void say(enum service_log_level level, const char *text) {
  service.config->ops->log(service.config->ctx, level, text);
}

// --- the wire

static err_t on_output(struct netif *netif, struct pbuf *p) {
  (void)netif;
  if (p->tot_len > sizeof service.frame)
    return ERR_BUF;
  u16_t n = pbuf_copy_partial(p, service.frame, sizeof service.frame, 0);
  service.config->send(service.config->wire, service.frame + ETH_PAD_SIZE,
                       (size_t)n - ETH_PAD_SIZE);
  return ERR_OK;
}

static err_t on_netif(struct netif *netif) {
  netif->name[0] = 's';
  netif->name[1] = 'p';
  netif->mtu = 1500;
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, service.config->mac, 6);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP |
                 NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = on_output;
  return ERR_OK;
}

void service_input(const uint8_t *frame, size_t n) {
  if (n < HEADER || n > SERVICE_FRAME_MAX)
    return;
  // lwIP reads the whole of an ARP packet whatever the frame's length; the padding makes that safe.
  size_t padded = n < FRAME_MIN ? FRAME_MIN : n;
  struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(padded + ETH_PAD_SIZE), PBUF_POOL);
  if (!p)
    return;       // the pool is the bound; the sender will try again
  if (n < padded) // such a short one lies in one piece
    memset(p->payload, 0, padded + ETH_PAD_SIZE);
  if (pbuf_take_at(p, frame, (u16_t)n, ETH_PAD_SIZE) != ERR_OK ||
      tcpip_input(p, &service.netif) != ERR_OK)
    pbuf_free(p);
}

// --- the address: AutoIP while nobody asked for DHCP, the leased network's while somebody did

static void use_auto(void) {
  netif_set_addr(&service.netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
  if (autoip_start(&service.netif) != ERR_OK)
    say(SERVICE_LOG_ERROR, "AutoIP cannot be started; only IPv6 and DHCP will work");
}

static void use_leased(void) {
  ip4_addr_t address, mask;
  const uint8_t *a = service.dhcp.server;
  IP4_ADDR(&address, a[0], a[1], a[2], a[3]);
  ip4_addr_set_u32(&mask, lwip_htonl(~UINT32_C(0) << (32 - SERVICE_DHCP_PREFIX)));
  (void)autoip_stop(&service.netif); // returns ERR_OK whatever it did
  netif_set_addr(&service.netif, &address, &mask, IP4_ADDR_ANY4);
}

static void on_dhcp_event(enum service_dhcp_event event) {
  if (event == SERVICE_DHCP_BOUND) {
    use_leased();
    say(SERVICE_LOG_INFO, "a laptop took its address");
  } else if (event == SERVICE_DHCP_FREED) {
    use_auto();
    say(SERVICE_LOG_INFO, "the laptop's address is free again");
  }
}

static void send_dhcp(const uint8_t *reply, size_t n) {
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);
  if (!p)
    return; // clients ask again
  ip_addr_t to, from;
  const uint8_t *a = service.dhcp.server, *c = reply + 12;
  IP_ADDR4(&from, a[0], a[1], a[2], a[3]);
  if (c[0] | c[1] | c[2] | c[3])
    IP_ADDR4(&to, c[0], c[1], c[2], c[3]);
  else
    IP_ADDR4(&to, 255, 255, 255, 255);
  if (pbuf_take(p, reply, (u16_t)n) == ERR_OK)
    (void)udp_sendto_if_src(service.dhcp_pcb, p, &to, DHCP_CLIENT, &service.netif, &from);
  pbuf_free(p);
}

static void on_dhcp(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                    u16_t port) {
  (void)arg;
  (void)pcb;
  (void)from;
  (void)port;
  uint8_t reply[SERVICE_DHCP_REPLY];
  enum service_dhcp_event event;
  u16_t len = pbuf_copy_partial(p, service.request, sizeof service.request, 0);
  pbuf_free(p);
  size_t n = service_dhcp_answer(&service.dhcp, sys_now(), service.request, len, reply, &event);
  if (n > 0)
    send_dhcp(reply, n); // before our own address changes
  on_dhcp_event(event);
}

static void on_tick(void *arg) {
  (void)arg;
  sys_timeout(TICK_MS, on_tick, NULL);
  if (service_dhcp_expired(&service.dhcp, sys_now()))
    on_dhcp_event(SERVICE_DHCP_FREED);
}

// --- start

static bool start_in_core(void) {
  const struct service_config *c = service.config;
  service_dhcp_init(&service.dhcp, c->network ? c->network : SERVICE_NETWORK);
  if (!netif_add(&service.netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, on_netif,
                 tcpip_input))
    return false;
  netif_set_default(&service.netif);
  netif_create_ip6_linklocal_address(&service.netif, 1);
  netif_set_up(&service.netif);
  service.dhcp_pcb = udp_new();
  if (!service.dhcp_pcb || udp_bind(service.dhcp_pcb, IP4_ADDR_ANY, DHCP_SERVER) != ERR_OK)
    return false;
  udp_recv(service.dhcp_pcb, on_dhcp, NULL);
  if (!service_tftp_start(c) || !service_mdns_start(c, &service.netif))
    return false;
  use_auto();
  sys_timeout(TICK_MS, on_tick, NULL);
  return true;
}

static void on_core(void *arg) {
  (void)arg;
  service.failed = !start_in_core();
  sys_sem_signal(&service.ready);
}

static bool is_serial(const char *s) {
  size_t n = 0;
  for (; s[n]; n++) {
    char c = s[n];
    if (n == SERVICE_WORD_MAX - 1 || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                       (c >= '0' && c <= '9') || (c == '-' && n > 0)))
      return false;
  }
  return n > 0 && s[n - 1] != '-';
}

int service_start(const struct service_config *config) {
  if (!is_serial(config->serial))
    return SERVICE_INVALID;
  service.config = config;
  sys_init();
  if (sys_sem_new(&service.ready, 0) != ERR_OK)
    return SERVICE_IO;
  tcpip_init(on_core, NULL);
  (void)sys_arch_sem_wait(&service.ready, 0);
  if (service.failed || !service_http_server_start(config))
    return SERVICE_IO;
  return SERVICE_OK;
}

void service_link(bool up) {
  LOCK_TCPIP_CORE();
  if (up) {
    netif_set_link_up(&service.netif);
  } else {
    netif_set_link_down(&service.netif);
    if (service_dhcp_unplugged(&service.dhcp))
      on_dhcp_event(SERVICE_DHCP_FREED);
  }
  UNLOCK_TCPIP_CORE();
}

uint32_t service_address(void) {
  LOCK_TCPIP_CORE();
  uint32_t a = lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(&service.netif)));
  UNLOCK_TCPIP_CORE();
  return a;
}
