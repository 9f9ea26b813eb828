// SPDX-License-Identifier: Apache-2.0
// The part of the service port that lives in lwIP's thread: the link, its addresses, DHCP, mDNS and
// TFTP. Callers hold lwIP's core lock, but for service_core_input().
#ifndef BAYPLATE_NET_SERVICE_SERVICE_CORE_H
#define BAYPLATE_NET_SERVICE_SERVICE_CORE_H

#include "lwip/opt.h"

#include "lwip/netif.h"
#include "net/service/service.h"

// Once. `input` is tcpip_input, or ethernet_input where one thread does everything (fuzzing). False
// without memory.
bool service_core_start(const struct service_config *config, netif_input_fn input);

// As service_input(), service_link() and service_address().
void service_core_input(const uint8_t *frame, size_t n);
void service_core_link(bool up);
uint32_t service_core_address(void);

#endif
