// SPDX-License-Identifier: Apache-2.0
#include "net/http_internal.h"

#include "board/log.h"
#include "board/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALLOW_TEXT_MAX 48
#define LOCATION_MAX 512

// A page gets nothing from anywhere but here, runs nothing written into it, and cannot be framed.
static const struct {
  const char *name, *value;
} security_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; "
     "frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), microphone=(), geolocation=()"},
};

// One open connection and until when its present step must be done.
struct connection {
  struct connection *next, *prev;
  int fd;
  int64_t deadline_ns; // 0: a stream, no deadline
  bool cut;
  struct http_tls *tls; // its certificate; NULL: plain HTTP
};

enum { PLAIN, TLS, LISTENERS };

struct http_server {
  struct http_options o;
  struct MHD_Daemon *daemon[LISTENERS]; // NULL: it does not listen so
  int port[LISTENERS];
  pthread_mutex_t handlers; // held by the one that runs
  pthread_mutex_t lock;
  struct http_tls *tls; // for the next connection
  pthread_cond_t stop;
  bool stopping, ticking;
  pthread_t ticker;
  struct connection *connections;
  unsigned connection_count;
  struct http_stream *streams;
  struct metric *requests, *refused, *slow;
};

static int64_t deadline(const struct http_server *s, int64_t ms) {
  return clock_mono_ns(s->o.clock) + ms * CLOCK_NS_PER_MS;
}

// --- streams
bool http_server_stream_add(struct http_server *s, struct http_stream *stream) {
  pthread_mutex_lock(&s->lock);
  bool ok = !s->stopping;
  if (ok) {
    stream->next = s->streams;
    if (s->streams) {
      s->streams->prev = stream;
    }
    s->streams = stream;
  }
  pthread_mutex_unlock(&s->lock);
  return ok;
}

void http_server_stream_remove(struct http_server *s, struct http_stream *stream) {
  pthread_mutex_lock(&s->lock);
  if (stream->prev) {
    stream->prev->next = stream->next;
  } else {
    s->streams = stream->next;
  }
  if (stream->next) {
    stream->next->prev = stream->prev;
  }
  pthread_mutex_unlock(&s->lock);
}

// --- connections
static bool is_tls(struct MHD_Connection *mc) {
  return MHD_get_connection_info(mc, MHD_CONNECTION_INFO_GNUTLS_SESSION) != NULL;
}

// The certificate of now; without memory for it the connection keeps the first one, which MHD has.
static void certify(struct http_server *s, struct connection *c, struct MHD_Connection *mc) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(mc, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (!info)
    return;
  gnutls_session_t session = info->tls_session;
  pthread_mutex_lock(&s->lock);
  c->tls = http_tls_hold(s->tls);
  pthread_mutex_unlock(&s->lock);
  if (!http_tls_use(c->tls, session))
    log_debug("http", "no memory for a connection's certificate");
}

static void on_connection(void *cls, struct MHD_Connection *mc, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
  struct http_server *s = cls;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct connection *c = calloc(1, sizeof *c);
    *socket_context = c;
    if (!c || !info) {
      return; // works all the same, without a deadline of ours
    }
    c->fd = info->connect_fd;
    c->deadline_ns = deadline(s, s->o.request_ms);
    certify(s, c, mc);
    pthread_mutex_lock(&s->lock);
    c->next = s->connections;
    if (s->connections) {
      s->connections->prev = c;
    }
    s->connections = c;
    s->connection_count++;
    pthread_mutex_unlock(&s->lock);
  } else if (*socket_context) {
    struct connection *c = *socket_context;
    pthread_mutex_lock(&s->lock);
    if (c->prev || s->connections == c) {
      if (c->prev) {
        c->prev->next = c->next;
      } else {
        s->connections = c->next;
      }
      if (c->next) {
        c->next->prev = c->prev;
      }
      s->connection_count--;
    }
    pthread_mutex_unlock(&s->lock);
    http_tls_drop(c->tls);
    free(c);
    *socket_context = NULL;
  }
}

static void set_deadline(struct http_server *s, struct MHD_Connection *mc, int64_t at_ns) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct connection *c = info ? info->socket_context : NULL;
  if (c) {
    pthread_mutex_lock(&s->lock);
    c->deadline_ns = at_ns;
    pthread_mutex_unlock(&s->lock);
  }
}

// Only shuts the socket: MHD, which owns it, sees the end and closes.
static void cut_slow(struct http_server *s) {
  int64_t now = clock_mono_ns(s->o.clock);
  pthread_mutex_lock(&s->lock);
  for (struct connection *c = s->connections; c; c = c->next) {
    if (!c->cut && c->deadline_ns != 0 && now > c->deadline_ns) {
      c->cut = true;
      metric_add(s->slow, 1);
      if (shutdown(c->fd, SHUT_RDWR) != 0) {
        log_debug("http", "shutdown: %s", strerror(errno));
      }
    }
  }
  pthread_mutex_unlock(&s->lock);
}

static void *ticker(void *cls) {
  struct http_server *s = cls;
  pthread_mutex_lock(&s->lock);
  while (!s->stopping) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t); // a pause, not a measurement
    t.tv_nsec += (long)(HTTP_TICK_MS * CLOCK_NS_PER_MS);
    t.tv_sec += t.tv_nsec / CLOCK_NS_PER_S;
    t.tv_nsec %= CLOCK_NS_PER_S;
    int rc = pthread_cond_timedwait(&s->stop, &s->lock, &t);
    if (s->stopping || rc != ETIMEDOUT) {
      continue;
    }
    pthread_mutex_unlock(&s->lock);
    cut_slow(s);
    if (s->o.tick) {
      s->o.tick(s->o.ctx);
    }
    pthread_mutex_lock(&s->lock);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

// --- requests
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *mc) {
  struct http_server *s = cls;
  set_deadline(s, mc, deadline(s, s->o.request_ms));
  struct http_request *q = calloc(1, sizeof *q);
  if (q) {
    q->uri_status = http_uri_parse(&q->uri, uri);
  }
  return q;
}

static void on_completed(void *cls, struct MHD_Connection *mc, void **req_cls,
                         enum MHD_RequestTerminationCode code) {
  (void)code;
  struct http_server *s = cls;
  struct http_request *q = *req_cls;
  if (q) {
    free(q->body);
    free(q);
    *req_cls = NULL;
  }
  // Kept open for the next request: silence is MHD's to limit, our clock starts with its first
  // line.
  set_deadline(s, mc, deadline(s, (int64_t)s->o.idle_s * 1000 + s->o.request_ms));
}

static void fill_peer(struct http_request *q) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const struct sockaddr *a = info ? info->client_addr : NULL;
  const char *ok = NULL;
  if (a && a->sa_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, a, sizeof v4);
    ok = inet_ntop(AF_INET, &v4.sin_addr, q->peer, sizeof q->peer);
  } else if (a && a->sa_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, a, sizeof v6);
    ok = inet_ntop(AF_INET6, &v6.sin6_addr, q->peer, sizeof q->peer);
  }
  if (!ok) {
    memcpy(q->peer, "?", 2);
  }
}

static enum http_method method_of(const char *word) {
  static const struct {
    const char *word;
    enum http_method method;
  } known[] = {{"GET", HTTP_GET},
               {"HEAD", HTTP_GET},
               {"POST", HTTP_POST},
               {"PUT", HTTP_PUT},
               {"DELETE", HTTP_DELETE}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(word, known[i].word) == 0) {
      return known[i].method;
    }
  }
  return 0;
}

static bool route_fits(const struct http_route *r, const char *path, const char **tail) {
  size_t n = strlen(r->path);
  *tail = "";
  if (strcmp(r->path, path) == 0) {
    return true;
  }
  if (r->below && strncmp(r->path, path, n) == 0) {
    *tail = path + n;
    return true;
  }
  return false;
}

// A person who opens a page is sent on. What a program asks is refused: it would have sent its
// secrets in the clear already, and go on doing so.
static void send_on(struct http_server *s, const struct http_request *q, struct http_response *r) {
  char to[LOCATION_MAX], words[96];
  const char *host = http_request_header(q, MHD_HTTP_HEADER_HOST);
  if (q->method == HTTP_GET && q->uri.query_count == 0 &&
      http_listen_redirect(to, sizeof to, host, s->port[TLS], q->uri.path)) {
    http_response_copy(r, MHD_HTTP_TEMPORARY_REDIRECT, "text/plain", "", 0);
    if (http_response_header(r, MHD_HTTP_HEADER_LOCATION, to))
      return;
  }
  (void)snprintf(words, sizeof words, "not over plain HTTP: use HTTPS, port %d", s->port[TLS]);
  http_response_error(r, MHD_HTTP_FORBIDDEN, words);
}

static void dispatch(struct http_server *s, struct http_request *q, struct http_response *r) {
  unsigned methods = 0;
  for (size_t i = 0; i < s->o.route_count; i++) {
    const struct http_route *route = &s->o.routes[i];
    if (!route_fits(route, q->uri.path, &q->tail)) {
      continue;
    }
    methods |= route->methods;
    if (route->methods & q->method) {
      if (s->o.redirect && !q->tls && !(route->methods & HTTP_ALSO_PLAIN)) {
        send_on(s, q, r);
        return;
      }
      pthread_mutex_lock(&s->handlers);
      route->handler(s->o.ctx, q, r);
      pthread_mutex_unlock(&s->handlers);
      if (!r->body) {
        http_response_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "no answer could be made");
      }
      return;
    }
  }
  if (methods == 0) {
    http_response_error(r, MHD_HTTP_NOT_FOUND, "no such page");
    return;
  }
  char allow[ALLOW_TEXT_MAX];
  snprintf(allow, sizeof allow, "%s%s%s%s", methods & HTTP_GET ? ", GET, HEAD" : "",
           methods & HTTP_POST ? ", POST" : "", methods & HTTP_PUT ? ", PUT" : "",
           methods & HTTP_DELETE ? ", DELETE" : "");
  http_response_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "not this method here");
  if (!http_response_header(r, MHD_HTTP_HEADER_ALLOW, allow + 2)) {
    log_debug("http", "no room for the Allow header");
  }
}

static enum MHD_Result send_response(struct http_server *s, struct http_request *q,
                                     struct http_response *r) {
  if (!r->body) {
    return MHD_NO;
  }
  bool ok = true;
  for (size_t i = 0; i < sizeof security_headers / sizeof security_headers[0]; i++) {
    ok =
        ok && MHD_add_response_header(r->body, security_headers[i].name, security_headers[i].value);
  }
  // It would make browsers ask the port of plain HTTP for HTTPS (RFC 6797 8.3), where there is one.
  if (q->tls && s->port[PLAIN] == HTTP_NO_PORT) {
    ok = ok && MHD_add_response_header(r->body, "Strict-Transport-Security", "max-age=31536000");
  }
  if (r->type) {
    ok = ok && MHD_add_response_header(r->body, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
  }
  bool cache = false;
  for (size_t i = 0; i < r->header_count; i++) {
    cache = cache || strcmp(r->header[i].name, MHD_HTTP_HEADER_CACHE_CONTROL) == 0;
    ok = ok && MHD_add_response_header(r->body, r->header[i].name, r->header[i].value);
  }
  if (!cache) { // personal data: nowhere but on the screen
    ok = ok && MHD_add_response_header(r->body, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  }
  if (r->status >= 400) {
    metric_add(s->refused, 1);
  }
  enum MHD_Result sent = ok ? MHD_queue_response(q->connection, r->status, r->body) : MHD_NO;
  http_response_clear(r);
  return sent;
}

// The head is complete: refuse at once what will not be taken, else wait for the body.
static enum MHD_Result begin(struct http_server *s, struct http_request *q, const char *method,
                             const char *version) {
  struct http_response r = {.server = s};
  q->begun = true;
  metric_add(s->requests, 1);
  fill_peer(q);
  q->tls = is_tls(q->connection);
  q->method = method_of(method);
  const char *length = http_request_header(q, MHD_HTTP_HEADER_CONTENT_LENGTH);
  if (strncmp(version, "HTTP/1.", 7) != 0) {
    http_response_error(&r, MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 is spoken here");
  } else if (q->uri_status != 0) {
    http_response_error(&r, q->uri_status, "not an address that exists here");
  } else if (q->method == 0) {
    http_response_error(&r, MHD_HTTP_NOT_IMPLEMENTED, "unknown method");
  } else if (length && strtoull(length, NULL, 10) > HTTP_BODY_MAX) {
    http_response_error(&r, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
  }
  return r.body ? send_response(s, q, &r) : MHD_YES;
}

static enum MHD_Result take_body(struct http_request *q, const char *data, size_t len) {
  if (q->body_len + len > HTTP_BODY_MAX) {
    return MHD_NO; // it did not say its length, so the answer is the closed connection
  }
  if (!q->body) {
    q->body = malloc(HTTP_BODY_MAX + 1);
    if (!q->body) {
      return MHD_NO;
    }
  }
  memcpy(q->body + q->body_len, data, len);
  q->body_len += len;
  q->body[q->body_len] = '\0';
  return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mc, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **req_cls) {
  (void)url;
  struct http_server *s = cls;
  struct http_request *q = *req_cls;
  if (!q) {
    return MHD_NO; // no memory
  }
  q->connection = mc;
  if (!q->begun) {
    return begin(s, q, method, version);
  }
  if (*upload_size != 0) {
    enum MHD_Result ok = take_body(q, upload, *upload_size);
    *upload_size = 0;
    return ok;
  }
  struct http_response r = {.server = s, .connection = mc};
  dispatch(s, q, &r);
  set_deadline(s, mc, r.stream ? 0 : deadline(s, HTTP_RESPONSE_MS));
  return send_response(s, q, &r);
}

static void on_log(void *cls, const char *fmt, va_list ap) {
  (void)cls;
  char line[256];
  vsnprintf(line, sizeof line, fmt, ap);
  line[strcspn(line, "\n")] = '\0';
  log_debug("http", "%s", line);
}

// --- start and stop
static bool start_daemon(struct http_server *s, int which, int fd, struct err *e) {
  const bool tls = which == TLS;
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                   MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
  static char priorities[] = "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
  // MHD wants a certificate to begin with; each connection gets the one of its moment.
  struct MHD_OptionItem secure[] = {
      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)s->o.tls_cert},
      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)s->o.tls_key},
      {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
  s->daemon[which] = MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
      MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_PER_ADDRESS_MAX,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
      (unsigned)s->o.idle_s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
      s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
      s, MHD_OPTION_ARRAY, tls ? secure : none, MHD_OPTION_END);
  return s->daemon[which] ||
         err_set(e, ERR_NET, "the HTTP%s server does not start", tls ? "S" : "");
}

static bool start_listener(struct http_server *s, int which, int port, struct err *e) {
  int fd = -1;
  if (port == HTTP_NO_PORT)
    return true;
  if (!http_listen(s->o.address, port, &fd, e))
    return false;
  s->port[which] = http_listen_port(fd);
  return start_daemon(s, which, fd, e); // fd is MHD's now, also when it failed
}

static bool init_locks(struct http_server *s) {
  pthread_condattr_t attr;
  bool ok = pthread_condattr_init(&attr) == 0;
  ok = ok && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
       pthread_mutex_init(&s->lock, NULL) == 0 && pthread_mutex_init(&s->handlers, NULL) == 0 &&
       pthread_cond_init(&s->stop, &attr) == 0;
  (void)pthread_condattr_destroy(&attr);
  return ok;
}

bool http_server_new(struct http_server **out, const struct http_options *o, struct err *e) {
  struct http_server *s = calloc(1, sizeof *s);
  if (!s || !init_locks(s)) {
    free(s);
    return err_set(e, ERR_NOMEM, "HTTP server: out of memory");
  }
  s->o = *o;
  s->o.request_ms = o->request_ms ? o->request_ms : HTTP_REQUEST_MS;
  s->o.idle_s = o->idle_s ? o->idle_s : HTTP_IDLE_S;
  s->port[PLAIN] = s->port[TLS] = HTTP_NO_PORT;
  s->requests = metric_counter("bayplate_http_requests_total", NULL, "HTTP requests");
  s->refused = metric_counter("bayplate_http_refused_total", NULL, "HTTP answers from 400 on");
  s->slow = metric_counter("bayplate_http_slow_total", NULL, "Connections cut for slowness");
  const bool tls = o->tls_cert || o->tls_key;
  if ((!tls && o->port == HTTP_NO_PORT) || (tls && (!o->tls_cert || !o->tls_key))) {
    err_set(e, ERR_ARG, tls ? "HTTPS needs both a certificate and a key" : "no port to listen on");
    goto fail;
  }
  // HTTPS first: who is sent on to it must know its port.
  if ((tls && (!http_tls_new(&s->tls, o->tls_cert, o->tls_key, e) ||
               !start_listener(s, TLS, o->tls_port, e))) ||
      !start_listener(s, PLAIN, o->port, e))
    goto fail;
  s->o.tls_cert = s->o.tls_key = NULL; // MHD has read them
  int rc = pthread_create(&s->ticker, NULL, ticker, s);
  if (rc != 0) {
    err_errno(e, rc, "HTTP server: thread");
    goto fail;
  }
  s->ticking = true;
  *out = s;
  return true;
fail:
  http_server_free(s);
  return false;
}

int http_server_port(const struct http_server *s) {
  return s->port[PLAIN];
}

int http_server_tls_port(const struct http_server *s) {
  return s->port[TLS];
}

bool http_server_set_tls(struct http_server *s, const char *cert, const char *key, struct err *e) {
  struct http_tls *fresh = NULL;
  if (s->port[TLS] == HTTP_NO_PORT)
    return err_set(e, ERR_STATE, "there is no HTTPS");
  if (!http_tls_new(&fresh, cert, key, e))
    return false;
  pthread_mutex_lock(&s->lock);
  struct http_tls *before = s->tls;
  s->tls = fresh;
  pthread_mutex_unlock(&s->lock);
  http_tls_drop(before);
  return true;
}

unsigned http_server_connections(struct http_server *s) {
  pthread_mutex_lock(&s->lock);
  unsigned n = s->connection_count;
  pthread_mutex_unlock(&s->lock);
  return n;
}

void http_server_free(struct http_server *s) {
  if (!s) {
    return;
  }
  pthread_mutex_lock(&s->lock);
  s->stopping = true;
  pthread_cond_signal(&s->stop);
  // MHD cannot stop over suspended connections: each is woken to its end. The list lock keeps them
  // alive.
  for (struct http_stream *t = s->streams; t; t = t->next) {
    http_stream_end(t);
  }
  pthread_mutex_unlock(&s->lock);
  if (s->ticking) {
    pthread_join(s->ticker, NULL);
  }
  for (int i = 0; i < LISTENERS; i++) {
    if (s->daemon[i])
      MHD_stop_daemon(s->daemon[i]);
  }
  http_tls_drop(s->tls);
  pthread_cond_destroy(&s->stop);
  pthread_mutex_destroy(&s->handlers);
  pthread_mutex_destroy(&s->lock);
  free(s);
}
