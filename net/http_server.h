// SPDX-License-Identifier: Apache-2.0
// An HTTP server over libmicrohttpd: a port for plain HTTP, one for HTTPS, or both, each with one
// thread and epoll; a table of routes, hard limits on everything a client can send or hold.
// Handlers run on these threads, one at a time, and must be quick.
#ifndef BAYPLATE_NET_HTTP_SERVER_H
#define BAYPLATE_NET_HTTP_SERVER_H

#include "board/clock.h"
#include "board/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_BODY_MAX (64u << 10) // a request's body; more is 413
#define HTTP_HEAD_MAX (16u << 10) // a connection's memory: request line and headers; more is 431
#define HTTP_URI_MAX 2048         // more is 414
#define HTTP_QUERY_MAX 16         // query parameters of one request; more is 400
#define HTTP_CONNECTIONS_MAX 320  // at once and port; further ones wait in the kernel's queue
#define HTTP_PER_ADDRESS_MAX 256  // at once and port from one address
#define HTTP_REQUEST_MS 10000     // from the request line to the last byte of the body
#define HTTP_RESPONSE_MS 60000    // from there to the last byte of the answer, streams excepted
#define HTTP_IDLE_S 15            // without a byte either way
#define HTTP_HEADERS_MAX 8        // of its own a response may add
#define HTTP_PEER_MAX 64          // text of an address
#define HTTP_TICK_MS 500          // how often `tick` is called and slow clients are looked for
#define HTTP_NO_PORT (-1)

enum http_method {
  HTTP_GET = 1, // also answers HEAD
  HTTP_POST = 2,
  HTTP_PUT = 4,
  HTTP_DELETE = 8,
};
// Beside a route's methods: answered over plain HTTP, too, when people are sent on to HTTPS. For
// machines that ask for nothing secret.
#define HTTP_ALSO_PLAIN 16u

struct http_server;
struct http_request;  // valid during the handler
struct http_response; // likewise

// Fills `response`; a handler that fills nothing gives 500.
typedef void http_handler(void *ctx, const struct http_request *request,
                          struct http_response *response);

// A route: path exact, or everything below it when it ends in '/' and `below` is set. The first
// that fits is taken.
struct http_route {
  unsigned methods; // of enum http_method, and HTTP_ALSO_PLAIN
  const char *path;
  bool below;
  http_handler *handler;
};

struct http_options {
  const struct bp_clock *clock;
  const char *address;             // to listen on, IPv4 or IPv6 text, e.g. "0.0.0.0" or "::"
  int port;                        // of plain HTTP; 0: a free one; HTTP_NO_PORT: none
  int tls_port;                    // of HTTPS; 0: a free one
  const char *tls_cert, *tls_key;  // PEM texts, borrowed until it is up; NULL: no HTTPS
  bool redirect;                   // plain HTTP only sends people on to HTTPS
  const struct http_route *routes; // borrowed
  size_t route_count;
  void *ctx;               // for handlers and tick
  void (*tick)(void *ctx); // every HTTP_TICK_MS on a thread of its own; NULL: none
  int request_ms, idle_s;  // 0: the defaults above; for tests
};

// Binds and starts. ERR_ARG: an address that makes no sense, no port at all, a certificate
// without its key. ERR_NET: cannot listen (taken port). ERR_FORMAT: certificate or key.
BP_CHECK bool http_server_new(struct http_server **out, const struct http_options *o,
                              struct err *e);
// The ports really bound; HTTP_NO_PORT: none.
int http_server_port(const struct http_server *s);
int http_server_tls_port(const struct http_server *s);
// Another certificate from the next HTTPS connection on; those that are open go on with theirs. Any
// thread. ERR_FORMAT: as above, and the one before stays; ERR_STATE: there is no HTTPS.
BP_CHECK bool http_server_set_tls(struct http_server *s, const char *cert, const char *key,
                                  struct err *e);
// Open connections now.
unsigned http_server_connections(struct http_server *s);
// Ends all streams and connections, joins the threads. NULL is fine.
void http_server_free(struct http_server *s);

// --- request: texts live as long as the request
// -------------------------------------------------------------
enum http_method http_request_method(const struct http_request *q);
const char *http_request_path(const struct http_request *q);
// What follows the route's path when it was `below`, else "".
const char *http_request_tail(const struct http_request *q);
// NULL when it was not sent.
const char *http_request_header(const struct http_request *q, const char *name);
// The cookie's value copied into `out`; false when not sent or longer than size.
bool http_request_cookie(const struct http_request *q, const char *name, char *out, size_t size);
// A query parameter, decoded; NULL when not there.
const char *http_request_query(const struct http_request *q, const char *name);
// The body (never NULL, NUL after its end) and its length.
const char *http_request_body(const struct http_request *q, size_t *len);
// The client's address without its port.
const char *http_request_peer(const struct http_request *q);
bool http_request_tls(const struct http_request *q);

// --- response
// -----------------------------------------------------------------------------------------------
// Each of these sets the whole answer; a later call replaces an earlier one. `type` and `path`-like
// texts are borrowed constants.
void http_response_copy(struct http_response *r, unsigned status, const char *type,
                        const char *body, size_t len);
// Takes `body` (malloc'ed) over, whatever happens.
void http_response_take(struct http_response *r, unsigned status, const char *type, void *body,
                        size_t len);
// Bytes that live for ever.
void http_response_constant(struct http_response *r, unsigned status, const char *type,
                            const void *body, size_t len);
// {"error":"<text>"}.
void http_response_error(struct http_response *r, unsigned status, const char *text);
// Adds a header. Both are copied. False when there are too many or the value holds control
// characters.
BP_CHECK bool http_response_header(struct http_response *r, const char *name, const char *value);

// A body without a known length. read: writes at most `max` bytes and returns how many; 0: nothing
// now, call again after http_stream_wake; HTTP_STREAM_END; HTTP_STREAM_CUT: the connection is cut,
// so that the peer knows that this is not all. closed: the last call, frees ctx. Both run on the
// server's thread. `whole`: the body has an end of its own, so a server that stops cuts it.
#define HTTP_STREAM_END (-1)
#define HTTP_STREAM_CUT (-2)
struct http_stream;
struct http_stream_ops {
  bool whole;
  int64_t (*read)(void *ctx, char *buf, size_t max);
  void (*closed)(void *ctx);
};
// Returns NULL without memory (closed is then not called; the answer is 503).
struct http_stream *http_response_stream(struct http_response *r, const char *type,
                                         const struct http_stream_ops *ops, void *ctx);
// There is something to read. Any thread, until `closed` was called.
void http_stream_wake(struct http_stream *s);

#endif
