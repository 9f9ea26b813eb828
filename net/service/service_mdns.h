// SPDX-License-Identifier: Apache-2.0
// The name bayplate-SERIAL.local and the service _bayplate._tcp with model, version and slot.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_MDNS_H
#define BAYPLATE_NET_SERVICE_SERVICE_MDNS_H

#include "lwip/opt.h"

#include "lwip/netif.h"
#include "net/service/service.h"

// In lwIP's thread, once. False without memory.
bool service_mdns_start(const struct service_config *config, struct netif *netif);

#endif
