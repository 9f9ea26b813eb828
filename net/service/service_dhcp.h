// SPDX-License-Identifier: Apache-2.0
// DHCP for exactly one laptop (RFC 2131, 2132): an address, a mask, and nothing that would make the
// laptop send its other traffic this way: no router, no name server. Bytes in, bytes out; no lwIP.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_DHCP_H
#define BAYPLATE_NET_SERVICE_SERVICE_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_DHCP_LEASE_S 60 // short: the next laptop shall not wait for the last one's lease
#define SERVICE_DHCP_OFFER_S 10 // an offer that nobody took
#define SERVICE_DHCP_REPLY 300  // bytes of every answer, the least that BOOTP allows
#define SERVICE_DHCP_PREFIX 29  // the device has .1, the laptop one of .2 to .6

enum service_dhcp_event {
  SERVICE_DHCP_NOTHING,
  SERVICE_DHCP_BOUND, // the laptop has its address from now on
  SERVICE_DHCP_FREED, // it gave it back
};

struct service_dhcp {
  uint8_t server[4]; // the device's address in the leased network; its last number is odd .1
  uint8_t mac[6];    // whose address it is, when held
  bool held, bound;  // held: offered or bound
  uint32_t since_ms; // when it was offered or last renewed
  uint8_t declined;  // addresses a laptop found in use
};

// `network` in host byte order, its last three bits zero.
void service_dhcp_init(struct service_dhcp *d, uint32_t network);
// The address that is or would be given.
void service_dhcp_client(const struct service_dhcp *d, uint8_t out[4]);

// Answers one datagram that came to port 67. Returns the length of `reply` (SERVICE_DHCP_REPLY
// bytes) or 0 when there is nothing to say. The reply goes to port 68: to its ciaddr (bytes 12 to
// 15) when that is not zero and it is no NAK, else to everyone.
size_t service_dhcp_answer(struct service_dhcp *d, uint32_t now_ms, const uint8_t *request,
                           size_t len, uint8_t *reply, enum service_dhcp_event *event);

// Has a bound lease run out? Then it is free again. To be asked now and then.
bool service_dhcp_expired(struct service_dhcp *d, uint32_t now_ms);
// The cable was pulled: whoever comes next is served at once. True when a lease ended by it.
bool service_dhcp_unplugged(struct service_dhcp *d);

#endif
