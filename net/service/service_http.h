// SPDX-License-Identifier: Apache-2.0
// What the service port says over HTTP, apart from where the bytes come from and go to.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_HTTP_H
#define BAYPLATE_NET_SERVICE_SERVICE_HTTP_H

#include "lwip/opt.h"

#include "lwip/sys.h"
#include "net/service/service.h"
#include "net/service/service_claim.h"
#include "net/service/service_http_head.h"

#define SERVICE_HEAD_WAIT_MS 10000 // for a whole head
#define SERVICE_BODY_WAIT_MS 30000 // between two pieces of a body
#define SERVICE_PIECE 4096         // bytes read or written at once

// One connection. read: bytes put into buf, at least 1; 0 when the peer has closed or the
// connection is broken; SERVICE_BUSY when nothing came for about a second. write: all or false.
struct service_io {
  int (*read)(void *ctx, uint8_t *buf, size_t n);
  bool (*write)(void *ctx, const void *bytes, size_t n);
  void *ctx;
};

// Shared by all connections.
struct service_http {
  const struct service_config *config;
  sys_mutex_t lock; // of the two below
  struct service_claim claim;
  uint32_t turn;      // of the newest upload; an older one gives way
  sys_mutex_t upload; // held by whoever calls upload_* of the ops
};

// What one connection works with; a worker has one for life.
struct service_worker {
  struct service_http *http;
  const struct service_io *io;
  struct service_head head;
  char bytes[SERVICE_HEAD_MAX]; // the head, and what of the body came with it
  size_t have, used;            // of bytes
  uint64_t body_read;           // of the body, so far
  uint8_t piece[SERVICE_PIECE];
};

// False without memory for the locks.
bool service_http_init(struct service_http *h, const struct service_config *config);

// Answers the one request of a connection. The caller closes it afterwards.
void service_http_serve(struct service_worker *w, struct service_http *h,
                        const struct service_io *io);

#endif
