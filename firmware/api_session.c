// SPDX-License-Identifier: Apache-2.0
// Set-up, sign-in, sign-out, people.
#include "firmware/api_internal.h"

#include <stdio.h>
#include <string.h>

static json_t *session_json(struct api *a, const struct auth_person *p, bool setup) {
  return json_pack("{s:o,s:o,s:b,s:b,s:b,s:s,s:s,s:i}", "person",
                   p ? json_pack("{s:s,s:s}", "name", p->name, "role", auth_role_name(p->role))
                     : json_null(),
                   "csrf", p ? json_string(p->csrf) : json_null(), "setup", setup, "setup_by_label",
                   setup && auth_setup_by_label(a->o.auth), "lacks_manager",
                   p && p->role == AUTH_TECHNICIAN && auth_lacks_manager(a->o.auth), "shop",
                   a->shop_name, "version", BAYPLATE_VERSION, "tls_port", api_tls_port(a));
}

// 200 also for nobody: the page then shows the sign-in.
void api_session_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  if (api_person(a, q, r, &p)) {
    api_send(r, 200, session_json(a, &p, false));
  } else {
    api_send(r, 200, session_json(a, NULL, auth_needs_setup(a->o.auth)));
  }
}

static void set_cookie(const struct http_request *q, struct http_response *r, const char *token) {
  char cookie[256];
  bool tls = http_request_tls(q);
  snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%lld",
           tls ? "__Host-bayplate" : "bayplate", token, tls ? "; Secure" : "",
           *token ? (long long)(AUTH_SESSION_MS / 1000) : 0LL);
  if (!http_response_header(r, "Set-Cookie", cookie)) {
    http_response_error(r, 500, "the cookie cannot be set");
  }
  explicit_bzero(cookie, sizeof cookie);
}

static void refuse(struct http_response *r, enum auth_refusal why, int64_t wait_ms,
                   const struct err *e) {
  static const unsigned status[] = {200, 403, 429, 400, 400, 409, 503};
  long long wait_s = (long long)((wait_ms + 999) / 1000);
  api_send(r, status[why],
           json_pack("{s:s,s:s,s:I}", "error", e->text, "reason", auth_refusal_name(why), "wait_s",
                     (json_int_t)wait_s));
  if (why == AUTH_LOCKED) {
    char text[24];
    snprintf(text, sizeof text, "%lld", wait_s);
    if (!http_response_header(r, "Retry-After", text)) {
      http_response_error(r, 429, e->text);
    }
  }
}

static void signed_in(struct api *a, const struct http_request *q, struct http_response *r,
                      enum auth_refusal why, int64_t wait_ms, const struct err *e,
                      const struct auth_person *p, char *token) {
  if (why == AUTH_OK) {
    api_send(r, 200, session_json(a, p, false));
    set_cookie(q, r, token);
  } else {
    refuse(r, why, wait_ms, e);
  }
  explicit_bzero(token, AUTH_TOKEN_MAX);
}

void api_session_post(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e = {0};
  char token[AUTH_TOKEN_MAX];
  int64_t wait_ms = 0;
  if (!api_same_origin(q)) {
    http_response_error(r, 403, "this request does not come from the page");
    return;
  }
  json_t *body = api_body(q, r);
  if (body) {
    enum auth_refusal why = auth_login(a->o.auth, http_request_peer(q), api_text(body, "name"),
                                       api_text(body, "pin"), token, &p, &wait_ms, &e);
    signed_in(a, q, r, why, wait_ms, &e, &p, token);
    json_decref(body);
  }
}

void api_setup_post(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e = {0};
  char token[AUTH_TOKEN_MAX];
  int64_t wait_ms = 0;
  enum auth_role role;
  if (!api_same_origin(q)) {
    http_response_error(r, 403, "this request does not come from the page");
    return;
  }
  json_t *body = api_body(q, r);
  if (!body) {
    return;
  }
  if (!auth_role_parse(api_text(body, "role"), &role)) {
    http_response_error(r, 400, "role: advisor, specialist, manager or technician");
  } else {
    enum auth_refusal why =
        auth_setup(a->o.auth, http_request_peer(q), api_text(body, "code"), api_text(body, "name"),
                   role, api_text(body, "pin"), token, &p, &wait_ms, &e);
    signed_in(a, q, r, why, wait_ms, &e, &p, token);
  }
  json_decref(body);
}

void api_session_delete(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  char token[AUTH_TOKEN_MAX];
  if (!api_person_write(a, q, r, &p)) {
    return;
  }
  if (http_request_cookie(q, http_request_tls(q) ? "__Host-bayplate" : "bayplate", token,
                          sizeof token)) {
    auth_logout(a->o.auth, token);
    explicit_bzero(token, sizeof token);
  }
  sse_hub_end(a->hub, p.session);
  api_send(r, 200, session_json(a, NULL, false));
  set_cookie(q, r, "");
}

void api_people_post(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e = {0};
  enum auth_role role;
  if (!api_person_write(a, q, r, &p)) {
    return;
  }
  if (p.role != AUTH_MANAGER && p.role != AUTH_TECHNICIAN) {
    http_response_error(r, 403, "a manager or technician adds people");
    return;
  }
  json_t *body = api_body(q, r);
  if (!body) {
    return;
  }
  if (!auth_role_parse(api_text(body, "role"), &role)) {
    http_response_error(r, 400, "role: advisor, specialist, manager or technician");
  } else if (p.role == AUTH_TECHNICIAN && role == AUTH_MANAGER && api_text(body, "code")[0]) {
    int64_t wait_ms = 0;
    enum auth_refusal why =
        auth_add_first_manager(a->o.auth, http_request_peer(q), api_text(body, "code"),
                               api_text(body, "name"), api_text(body, "pin"), &wait_ms, &e);
    if (why == AUTH_OK) {
      api_send(
          r, 201,
          json_pack("{s:s,s:s}", "name", api_text(body, "name"), "role", auth_role_name(role)));
    } else {
      refuse(r, why, wait_ms, &e);
    }
  } else if (p.role == AUTH_TECHNICIAN && role != AUTH_TECHNICIAN) {
    // Who may not see customers must not make themselves somebody who may.
    http_response_error(r, 403, "a technician adds technicians only");
  } else {
    enum auth_refusal why =
        auth_add(a->o.auth, api_text(body, "name"), role, api_text(body, "pin"), &e);
    if (why == AUTH_OK) {
      api_send(
          r, 201,
          json_pack("{s:s,s:s}", "name", api_text(body, "name"), "role", auth_role_name(role)));
    } else {
      refuse(r, why, 0, &e);
    }
  }
  json_decref(body);
}
