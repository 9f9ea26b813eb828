// SPDX-License-Identifier: Apache-2.0
#include "net/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BLOCK 8192 // bytes asked from a stream at once

static void set(struct http_response *r, unsigned status, const char *type,
                struct MHD_Response *body) {
  if (r->body) {
    MHD_destroy_response(r->body);
  }
  r->body = body;
  r->stream = NULL;
  r->status = status;
  r->type = type;
}

// MHD's buffer parameter is not const, though it only reads.
static void *unconst(const void *p) {
  union {
    const void *from;
    void *to;
  } u = {.from = p};
  return u.to;
}

void http_response_copy(struct http_response *r, unsigned status, const char *type,
                        const char *body, size_t len) {
  set(r, status, type, MHD_create_response_from_buffer(len, unconst(body), MHD_RESPMEM_MUST_COPY));
}

void http_response_take(struct http_response *r, unsigned status, const char *type, void *body,
                        size_t len) {
  struct MHD_Response *m = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
  if (!m) {
    free(body);
  }
  set(r, status, type, m);
}

void http_response_constant(struct http_response *r, unsigned status, const char *type,
                            const void *body, size_t len) {
  set(r, status, type, MHD_create_response_from_buffer(len, unconst(body), MHD_RESPMEM_PERSISTENT));
}

void http_response_error(struct http_response *r, unsigned status, const char *text) {
  char body[1024];
  size_t n = 0;
  n += (size_t)snprintf(body, sizeof body, "{\"error\":\"");
  // Cut where at most one escaped character and the end still fit.
  for (const unsigned char *p = (const unsigned char *)text; *p && n < sizeof body - 16; p++) {
    if (*p < 0x20) {
      body[n++] = ' ';
    } else {
      if (*p == '"' || *p == '\\') {
        body[n++] = '\\';
      }
      body[n++] = (char)*p;
    }
  }
  n += (size_t)snprintf(body + n, sizeof body - n, "\"}\n");
  http_response_copy(r, status, "application/json", body, n);
}

bool http_response_header(struct http_response *r, const char *name, const char *value) {
  if (r->header_count == HTTP_HEADERS_MAX || !http_text_clean(name) || !http_text_clean(value) ||
      strlen(name) >= sizeof r->header[0].name || strlen(value) >= sizeof r->header[0].value) {
    return false;
  }
  memcpy(r->header[r->header_count].name, name, strlen(name) + 1);
  memcpy(r->header[r->header_count].value, value, strlen(value) + 1);
  r->header_count++;
  return true;
}

void http_response_clear(struct http_response *r) {
  if (r->body) {
    MHD_destroy_response(r->body);
    r->body = NULL;
    r->stream = NULL;
  }
}

static ssize_t stream_read(void *cls, uint64_t pos, char *buf, size_t max) {
  (void)pos;
  struct http_stream *s = cls;
  int64_t n = s->ops.read(s->ctx, buf, max);
  if (n > 0) {
    return (ssize_t)n;
  }
  pthread_mutex_lock(&s->lock);
  ssize_t result = 0;
  if (n < 0 || s->ending) {
    bool cut = n == HTTP_STREAM_CUT || (n != HTTP_STREAM_END && s->ops.whole);
    result = cut ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
  } else if (s->wake) {
    s->wake = false; // something came since ops.read looked: MHD asks again at once
  } else {
    s->suspended = true;
    MHD_suspend_connection(s->connection);
  }
  pthread_mutex_unlock(&s->lock);
  return result;
}

static void stream_free(void *cls) {
  struct http_stream *s = cls;
  http_server_stream_remove(s->server, s);
  s->ops.closed(s->ctx);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

struct http_stream *http_response_stream(struct http_response *r, const char *type,
                                         const struct http_stream_ops *ops, void *ctx) {
  struct http_stream *s = calloc(1, sizeof *s);
  if (!s || pthread_mutex_init(&s->lock, NULL) != 0) {
    free(s);
    http_response_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
    return NULL;
  }
  s->server = r->server;
  s->ops = *ops;
  s->ctx = ctx;
  struct MHD_Response *m = NULL;
  if (http_server_stream_add(r->server, s)) {
    m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, s,
                                          stream_free);
    if (!m) {
      http_server_stream_remove(r->server, s);
    }
  }
  if (!m) {
    pthread_mutex_destroy(&s->lock);
    free(s);
    http_response_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping, or out of memory");
    return NULL;
  }
  s->connection = r->connection;
  set(r, MHD_HTTP_OK, type, m);
  r->stream = s;
  return s;
}

static void stream_poke(struct http_stream *s, bool ending) {
  pthread_mutex_lock(&s->lock);
  s->ending = s->ending || ending;
  if (s->suspended) {
    s->suspended = false;
    MHD_resume_connection(s->connection);
  } else {
    s->wake = true;
  }
  pthread_mutex_unlock(&s->lock);
}

void http_stream_wake(struct http_stream *s) {
  stream_poke(s, false);
}

void http_stream_end(struct http_stream *s) {
  stream_poke(s, true);
}
