// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_dhcp.h"

#include <string.h>

#define FIXED 240 // bytes before the options, the magic cookie included
#define FIRST_CLIENT 2
#define CLIENTS 5

enum {
  AT_XID = 4,
  AT_FLAGS = 10,
  AT_CIADDR = 12,
  AT_YIADDR = 16,
  AT_SIADDR = 20,
  AT_GIADDR = 24,
  AT_CHADDR = 28
};
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
enum {
  OPT_MASK = 1,
  OPT_REQUESTED = 50,
  OPT_LEASE = 51,
  OPT_TYPE = 53,
  OPT_SERVER = 54,
  OPT_T1 = 58,
  OPT_T2 = 59,
  OPT_END = 255
};

static const uint8_t magic[4] = {99, 130, 83, 99};
static const uint8_t zero[4];

// What is looked at of a request.
struct request {
  const uint8_t *bytes;              // the fixed part
  const uint8_t *requested, *server; // options, NULL when missing
  uint8_t type;
};

void service_dhcp_init(struct service_dhcp *d, uint32_t network) {
  *d = (struct service_dhcp){.server = {(uint8_t)(network >> 24), (uint8_t)(network >> 16),
                                        (uint8_t)(network >> 8), (uint8_t)((network & 0xf8) + 1)}};
}

void service_dhcp_client(const struct service_dhcp *d, uint8_t out[4]) {
  memcpy(out, d->server, 4);
  out[3] = (uint8_t)(out[3] - 1 + FIRST_CLIENT + d->declined % CLIENTS);
}

// Walks the options; false for a datagram that is no request of an Ethernet client.
static bool parse(struct request *r, const uint8_t *bytes, size_t len) {
  *r = (struct request){.bytes = bytes};
  if (len < FIXED || bytes[0] != 1 || bytes[1] != 1 || bytes[2] != 6 ||
      memcmp(bytes + FIXED - 4, magic, 4) != 0 || (bytes[AT_CHADDR] & 1))
    return false;
  size_t at = FIXED;
  while (at < len && bytes[at] != OPT_END) {
    if (bytes[at] == 0) { // padding has no length
      at++;
      continue;
    }
    if (at + 2 > len || at + 2 + bytes[at + 1] > len)
      return false;
    const uint8_t *value = bytes + at + 2;
    uint8_t n = bytes[at + 1];
    if (bytes[at] == OPT_TYPE && n == 1)
      r->type = value[0];
    else if (bytes[at] == OPT_REQUESTED && n == 4)
      r->requested = value;
    else if (bytes[at] == OPT_SERVER && n == 4)
      r->server = value;
    at += 2 + (size_t)n;
  }
  return r->type != 0;
}

static uint8_t *option(uint8_t *at, uint8_t code, const uint8_t *value, uint8_t n) {
  at[0] = code;
  at[1] = n;
  memcpy(at + 2, value, n);
  return at + 2 + n;
}

static uint8_t *option_u32(uint8_t *at, uint8_t code, uint32_t v) {
  const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
  return option(at, code, b, 4);
}

static size_t answer(const struct service_dhcp *d, const struct request *r, uint8_t type,
                     uint8_t *reply) {
  memset(reply, 0, SERVICE_DHCP_REPLY);
  memcpy(reply, r->bytes, 4);
  reply[0] = 2; // BOOTREPLY
  reply[3] = 0; // hops
  memcpy(reply + AT_XID, r->bytes + AT_XID, 4);
  memcpy(reply + AT_FLAGS, r->bytes + AT_FLAGS, 2);
  memcpy(reply + AT_GIADDR, r->bytes + AT_GIADDR, 4);
  memcpy(reply + AT_CHADDR, r->bytes + AT_CHADDR, 16);
  memcpy(reply + FIXED - 4, magic, 4);
  uint8_t *at = option(reply + FIXED, OPT_TYPE, &type, 1);
  at = option(at, OPT_SERVER, d->server, 4);
  if (type != NAK) {
    if (r->type != DISCOVER)
      memcpy(reply + AT_CIADDR, r->bytes + AT_CIADDR, 4);
    memcpy(reply + AT_SIADDR, d->server, 4); // where a boot loader's TFTP asks next
    if (r->type != INFORM) {
      service_dhcp_client(d, reply + AT_YIADDR);
      at = option_u32(at, OPT_LEASE, SERVICE_DHCP_LEASE_S);
      at = option_u32(at, OPT_T1, SERVICE_DHCP_LEASE_S / 2);
      at = option_u32(at, OPT_T2, SERVICE_DHCP_LEASE_S * 7 / 8);
    }
    at = option_u32(at, OPT_MASK, ~UINT32_C(0) << (32 - SERVICE_DHCP_PREFIX));
  }
  *at = OPT_END;
  return SERVICE_DHCP_REPLY;
}

static bool is_holder(const struct service_dhcp *d, const struct request *r) {
  return d->held && memcmp(d->mac, r->bytes + AT_CHADDR, 6) == 0;
}

static void hold(struct service_dhcp *d, const struct request *r, uint32_t now_ms) {
  memcpy(d->mac, r->bytes + AT_CHADDR, 6);
  d->held = true;
  d->since_ms = now_ms;
}

// RFC 2131 section 4.3.2 tells the client's state by what it fills in.
static size_t answer_request(struct service_dhcp *d, const struct request *r, uint32_t now_ms,
                             uint8_t *reply, enum service_dhcp_event *event) {
  uint8_t mine[4];
  service_dhcp_client(d, mine);
  if (r->server && memcmp(r->server, d->server, 4) != 0) { // it took another server's offer
    if (is_holder(d, r) && !d->bound)
      d->held = false;
    return 0;
  }
  const uint8_t *wants = r->requested ? r->requested : r->bytes + AT_CIADDR;
  if (memcmp(wants, zero, 4) == 0)
    return 0;
  // Nobody else serves this link, so a lease remembered from elsewhere may be refused at once.
  if (memcmp(wants, mine, 4) != 0)
    return answer(d, r, NAK, reply);
  hold(d, r, now_ms);
  if (!d->bound)
    *event = SERVICE_DHCP_BOUND;
  d->bound = true;
  return answer(d, r, ACK, reply);
}

static void release(struct service_dhcp *d, enum service_dhcp_event *event) {
  if (d->bound)
    *event = SERVICE_DHCP_FREED;
  d->held = d->bound = false;
}

size_t service_dhcp_answer(struct service_dhcp *d, uint32_t now_ms, const uint8_t *request,
                           size_t len, uint8_t *reply, enum service_dhcp_event *event) {
  struct request r;
  *event = SERVICE_DHCP_NOTHING;
  if (!parse(&r, request, len))
    return 0;
  if (service_dhcp_expired(d, now_ms))
    *event = SERVICE_DHCP_FREED;
  if (d->held && !is_holder(d, &r))
    return 0; // another laptop has the one place
  switch (r.type) {
  case DISCOVER:
    hold(d, &r, now_ms);
    return answer(d, &r, OFFER, reply);
  case REQUEST:
    return answer_request(d, &r, now_ms, reply, event);
  case DECLINE:
    if (d->held) {
      d->declined = (uint8_t)((d->declined + 1) % CLIENTS);
      release(d, event);
    }
    return 0;
  case RELEASE:
    release(d, event);
    return 0;
  case INFORM:
    return answer(d, &r, ACK, reply);
  default:
    return 0;
  }
}

bool service_dhcp_expired(struct service_dhcp *d, uint32_t now_ms) {
  uint32_t life = (d->bound ? SERVICE_DHCP_LEASE_S : SERVICE_DHCP_OFFER_S) * 1000;
  if (!d->held || now_ms - d->since_ms < life)
    return false;
  return service_dhcp_unplugged(d);
}

bool service_dhcp_unplugged(struct service_dhcp *d) {
  bool was = d->bound;
  d->held = d->bound = false;
  return was;
}
