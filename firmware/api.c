// SPDX-License-Identifier: Apache-2.0
#include "firmware/api_internal.h"

#include "board/log.h"
#include "firmware/tls_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct http_route routes[] = {
    {HTTP_GET, "/", false, api_page_get},
    {HTTP_GET, "/aim", false, api_page_get},
    {HTTP_GET, "/device", false, api_page_get},
    {HTTP_GET, "/assets/", true, api_page_get},
    {HTTP_GET | HTTP_ALSO_PLAIN, "/healthz", false, api_health_get},
    {HTTP_GET | HTTP_ALSO_PLAIN, "/metrics", false, api_metrics_get},
    {HTTP_GET, "/api/v1/session", false, api_session_get},
    {HTTP_POST, "/api/v1/session", false, api_session_post},
    {HTTP_DELETE, "/api/v1/session", false, api_session_delete},
    {HTTP_POST, "/api/v1/setup", false, api_setup_post},
    {HTTP_POST, "/api/v1/people", false, api_people_post},
    {HTTP_GET, "/api/v1/cards", false, api_cards_get},
    {HTTP_GET, "/api/v1/events", false, api_events_get},
    {HTTP_GET, "/api/v1/visits", false, api_visits_get},
    {HTTP_GET, "/api/v1/status", false, api_status_get},
    {HTTP_GET, "/api/v1/evidence/", true, api_evidence_get},
    {HTTP_POST, "/api/v1/corrections", false, api_corrections_post},
    {HTTP_GET, "/api/v1/commission", false, api_commission_get},
    {HTTP_GET, "/api/v1/commission/picture", false, api_commission_picture_get},
    {HTTP_GET, "/api/v1/commission/cars/", true, api_commission_car_get},
    {HTTP_GET, "/api/v1/commission/sheets/", true, api_commission_sheets_get},
    {HTTP_POST, "/api/v1/commission/", true, api_commission_post},
    {HTTP_GET, "/api/v1/device/identity", false, api_identity_get},
    {HTTP_GET, "/api/v1/device/identity/certificate.pem", false, api_identity_certificate_get},
    {HTTP_PUT, "/api/v1/device/identity/certificate.pem", false, api_identity_certificate_put},
    {HTTP_GET, "/api/v1/device/identity/request.csr", false, api_identity_request_get},
    {HTTP_POST, "/api/v1/device/identity/request.csr", false, api_identity_request_post},
    {HTTP_GET, "/api/v1/device", false, api_device_get},
    {HTTP_POST, "/api/v1/device/upload", false, api_device_begin},
    {HTTP_PUT, "/api/v1/device/upload", false, api_device_piece},
    {HTTP_DELETE, "/api/v1/device/upload", false, api_device_drop},
    {HTTP_POST, "/api/v1/device/reset", false, api_device_reset},
    {HTTP_GET, "/api/v1/device/export", false, api_device_export},
};

bool api_sees_customers(enum auth_role role) {
  return role != AUTH_TECHNICIAN;
}

const char *api_text(const json_t *object, const char *name) {
  const char *s = json_string_value(json_object_get(object, name));
  return s ? s : "";
}

void api_send(struct http_response *r, unsigned status, json_t *json) {
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (text) {
    http_response_take(r, status, "application/json; charset=utf-8", text, strlen(text));
  } else {
    http_response_error(r, 500, "out of memory");
  }
}

void api_send_error(struct http_response *r, const struct err *e) {
  unsigned status = e->code == ERR_ARG || e->code == ERR_FORMAT || e->code == ERR_LIMIT ? 400
                    : e->code == ERR_NOT_FOUND                                          ? 404
                                                                                        : 503;
  if (status == 503) {
    log_warn("api", "%s", e->text);
  }
  http_response_error(r, status, e->text);
}

bool api_person(struct api *a, const struct http_request *q, struct http_response *r,
                struct auth_person *out) {
  char token[AUTH_TOKEN_MAX];
  bool ok = http_request_cookie(q, http_request_tls(q) ? "__Host-bayplate" : "bayplate", token,
                                sizeof token) &&
            auth_check(a->o.auth, token, out);
  explicit_bzero(token, sizeof token);
  if (!ok) {
    http_response_error(r, 401, "sign in first");
  }
  return ok;
}

bool api_same_origin(const struct http_request *q) {
  const char *site = http_request_header(q, "Sec-Fetch-Site");
  if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0) {
    return false;
  }
  const char *origin = http_request_header(q, "Origin");
  const char *host = http_request_header(q, "Host");
  if (!origin) {
    return true;
  }
  char own[512];
  int n =
      snprintf(own, sizeof own, "http%s://%s", http_request_tls(q) ? "s" : "", host ? host : "");
  return host && n > 0 && (size_t)n < sizeof own && strcasecmp(origin, own) == 0;
}

bool api_person_write(struct api *a, const struct http_request *q, struct http_response *r,
                      struct auth_person *out) {
  if (!api_person(a, q, r, out)) {
    return false;
  }
  if (!api_same_origin(q) || !auth_csrf_ok(out, http_request_header(q, "X-CSRF-Token"))) {
    http_response_error(r, 403, "this request does not come from the page");
    return false;
  }
  return true;
}

bool api_may_tend(bool page_is_there, const struct auth_person *p, struct http_response *r) {
  if (p->role != AUTH_TECHNICIAN && p->role != AUTH_MANAGER) {
    http_response_error(r, 403, "this page is for technicians and managers");
    return false;
  }
  if (!page_is_there) {
    http_response_error(r, 404, "this terminal has no such page");
    return false;
  }
  return true;
}

json_t *api_body(const struct http_request *q, struct http_response *r) {
  const char *type = http_request_header(q, "Content-Type");
  size_t len = 0;
  const char *body = http_request_body(q, &len);
  // A form of another site cannot send this type without asking first.
  if (!type || strncasecmp(type, "application/json", 16) != 0) {
    http_response_error(r, 415, "send application/json");
    return NULL;
  }
  json_error_t je;
  json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, &je);
  if (!json_is_object(json)) {
    json_decref(json);
    http_response_error(r, 400, "the body is not a JSON object");
    return NULL;
  }
  return json;
}

static void publish_status(struct api *a) {
  char *json = NULL;
  struct err e;
  if (!a->o.deps.status_json(a->o.deps.ctx, &json, &e)) {
    log_warn("api", "status: %s", e.text);
    return;
  }
  sse_publish_latest(a->hub, "status", json);
  free(json);
}

static void tick(void *ctx) {
  struct api *a = ctx;
  int64_t now = clock_mono_ns(a->o.clock);
  // Half a tick early rather than a whole one late: pages turn grey by this event.
  bool time =
      now - atomic_load(&a->status_ns) >= (API_STATUS_MS - HTTP_TICK_MS / 2) * CLOCK_NS_PER_MS;
  if (atomic_exchange(&a->status_changed, false) || time) {
    atomic_store(&a->status_ns, now);
    publish_status(a);
  }
  sse_hub_tick(a->hub);
}

void api_publish_card(struct api *a, uint64_t rev, const char *json) {
  char *masked = api_mask_card(json);
  // Without memory a technician's page gets an empty object rather than what it must not see.
  sse_publish(a->hub, rev, "card", json, masked ? masked : "{}");
  free(masked);
}

void api_status_changed(struct api *a) {
  atomic_store(&a->status_changed, true);
}

static bool start_server(struct api *a, struct http_options *o, struct err *e) {
  char *chain = NULL, *key = NULL;
  if (a->o.identity && !tls_identity_pair(a->o.identity, &chain, &key, e)) {
    return false;
  }
  o->tls_cert = chain;
  o->tls_key = key;
  bool ok = http_server_new(&a->server, o, e);
  free(chain);
  tls_identity_wipe(key);
  return ok;
}

void api_identity_changed(struct api *a) {
  char *chain = NULL, *key = NULL;
  struct err e;
  if (!tls_identity_pair(a->o.identity, &chain, &key, &e) ||
      !http_server_set_tls(a->server, chain, key, &e)) {
    log_error("identity", "HTTPS goes on with the certificate of before: %s", e.text);
  }
  free(chain);
  tls_identity_wipe(key);
}

bool api_new(struct api **out, const struct api_options *o, struct err *e) {
  struct api *a = calloc(1, sizeof *a);
  if (!a) {
    return err_set(e, ERR_NOMEM, "API: out of memory");
  }
  a->o = *o;
  snprintf(a->shop_name, sizeof a->shop_name, "%s", o->shop_name ? o->shop_name : "");
  atomic_init(&a->status_changed, true);
  atomic_init(&a->status_ns, 0);
  struct sse_options so = {
      .clock = o->clock, .newest = o->newest_rev, .replay = api_replay, .ctx = a};
  if (!sse_hub_new(&a->hub, &so, e)) {
    goto fail;
  }
  struct http_options ho = {.clock = o->clock,
                            .address = o->address,
                            .port = o->port,
                            .tls_port = o->tls_port,
                            .redirect = o->redirect,
                            .routes = routes,
                            .route_count = sizeof routes / sizeof routes[0],
                            .ctx = a,
                            .tick = tick};
  if (!start_server(a, &ho, e)) {
    goto fail;
  }
  *out = a;
  return true;
fail:
  api_free(a);
  return false;
}

int api_port(const struct api *a) {
  return http_server_port(a->server);
}

int api_tls_port(const struct api *a) {
  return http_server_tls_port(a->server);
}

void api_free(struct api *a) {
  if (a) {
    http_server_free(a->server);
    sse_hub_free(a->hub);
    free(a);
  }
}
