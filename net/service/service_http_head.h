// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1.1 request, as far as the service port needs it (RFC 9112). Strict: what is
// not plainly right is refused.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_HTTP_HEAD_H
#define BAYPLATE_NET_SERVICE_SERVICE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_HEAD_MAX 2048 // bytes of a head, the empty line included

// Part of the head's bytes.
struct service_span {
  const char *at;
  size_t n;
};

struct service_head {
  struct service_span method, path, query; // query without '?', maybe empty
  struct service_span claim;               // X-Bayplate-Claim, n 0 when missing
  struct service_span content_type;
  bool has_length, chunked, expects_continue;
  uint64_t length;
  bool has_range; // Content-Range: bytes from-last/total
  uint64_t from, last, total;
};

// Where the head ends in the first n bytes (the byte after its empty line), 0 when it does not yet.
size_t service_head_end(const char *bytes, size_t n);

// Reads a whole head of n bytes. Returns 0, or the status to answer: 400 not HTTP, or a header that
// matters is wrong or comes twice, 414 the target is longer than 512 bytes, 505 not HTTP/1.x.
int service_head_parse(struct service_head *h, const char *bytes, size_t n);

// The value of `key` in the query, undecoded; n 0 when it is missing or empty.
struct service_span service_query(const struct service_head *h, const char *key);

#endif
