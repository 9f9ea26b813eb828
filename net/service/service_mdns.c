// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_mdns.h"

#include "lwip/apps/mdns.h"
#include "net/service/service_text.h"

#include <string.h>

#define TTL_S 120 // RFC 6762 section 10 for names of hosts
#define RENAMES 9 // bayplate-SERIAL-2 to -9

static struct {
  const struct service_config *config;
  unsigned number; // 1: the plain name
} mdns;

static void make_name(char *buf, size_t size) {
  struct service_text t;
  service_text_init(&t, buf, size);
  service_text_add(&t, "bayplate-");
  service_text_add(&t, mdns.config->serial);
  if (mdns.number > 1) {
    service_text_add(&t, "-");
    service_text_number(&t, mdns.number);
  }
}

static void add_item(struct mdns_service *service, const char *key, const char *value) {
  char buf[16 + SERVICE_WORD_MAX];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, key);
  service_text_add(&t, "=");
  service_text_add(&t, value);
  // Fails only when all items together are over 255 bytes, which their bounds exclude.
  (void)mdns_resp_add_service_txtitem(service, t.buf, (u8_t)t.len);
}

static void on_text(struct mdns_service *service, void *arg) {
  const struct service_config *c = arg;
  add_item(service, "serial", c->serial);
  add_item(service, "model", c->model);
  add_item(service, "version", c->version);
  add_item(service, "slot", c->slot);
}

// Somebody else has the name: only a second device with the same serial, or a liar, does. The
// addresses still work, so after some tries the name is let go.
static void on_result(struct netif *netif, u8_t result) {
  const struct service_config *c = mdns.config;
  if (result == MDNS_PROBING_SUCCESSFUL || mdns.number >= RENAMES)
    return;
  mdns.number++;
  char name[64];
  make_name(name, sizeof name);
  c->ops->log(c->ctx, SERVICE_LOG_WARN, "the mDNS name is taken on this link; trying the next");
  (void)mdns_resp_rename_netif(netif, name); // no memory is involved
}

bool service_mdns_start(const struct service_config *config, struct netif *netif) {
  mdns.config = config;
  mdns.number = 1;
  char name[64];
  make_name(name, sizeof name);
  mdns_resp_init();
  mdns_resp_register_name_result_cb(on_result);
  return mdns_resp_add_netif(netif, name, TTL_S) == ERR_OK &&
         mdns_resp_add_service(netif, name, "_bayplate", DNSSD_PROTO_TCP, 80, TTL_S, on_text,
                               (void *)(uintptr_t)config) >= 0;
}
