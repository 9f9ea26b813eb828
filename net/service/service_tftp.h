// SPDX-License-Identifier: Apache-2.0
// TFTP, read-only, one transfer at a time (RFC 1350; blksize of RFC 2348, tsize of RFC 2349): for a
// boot loader that has lost both systems.
//
// Why not lwIP's own tftp_server.c (2.1.3): each request for a file that is not there takes a timer
// that it does not give back before it expires, so that a handful of small datagrams empties the
// pool, which is an assertion; and a datagram of one byte is read beyond its end.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_TFTP_H
#define BAYPLATE_NET_SERVICE_SERVICE_TFTP_H

#include "net/service/service.h"

#define SERVICE_TFTP_PORT 69
#define SERVICE_TFTP_BLOCK_MAX 1428 // fits a frame over IPv6, too
#define SERVICE_TFTP_NAME_MAX 64

// A request for reading, taken apart.
struct service_tftp_request {
  char name[SERVICE_TFTP_NAME_MAX + 1];
  uint16_t block; // bytes, 512 unless asked for otherwise
  bool wants_block, wants_size;
};

// Reads a whole RRQ datagram. Returns 0, or TFTP's error code: 2 the name may not be, 4 no read
// request.
int service_tftp_parse(struct service_tftp_request *r, const uint8_t *bytes, size_t n);

// Listens. In lwIP's thread. False without memory.
bool service_tftp_start(const struct service_config *config);

#endif
