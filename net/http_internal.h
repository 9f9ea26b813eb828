// SPDX-License-Identifier: Apache-2.0
// Shared by the files of the HTTP server only.
#ifndef BAYPLATE_NET_HTTP_INTERNAL_H
#define BAYPLATE_NET_HTTP_INTERNAL_H

#include "net/http_server.h"

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>

struct http_uri {
  char text[HTTP_URI_MAX + 1]; // taken apart in place: path NUL name NUL value NUL ...
  const char *path;
  struct {
    const char *name, *value;
  } query[HTTP_QUERY_MAX];
  size_t query_count;
};

// Takes a request target apart. 0, or the status that answers it: 400 for what no honest client
// sends (not starting with '/', "..", "//", backslash, any escape in the path, bad escapes, NUL or
// control characters or broken UTF-8 in the query), 414 too long.
unsigned http_uri_parse(struct http_uri *u, const char *target);

// Is it UTF-8 without control characters?
bool http_text_clean(const char *s);

struct http_request {
  struct http_uri uri;
  unsigned uri_status; // of http_uri_parse
  struct MHD_Connection *connection;
  enum http_method method;
  const char *tail;
  char peer[HTTP_PEER_MAX];
  bool tls;
  bool begun; // the handler was called once by MHD: headers are complete
  bool too_large;
  char *body; // HTTP_BODY_MAX + 1 once the first byte came
  size_t body_len;
};

struct http_response {
  unsigned status;
  const char *type;
  struct MHD_Response *body;  // NULL: nothing set
  struct http_stream *stream; // what body is made of, NULL for all other bodies
  struct http_server *server;
  struct MHD_Connection *connection;
  struct {
    char name[48];
    char value[512];
  } header[HTTP_HEADERS_MAX];
  size_t header_count;
};

// Frees what was set and not sent.
void http_response_clear(struct http_response *r);

struct http_stream {
  pthread_mutex_t lock;
  struct http_server *server;
  struct MHD_Connection *connection;
  struct http_stream_ops ops;
  void *ctx;
  bool suspended, wake, ending;
  struct http_stream *next, *prev; // of the server's list
};

// --- http_listen.c

// A listening socket. ERR_ARG, ERR_NET.
BP_CHECK bool http_listen(const char *address, int port, int *fd, struct err *e);
// The port that a socket is bound to, 0 when the kernel does not say.
int http_listen_port(int fd);
// Where a request over plain HTTP is sent on to: the host that it named, the path, HTTPS. False:
// `host` (the Host header, may be NULL) is none.
bool http_listen_redirect(char *out, size_t size, const char *host, int tls_port, const char *path);

// --- http_tls.c: the certificate in use, which may be another one for the next connection

struct http_tls;
// ERR_FORMAT: they do not fit or are damaged.
BP_CHECK bool http_tls_new(struct http_tls **out, const char *cert, const char *key, struct err *e);
struct http_tls *http_tls_hold(struct http_tls *t);
void http_tls_drop(struct http_tls *t); // frees it with the last holder. NULL is fine
// For a session whose handshake has not begun; hold `t` until its connection is closed.
BP_CHECK bool http_tls_use(struct http_tls *t, gnutls_session_t session);

// --- http_server.c

// The server's list of streams, so that it can end them. False: the server is stopping.
bool http_server_stream_add(struct http_server *s, struct http_stream *stream);
void http_server_stream_remove(struct http_server *s, struct http_stream *stream);
// Makes the stream's next read the end.
void http_stream_end(struct http_stream *stream);

#endif
