// SPDX-License-Identifier: Apache-2.0
// By what HTTPS is known, for technicians and managers: the certificate, a request for one of the
// shop's own authority, and what that made of it.
#include "firmware/api_internal.h"

#include "board/log.h"
#include "firmware/tls_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S INT64_C(86400)
#define LONG_DAYS 825 // Apple's devices refuse what is valid for longer, whoever signed it

static bool may(struct api *a, const struct auth_person *p, struct http_response *r) {
  return api_may_tend(a->o.identity != NULL, p, r);
}

static bool reader(struct api *a, const struct http_request *q, struct http_response *r) {
  struct auth_person p;
  return api_person(a, q, r, &p) && may(a, &p, r);
}

static bool writer(struct api *a, const struct http_request *q, struct http_response *r) {
  struct auth_person p;
  return api_person_write(a, q, r, &p) && may(a, &p, r);
}

static json_t *names_json(const struct cert_names *names) {
  json_t *list = json_array();
  for (size_t i = 0; i < names->count; i++)
    json_array_append_new(list, json_string(names->name[i]));
  return list;
}

// null: no end.
static json_t *day_json(int64_t s) {
  char day[16];
  struct tm tm;
  const time_t t = (time_t)s;
  if (s >= CERT_FOREVER || !gmtime_r(&t, &tm) || strftime(day, sizeof day, "%Y-%m-%d", &tm) == 0)
    return json_null();
  return json_string(day);
}

// {"name","port","source":"own"|"signed"|"files","sha256","subject","issuer","from","until"|null:
// no
//  end,"days"|null: left, by the device's clock,"names":[...],"chain":n,"long":b: Apple's devices
//  refuse it,"asked":[...]: names of the last request,"trouble"|null: why it is not on the disk}
static json_t *state_json(struct api *a) {
  static const char *const sources[] = {"own", "signed", "files"};
  struct tls_identity_state s;
  tls_identity_state(a->o.identity, &s);
  const struct cert_facts *f = &s.facts;
  const bool ends = f->until_s < CERT_FOREVER;
  const int64_t now_s = clock_wall_ns(a->o.clock) / CLOCK_NS_PER_S;
  const int64_t left = f->until_s - now_s;
  return json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:I,s:b,s:o,s:o}", "name", s.name,
                   "port", api_tls_port(a), "source", sources[s.source], "sha256", f->print,
                   "subject", f->subject, "issuer", f->issuer, "from", day_json(f->from_s), "until",
                   day_json(f->until_s), "days",
                   ends ? json_integer((left < 0 ? left - DAY_S + 1 : left) / DAY_S) : json_null(),
                   "names", names_json(&f->names), "chain", (json_int_t)f->chain, "long",
                   (f->until_s - f->from_s) / DAY_S > LONG_DAYS, "asked", names_json(&s.asked),
                   "trouble", s.trouble[0] ? json_string(s.trouble) : json_null());
}

void api_identity_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  if (reader(a, q, r)) {
    api_send(r, 200, state_json(a));
  }
}

static void send_file(struct api *a, struct http_response *r, char *pem, const char *type,
                      const char *ending) {
  struct tls_identity_state s;
  char disposition[CERT_NAME_MAX + 64];
  tls_identity_state(a->o.identity, &s);
  (void)snprintf(disposition, sizeof disposition, "attachment; filename=\"%.*s.%s\"",
                 (int)strcspn(s.name, "."), s.name, ending);
  http_response_take(r, 200, type, pem, strlen(pem));
  if (!http_response_header(r, "Content-Disposition", disposition)) {
    http_response_error(r, 500, "a header cannot be set");
  }
}

void api_identity_certificate_get(void *ctx, const struct http_request *q,
                                  struct http_response *r) {
  struct api *a = ctx;
  struct err e;
  char *pem = NULL;
  if (!reader(a, q, r)) {
    return;
  }
  if (tls_identity_certificate(a->o.identity, &pem, &e)) {
    send_file(a, r, pem, "application/x-pem-file", "pem");
  } else {
    api_send_error(r, &e);
  }
}

static void fail(struct http_response *r, const struct err *e) {
  if (e->code == ERR_STATE) {
    http_response_error(r, 409, e->text);
  } else {
    api_send_error(r, e);
  }
}

void api_identity_request_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct err e;
  char *pem = NULL;
  if (!reader(a, q, r)) {
    return;
  }
  if (tls_identity_request(a->o.identity, NULL, &pem, &e)) {
    send_file(a, r, pem, "application/pkcs10", "csr");
  } else {
    fail(r, &e);
  }
}

// {"names":[...]}: by what else the page is opened in this shop; the answer is the state.
void api_identity_request_post(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct cert_names names = {0};
  struct err e = {0};
  char *pem = NULL;
  json_t *body = writer(a, q, r) ? api_body(q, r) : NULL;
  if (!body) {
    return;
  }
  bool ok = true;
  size_t at = 0;
  json_t *name = NULL;
  json_array_foreach(json_object_get(body, "names"), at, name) {
    const char *text = json_string_value(name);
    ok = ok &&
         (text ? cert_names_add(&names, text, &e) : err_set(&e, ERR_ARG, "names: a list of texts"));
  }
  if (ok && tls_identity_request(a->o.identity, &names, &pem, &e)) {
    free(pem);
    api_send(r, 200, state_json(a));
  } else {
    fail(r, &e);
  }
  json_decref(body);
}

// The file that an authority made, as the body; the answer is the state, or {"error","refused"}.
void api_identity_certificate_put(void *ctx, const struct http_request *q,
                                  struct http_response *r) {
  struct api *a = ctx;
  enum cert_refusal why = CERT_NONE;
  struct err e = {0};
  size_t n = 0;
  if (!writer(a, q, r)) {
    return;
  }
  const char *body = http_request_body(q, &n);
  if (tls_identity_install(a->o.identity, body, n, &why, &e)) {
    api_identity_changed(a);
    api_send(r, 200, state_json(a));
  } else if (why != CERT_NONE) {
    log_info("identity", "a certificate was refused: %s", e.text);
    api_send(r, 400, json_pack("{s:s,s:s}", "error", e.text, "refused", cert_refusal_name(why)));
  } else {
    fail(r, &e);
  }
}
