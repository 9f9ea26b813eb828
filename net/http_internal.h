// SPDX-License-Identifier: Apache-2.0
// Shared by the files of the HTTP server only.
#ifndef BAYPLATE_NET_HTTP_INTERNAL_H
#define BAYPLATE_NET_HTTP_INTERNAL_H

#include "net/http_server.h"

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

// The server's list of streams, so that it can end them. False: the server is stopping.
bool http_server_stream_add(struct http_server *s, struct http_stream *stream);
void http_server_stream_remove(struct http_server *s, struct http_stream *stream);
// Makes the stream's next read the end.
void http_stream_end(struct http_stream *stream);

#endif
