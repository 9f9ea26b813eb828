// SPDX-License-Identifier: Apache-2.0
#include "tools/policy_server_http.h"

#include "board/clock.h"
#include "tools/policy_server_shapes.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 65536
#define BATCH_MAX 200
#define CONNECTIONS_MAX 256
#define IDLE_S 30

struct ps_http {
  struct MHD_Daemon *daemon;
  struct ps_options o;
  struct ps_db *db;
  atomic_bool stopping;
  pthread_mutex_t lock;             // for the rest
  double bucket[PS_TOKENS_MAX + 1]; // tokens left in the rate limit's bucket, the last for nobody
  int64_t filled_ns;
  enum ps_fault fault;
  int fault_count;
  int64_t requests, connections, denied, limited;
};

struct request {
  char body[BODY_MAX];
  size_t len;
  bool too_large;
};

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status,
                                 struct MHD_Response *r) {
  if (!r)
    return MHD_NO;
  enum MHD_Result ok = MHD_queue_response(c, status, r);
  MHD_destroy_response(r);
  return ok;
}

static enum MHD_Result send_json(struct MHD_Connection *c, unsigned status, json_t *j) {
  char *text = j ? json_dumps(j, JSON_REAL_PRECISION(10)) : NULL;
  json_decref(j);
  return send_text(c, status, ps_json_response(text));
}

static enum MHD_Result send_error(struct MHD_Connection *c, unsigned status, const char *code,
                                  const char *message) {
  return send_json(c, status, json_pack("{s{ss ss}}", "error", "code", code, "message", message));
}

// Which token a request brings: its index, o.tokens when none is needed, -1 when it is wrong.
static int token_of(const struct ps_http *h, struct MHD_Connection *c) {
  if (h->o.tokens == 0)
    return PS_TOKENS_MAX;
  const char *given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
  if (given && strncmp(given, "Bearer ", 7) == 0)
    given += 7;
  else
    given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "x-api-key");
  int found = -1;
  for (int i = 0; given && i < h->o.tokens; i++) {
    // Always compares everything, so that the time tells nothing.
    size_t n = strlen(h->o.token[i]), differ = strlen(given) ^ n;
    for (size_t k = 0; k < n; k++)
      differ |= (size_t)(unsigned char)(h->o.token[i][k] ^ given[k < strlen(given) ? k : 0]);
    found = differ == 0 ? i : found;
  }
  return found;
}

static bool client_certificate_ok(struct MHD_Connection *c) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  unsigned status = 1;
  return info &&
         gnutls_certificate_verify_peers2((gnutls_session_t)info->tls_session, &status) ==
             GNUTLS_E_SUCCESS &&
         status == 0;
}

// Takes one from the token's bucket; false when it is empty.
static bool within_rate(struct ps_http *h, int token) {
  if (h->o.rate == 0)
    return true;
  pthread_mutex_lock(&h->lock);
  int64_t now = clock_mono_ns(clock_system());
  double more = (double)(now - h->filled_ns) / 1e9 * h->o.rate;
  h->filled_ns = now;
  for (int i = 0; i <= PS_TOKENS_MAX; i++)
    h->bucket[i] = h->bucket[i] + more < h->o.rate ? h->bucket[i] + more : h->o.rate;
  bool ok = h->bucket[token] >= 1;
  h->bucket[token] -= ok;
  h->limited += !ok;
  pthread_mutex_unlock(&h->lock);
  return ok;
}

// The fault of this request: its header's, else the set one while its count lasts.
static enum ps_fault fault_of(struct ps_http *h, struct MHD_Connection *c) {
  enum ps_fault f = PS_NONE;
  const char *asked = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "X-Fault");
  pthread_mutex_lock(&h->lock);
  h->requests++;
  if (h->o.allow_faults && asked && ps_fault_parse(asked, &f)) {
    // as asked
  } else if (h->fault_count != 0) {
    f = h->fault;
    h->fault_count -= h->fault_count > 0;
  }
  pthread_mutex_unlock(&h->lock);
  return f;
}

static enum MHD_Result serve_admin(struct ps_http *h, struct MHD_Connection *c, const char *method,
                                   const char *url, const struct request *r) {
  if (strcmp(url, "/admin/stats") == 0 && strcmp(method, "GET") == 0) {
    pthread_mutex_lock(&h->lock);
    json_t *j = json_pack("{sI sI sI sI ss}", "requests", (json_int_t)h->requests, "connections",
                          (json_int_t)h->connections, "denied", (json_int_t)h->denied, "limited",
                          (json_int_t)h->limited, "fault",
                          ps_fault_name(h->fault_count ? h->fault : PS_NONE));
    pthread_mutex_unlock(&h->lock);
    return send_json(c, 200, j);
  }
  if (strcmp(url, "/admin/fault") == 0 && strcmp(method, "PUT") == 0) {
    json_t *j = json_loadb(r->body, r->len, 0, NULL);
    const char *kind = json_string_value(json_object_get(j, "kind"));
    const json_t *count = json_object_get(j, "count");
    enum ps_fault f;
    bool ok = kind && ps_fault_parse(kind, &f);
    if (ok) {
      pthread_mutex_lock(&h->lock);
      h->fault = f;
      h->fault_count = json_is_integer(count) ? (int)json_integer_value(count) : -1;
      pthread_mutex_unlock(&h->lock);
    }
    json_decref(j);
    return ok ? send_json(c, 200, json_object())
              : send_error(c, 400, "bad_request", "{\"kind\":\"500\",\"count\":2}; see --help");
  }
  return send_error(c, 404, "not_found", "no such admin path");
}

static enum MHD_Result serve_batch(struct ps_http *h, struct MHD_Connection *c,
                                   const struct request *r) {
  json_t *asked = json_loadb(r->body, r->len, JSON_REJECT_DUPLICATES, NULL);
  const json_t *plates = json_object_get(asked, "plates");
  size_t n = json_array_size(plates);
  bool bad = !json_is_array(plates) || n == 0 || n > BATCH_MAX;
  json_t *results = json_array();
  bool ok = results != NULL;
  for (size_t i = 0; ok && !bad && i < n; i++) {
    const char *plate = json_string_value(json_array_get(plates, i));
    struct err e;
    json_t *body = plate ? ps_db_answer(h->db, plate, &e) : NULL;
    if (!plate)
      bad = true;
    else if (body)
      ok = json_array_append_new(
               results, json_pack("{ss si so}", "plate", plate, "status", 200, "body", body)) == 0;
    else
      ok = e.code == ERR_NOT_FOUND &&
           json_array_append_new(results, json_pack("{ss si}", "plate", plate, "status", 404)) == 0;
  }
  json_decref(asked);
  if (bad || !ok) {
    json_decref(results);
    return bad ? send_error(c, 400, "bad_request", "body must be {\"plates\":[1 to 200 texts]}")
               : send_error(c, 500, "internal", "database");
  }
  return send_json(c, 200, json_pack("{so}", "results", results));
}

// Finds the plate of a single look-up in any of the shapes. NULL: no such path.
static const char *single_plate(const struct ps_http *h, struct MHD_Connection *c,
                                const char *method, const char *url, const struct request *r,
                                char out[128], char *shape) {
  static const char head[] = "/v1/vehicles/", tail[] = "/policies";
  *shape = 'o';
  size_t n = strlen(url);
  if (strcmp(method, "GET") == 0 && strncmp(url, head, sizeof head - 1) == 0 &&
      n > sizeof head + sizeof tail - 2 && strcmp(url + n - (sizeof tail - 1), tail) == 0) {
    size_t len = n - (sizeof head - 1) - (sizeof tail - 1);
    if (len >= 128)
      return NULL;
    memcpy(out, url + sizeof head - 1, len);
    out[len] = '\0';
    return out;
  }
  if (h->o.shapes && strcmp(method, "GET") == 0 && strcmp(url, "/resource/m9d7-ebf2.json") == 0) {
    *shape = 'r';
    return MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "kenteken");
  }
  if (h->o.shapes && strcmp(method, "POST") == 0 &&
      strcmp(url, "/vehicle-enquiry/v1/vehicles") == 0) {
    *shape = 'd';
    json_t *j = json_loadb(r->body, r->len, 0, NULL);
    const char *plate = json_string_value(json_object_get(j, "registrationNumber"));
    size_t len = plate ? strlen(plate) : 128;
    if (len < 128)
      memcpy(out, plate, len + 1);
    json_decref(j);
    return len < 128 ? out : NULL;
  }
  return NULL;
}

static enum MHD_Result serve_single(struct ps_http *h, struct MHD_Connection *c, const char *plate,
                                    char shape) {
  struct err e;
  json_t *own = ps_db_answer(h->db, plate, &e);
  if (!own && e.code != ERR_NOT_FOUND)
    return send_error(c, 500, "internal", "database");
  enum ps_fault f = fault_of(h, c);
  if (f != PS_NONE) {
    unsigned status = 200;
    struct MHD_Response *r =
        ps_fault_response(f, own, h->o.slow_ms, h->o.retry_after_s, &h->stopping, &status);
    json_decref(own);
    return send_text(c, status, r);
  }
  if (shape == 'r') {
    json_t *j = ps_shape_rdw(own);
    json_decref(own);
    return send_json(c, 200, j);
  }
  if (shape == 'd') {
    json_t *j = own ? ps_shape_dvla(own) : ps_shape_dvla_unknown();
    unsigned status = own ? 200 : 404;
    json_decref(own);
    return send_json(c, status, j);
  }
  return own ? send_json(c, 200, own) : send_error(c, 404, "not_found", "no such plate");
}

static enum MHD_Result route(struct ps_http *h, struct MHD_Connection *c, const char *method,
                             const char *url, const struct request *r) {
  if (strcmp(url, "/healthz") == 0)
    return send_json(c, 200, json_pack("{sb}", "ok", 1));
  if (h->o.allow_faults && strncmp(url, "/admin/", 7) == 0)
    return serve_admin(h, c, method, url, r);
  if (r->too_large)
    return send_error(c, 413, "too_large", "body too large");
  int token = token_of(h, c);
  if (token < 0 || (h->o.client_ca && !client_certificate_ok(c))) {
    pthread_mutex_lock(&h->lock);
    h->requests++;
    h->denied++;
    pthread_mutex_unlock(&h->lock);
    return send_error(c, 401, "denied", "bearer token or client certificate missing or wrong");
  }
  if (!within_rate(h, token)) {
    unsigned status;
    return send_text(c, 429,
                     ps_fault_response(PS_429, NULL, 0, h->o.retry_after_s, &h->stopping, &status));
  }
  char buf[128], shape;
  const char *plate = single_plate(h, c, method, url, r, buf, &shape);
  if (plate)
    return serve_single(h, c, plate, shape);
  if (strcmp(url, "/v1/vehicles/policies:batch") == 0 && strcmp(method, "POST") == 0)
    return serve_batch(h, c, r);
  return send_error(c, 404, "not_found", "no such path");
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state) {
  (void)version;
  struct ps_http *h = ctx;
  struct request *r = *state;
  if (!r) {
    *state = calloc(1, sizeof *r);
    return *state ? MHD_YES : MHD_NO;
  }
  if (*size > 0) {
    if (*size > BODY_MAX - r->len) {
      r->too_large = true;
    } else {
      memcpy(r->body + r->len, data, *size);
      r->len += *size;
    }
    *size = 0;
    return MHD_YES;
  }
  return route(h, c, method, url, r);
}

static void on_done(void *ctx, struct MHD_Connection *c, void **state,
                    enum MHD_RequestTerminationCode why) {
  (void)ctx;
  (void)c;
  (void)why;
  free(*state);
  *state = NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **state,
                          enum MHD_ConnectionNotificationCode what) {
  (void)c;
  (void)state;
  struct ps_http *h = ctx;
  if (what != MHD_CONNECTION_NOTIFY_STARTED)
    return;
  pthread_mutex_lock(&h->lock);
  h->connections++;
  pthread_mutex_unlock(&h->lock);
}

bool ps_http_start(struct ps_http **out, const struct ps_options *o, struct ps_db *db,
                   struct err *e) {
  struct ps_http *h = calloc(1, sizeof *h);
  if (!h)
    return err_set(e, ERR_NOMEM, "server: out of memory");
  h->o = *o;
  h->db = db;
  h->fault = o->fault;
  h->fault_count = o->fault == PS_NONE ? 0 : o->fault_count;
  h->filled_ns = clock_mono_ns(clock_system());
  for (int i = 0; i <= PS_TOKENS_MAX; i++)
    h->bucket[i] = o->rate;
  atomic_init(&h->stopping, false);
  if (pthread_mutex_init(&h->lock, NULL) != 0) {
    free(h);
    return err_set(e, ERR_NOMEM, "server: mutex");
  }
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port)};
  if (inet_pton(AF_INET, o->address, &at.sin_addr) != 1) {
    err_set(e, ERR_ARG, "--address: %s is not an IPv4 address", o->address);
    goto err_free;
  }
  // A thread a connection: a fault that sleeps holds up nobody else.
  unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                   (o->cert ? MHD_USE_TLS : 0u);
  struct MHD_OptionItem tls[] = {
      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->cert},
      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->key},
      {o->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
       (void *)(uintptr_t)o->client_ca},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
  h->daemon = MHD_start_daemon(
      flags, 0, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
      MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
      (unsigned)IDLE_S, MHD_OPTION_ARRAY, o->cert ? tls : none, MHD_OPTION_END);
  if (!h->daemon) {
    err_set(e, ERR_IO, "cannot listen on %s:%d (port taken, or certificate and key unusable)",
            o->address, o->port);
    goto err_free;
  }
  *out = h;
  return true;
err_free:
  pthread_mutex_destroy(&h->lock);
  free(h);
  return false;
}

int ps_http_port(const struct ps_http *h) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

void ps_http_stop(struct ps_http *h) {
  if (!h)
    return;
  atomic_store(&h->stopping, true);
  MHD_stop_daemon(h->daemon);
  pthread_mutex_destroy(&h->lock);
  free(h);
}
