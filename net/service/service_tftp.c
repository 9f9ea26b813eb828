// SPDX-License-Identifier: Apache-2.0
#include "lwip/opt.h"

#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "net/service/service_text.h"
#include "net/service/service_tftp.h"

#include <string.h>

#define TICK_MS 1000
#define TRIES 5
#define REQUEST_MAX 512

enum { OP_DATA = 3, OP_ACK, OP_ERROR, OP_OACK };

// All of it belongs to lwIP's thread.
static struct {
  const struct service_config *config;
  struct udp_pcb *listen;
  struct udp_pcb *pcb; // of the one transfer, with a port of its own (RFC 1350 section 4)
  ip_addr_t peer;
  u16_t port;
  void *handle;
  u16_t block, block_size;
  unsigned tries;
  bool final; // the last block is on its way
  size_t len;
  uint8_t packet[4 + SERVICE_TFTP_BLOCK_MAX]; // the last one sent, to be sent again
} tftp;

static void on_tick(void *arg);

static void send_bytes(struct udp_pcb *pcb, const uint8_t *bytes, size_t n, const ip_addr_t *to,
                       u16_t port) {
  struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);
  if (!p)
    return; // as good as lost on the wire: it will be asked for again
  if (pbuf_take(p, bytes, (u16_t)n) == ERR_OK)
    (void)udp_sendto(pcb, p, to, port);
  pbuf_free(p);
}

static void send_error(struct udp_pcb *pcb, const ip_addr_t *to, u16_t port, uint8_t code,
                       const char *text) {
  uint8_t b[64] = {0, OP_ERROR, 0, code};
  size_t n = strlen(text);
  n = n < sizeof b - 5 ? n : sizeof b - 5;
  memcpy(b + 4, text, n);
  send_bytes(pcb, b, 4 + n + 1, to, port);
}

static void finish(void) {
  if (!tftp.pcb)
    return;
  sys_untimeout(on_tick, NULL);
  udp_remove(tftp.pcb);
  tftp.pcb = NULL;
  tftp.config->ops->close(tftp.config->ctx, tftp.handle);
  tftp.handle = NULL;
}

static void send_packet(void) {
  send_bytes(tftp.pcb, tftp.packet, tftp.len, &tftp.peer, tftp.port);
}

static void send_block(void) {
  int got = 0;
  size_t n = 0;
  tftp.packet[0] = 0;
  tftp.packet[1] = OP_DATA;
  tftp.packet[2] = (uint8_t)(tftp.block >> 8);
  tftp.packet[3] = (uint8_t)tftp.block;
  while (n < tftp.block_size) {
    got = tftp.config->ops->read(tftp.config->ctx, tftp.handle, tftp.packet + 4 + n,
                                 tftp.block_size - n);
    if (got <= 0)
      break;
    n += (size_t)got;
  }
  if (got < 0) {
    send_error(tftp.pcb, &tftp.peer, tftp.port, 0, "the device could not read the file");
    finish();
    return;
  }
  tftp.final = n < tftp.block_size;
  tftp.len = 4 + n;
  send_packet();
}

static void on_tick(void *arg) {
  (void)arg;
  if (++tftp.tries > TRIES) {
    sys_timeout(TICK_MS, on_tick, NULL); // finish() takes it back
    finish();
    return;
  }
  sys_timeout(TICK_MS, on_tick, NULL);
  send_packet();
}

// From the peer of the transfer; nothing else reaches a connected pcb.
static void on_answer(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                      u16_t port) {
  (void)arg;
  (void)pcb;
  (void)from;
  (void)port;
  uint8_t b[4];
  u16_t n = pbuf_copy_partial(p, b, sizeof b, 0);
  pbuf_free(p);
  if (n < sizeof b || b[0] != 0)
    return;
  if (b[1] == OP_ERROR) {
    finish();
    return;
  }
  // An acknowledgement that comes again is not answered with the block again: that would double
  // every later packet (the sorcerer's apprentice).
  if (b[1] != OP_ACK || (u16_t)((b[2] << 8) | b[3]) != tftp.block)
    return;
  if (tftp.final) {
    finish();
    return;
  }
  tftp.tries = 0;
  tftp.block++; // wraps to 0 after 65535, as boot loaders expect
  send_block();
}

static void add_option(struct service_text *t, const char *name, uint64_t value) {
  service_text_put(t, name, strlen(name) + 1);
  service_text_number(t, value);
  service_text_put(t, "", 1);
}

static void begin(const struct service_tftp_request *r, uint64_t size) {
  tftp.block_size = r->block;
  tftp.tries = 0;
  tftp.final = false;
  sys_timeout(TICK_MS, on_tick, NULL);
  if (!r->wants_block && !r->wants_size) {
    tftp.block = 1;
    send_block();
    return;
  }
  struct service_text t;
  service_text_init(&t, (char *)tftp.packet, sizeof tftp.packet);
  const char head[2] = {0, OP_OACK};
  service_text_put(&t, head, sizeof head);
  if (r->wants_block)
    add_option(&t, "blksize", r->block);
  if (r->wants_size)
    add_option(&t, "tsize", size);
  tftp.block = 0; // that is what the client acknowledges first
  tftp.len = t.len;
  send_packet();
}

static void open_and_begin(const struct service_tftp_request *r, const ip_addr_t *from,
                           u16_t port) {
  const struct service_config *c = tftp.config;
  uint64_t size = 0;
  int rc = c->ops->open(c->ctx, SERVICE_RECOVERY, r->name, &tftp.handle, &size);
  if (rc != SERVICE_OK) {
    bool missing = rc == SERVICE_NOT_FOUND;
    send_error(tftp.listen, from, port, missing ? 1 : 0,
               missing ? "no such recovery file" : "the device could not open the file");
    return;
  }
  tftp.pcb = udp_new_ip_type(IP_GET_TYPE(from));
  if (!tftp.pcb || udp_connect(tftp.pcb, from, port) != ERR_OK) {
    if (tftp.pcb)
      udp_remove(tftp.pcb);
    tftp.pcb = NULL;
    c->ops->close(c->ctx, tftp.handle);
    return;
  }
  udp_recv(tftp.pcb, on_answer, NULL);
  ip_addr_copy(tftp.peer, *from);
  tftp.port = port;
  begin(r, size);
}

static void on_request(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                       u16_t port) {
  (void)arg;
  uint8_t b[REQUEST_MAX];
  u16_t n = p->tot_len <= sizeof b ? pbuf_copy_partial(p, b, sizeof b, 0) : 0;
  pbuf_free(p);
  struct service_tftp_request r;
  int code = service_tftp_parse(&r, b, n);
  if (code) {
    send_error(pcb, from, port, (uint8_t)code,
               code == 2 ? "not a name of a recovery file" : "only reading is possible");
    return;
  }
  if (!tftp.pcb)
    open_and_begin(&r, from, port);
  else if (tftp.port == port && ip_addr_cmp(&tftp.peer, from))
    send_packet(); // it did not hear the first answer
  else
    send_error(pcb, from, port, 0, "another transfer is going on; try again");
}

bool service_tftp_start(const struct service_config *config) {
  tftp.config = config;
  tftp.listen = udp_new_ip_type(IPADDR_TYPE_ANY);
  if (!tftp.listen || udp_bind(tftp.listen, IP_ANY_TYPE, SERVICE_TFTP_PORT) != ERR_OK)
    return false;
  udp_recv(tftp.listen, on_request, NULL);
  return true;
}
