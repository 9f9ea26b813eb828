// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_core.h"

#include "lwip/autoip.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "net/service/service_dhcp.h"
#include "net/service/service_mdns.h"
#include "net/service/service_tftp.h"

#include <string.h>

#define FRAME_MIN 60 // a shorter one on Ethernet is padding lost, or forged
#define HEADER 14
#define TICK_MS 1000
#define DHCP_SERVER 67
#define DHCP_CLIENT 68
#define DHCP_MAX 1024 // bytes looked at of a request

// Belongs to lwIP's thread.
static struct {
  const struct service_config *config;
  struct netif netif;
  struct udp_pcb *dhcp_pcb;
  struct service_dhcp dhcp;
  uint8_t frame[SERVICE_FRAME_MAX + ETH_PAD_SIZE];
  uint8_t request[DHCP_MAX];
} core;

static void say(enum service_log_level level, const char *text) {
  core.config->ops->log(core.config->ctx, level, text);
}

// --- the wire

static err_t on_output(struct netif *netif, struct pbuf *p) {
  (void)netif;
  if (p->tot_len > sizeof core.frame)
    return ERR_BUF;
  u16_t n = pbuf_copy_partial(p, core.frame, sizeof core.frame, 0);
  core.config->send(core.config->wire, core.frame + ETH_PAD_SIZE, (size_t)n - ETH_PAD_SIZE);
  return ERR_OK;
}

static err_t on_netif(struct netif *netif) {
  netif->name[0] = 's';
  netif->name[1] = 'p';
  netif->mtu = 1500;
  netif->hwaddr_len = 6;
  memcpy(netif->hwaddr, core.config->mac, 6);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP |
                 NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = on_output;
  return ERR_OK;
}

void service_core_input(const uint8_t *frame, size_t n) {
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
      core.netif.input(p, &core.netif) != ERR_OK)
    pbuf_free(p);
}

// --- the address: AutoIP while nobody asked for DHCP, the leased network's while somebody did

static void use_auto(void) {
  netif_set_addr(&core.netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
  if (autoip_start(&core.netif) != ERR_OK)
    say(SERVICE_LOG_ERROR, "AutoIP cannot be started; only IPv6 and DHCP will work");
}

static void use_leased(void) {
  ip4_addr_t address, mask;
  const uint8_t *a = core.dhcp.server;
  IP4_ADDR(&address, a[0], a[1], a[2], a[3]);
  ip4_addr_set_u32(&mask, lwip_htonl(~UINT32_C(0) << (32 - SERVICE_DHCP_PREFIX)));
  (void)autoip_stop(&core.netif); // returns ERR_OK whatever it did
  netif_set_addr(&core.netif, &address, &mask, IP4_ADDR_ANY4);
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
  const uint8_t *a = core.dhcp.server, *c = reply + 12;
  IP_ADDR4(&from, a[0], a[1], a[2], a[3]);
  if (c[0] | c[1] | c[2] | c[3])
    IP_ADDR4(&to, c[0], c[1], c[2], c[3]);
  else
    IP_ADDR4(&to, 255, 255, 255, 255);
  if (pbuf_take(p, reply, (u16_t)n) == ERR_OK)
    (void)udp_sendto_if_src(core.dhcp_pcb, p, &to, DHCP_CLIENT, &core.netif, &from);
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
  u16_t len = pbuf_copy_partial(p, core.request, sizeof core.request, 0);
  pbuf_free(p);
  size_t n = service_dhcp_answer(&core.dhcp, sys_now(), core.request, len, reply, &event);
  if (n > 0)
    send_dhcp(reply, n); // before our own address changes
  on_dhcp_event(event);
}

static void on_tick(void *arg) {
  (void)arg;
  sys_timeout(TICK_MS, on_tick, NULL);
  if (service_dhcp_expired(&core.dhcp, sys_now()))
    on_dhcp_event(SERVICE_DHCP_FREED);
}

// --- start

bool service_core_start(const struct service_config *c, netif_input_fn input) {
  core.config = c;
  service_dhcp_init(&core.dhcp, c->network ? c->network : SERVICE_NETWORK);
  if (!netif_add(&core.netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, on_netif, input))
    return false;
  netif_set_default(&core.netif);
  netif_create_ip6_linklocal_address(&core.netif, 1);
  netif_set_up(&core.netif);
  core.dhcp_pcb = udp_new();
  if (!core.dhcp_pcb || udp_bind(core.dhcp_pcb, IP4_ADDR_ANY, DHCP_SERVER) != ERR_OK)
    return false;
  udp_recv(core.dhcp_pcb, on_dhcp, NULL);
  if (!service_tftp_start(c) || !service_mdns_start(c, &core.netif))
    return false;
  use_auto();
  sys_timeout(TICK_MS, on_tick, NULL);
  return true;
}

void service_core_link(bool up) {
  if (up) {
    netif_set_link_up(&core.netif);
    return;
  }
  netif_set_link_down(&core.netif);
  if (service_dhcp_unplugged(&core.dhcp))
    on_dhcp_event(SERVICE_DHCP_FREED);
}

uint32_t service_core_address(void) {
  return lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(&core.netif)));
}
