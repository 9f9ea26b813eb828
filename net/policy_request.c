// SPDX-License-Identifier: Apache-2.0
#include "net/policy_request.h"

#include "net/retry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_BYTES 4096u // an answer's buffer begins with this and doubles

struct policy_request {
  CURL *easy;
  const struct policy_config *config;
  struct curl_slist *headers;
  char url[POLICY_URL_MAX * 2];
  char post[POLICY_BODY_MAX * 2];
  char problem[CURL_ERROR_SIZE]; // curl's words
  char *body;
  size_t len, room;
  bool too_large, no_memory;
};

struct slot {
  const char *name; // "{plate}"
  const char *value;
};

// Copies a template with its slots filled in. False when it does not fit.
static bool fill(char *out, size_t size, const char *template, const struct slot *slots,
                 size_t count) {
  size_t used = 0;
  for (const char *p = template; *p;) {
    const char *piece = p;
    size_t n = 1, step = 1;
    for (size_t i = 0; i < count; i++) {
      size_t name = strlen(slots[i].name);
      if (strncmp(p, slots[i].name, name) == 0) {
        piece = slots[i].value;
        n = strlen(piece);
        step = name;
        break;
      }
    }
    if (used + n >= size)
      return false;
    memcpy(out + used, piece, n);
    used += n;
    p += step;
  }
  out[used] = '\0';
  return true;
}

static size_t on_body(char *data, size_t one, size_t n, void *ctx) {
  (void)one; // always 1
  struct policy_request *r = ctx;
  const size_t most = (size_t)r->config->max_bytes;
  if (n > most - r->len) {
    r->too_large = true;
    return 0; // curl ends the transfer with CURLE_WRITE_ERROR
  }
  if (r->len + n > r->room) {
    size_t room = r->room ? r->room : FIRST_BYTES;
    while (room < r->len + n)
      room *= 2;
    char *grown = realloc(r->body, room);
    if (!grown) {
      r->no_memory = true;
      return 0;
    }
    r->body = grown;
    r->room = room;
  }
  memcpy(r->body + r->len, data, n);
  r->len += n;
  return n;
}

static bool add_header(struct policy_request *r, const char *line) {
  struct curl_slist *longer = curl_slist_append(r->headers, line);
  if (!longer)
    return false;
  r->headers = longer;
  return true;
}

static bool set_headers(struct policy_request *r, const char *token, const char *plate,
                        struct err *e) {
  const struct policy_config *c = r->config;
  const struct slot slots[] = {{"{plate}", plate}, {"{token}", token}};
  char line[POLICY_HEADER_MAX + POLICY_TOKEN_MAX];
  bool has_token = false, has_type = false, has_accept = false;
  for (int i = 0; i < c->headers; i++) {
    if (!fill(line, sizeof line, c->header[i], slots, 2))
      return err_set(e, ERR_LIMIT, "header[%d]: too long once filled in", i);
    has_token = has_token || strstr(c->header[i], "{token}");
    has_type = has_type || strncasecmp(line, "content-type:", 13) == 0;
    has_accept = has_accept || strncasecmp(line, "accept:", 7) == 0;
    if (!add_header(r, line))
      return err_set(e, ERR_NOMEM, "header: out of memory");
  }
  bool ok = true;
  if (token[0] && !has_token)
    ok = fill(line, sizeof line, "Authorization: Bearer {token}", slots, 2) && add_header(r, line);
  if (ok && c->body[0] && !has_type)
    ok = add_header(r, "Content-Type: application/json");
  if (ok && !has_accept)
    ok = add_header(r, "Accept: application/json");
  // Without it curl waits a second for "100 Continue" before a larger body.
  ok = ok && add_header(r, "Expect:");
  return ok || err_set(e, ERR_NOMEM, "headers: out of memory or too long");
}

static bool set_templates(struct policy_request *r, const char *plate, struct err *e) {
  const struct policy_config *c = r->config;
  char *escaped = curl_easy_escape(r->easy, plate, 0);
  json_t *text = json_string(plate);
  char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY) : NULL;
  json_decref(text);
  bool ok = escaped && quoted;
  if (!ok)
    err_set(e, ERR_NOMEM, "request: out of memory");
  if (ok) {
    size_t n = strlen(quoted);
    quoted[n - 1] = '\0'; // the template brings its own quotation marks
    const struct slot in_url[] = {{"{base}", c->base}, {"{plate}", escaped}};
    const struct slot in_body[] = {{"{plate}", quoted + 1}};
    ok = fill(r->url, sizeof r->url, c->url, in_url, 2) &&
         fill(r->post, sizeof r->post, c->body, in_body, 1);
    if (!ok)
      err_set(e, ERR_LIMIT, "request: url or body too long once filled in");
  }
  free(quoted);
  curl_free(escaped);
  return ok;
}

// True while every option so far was taken.
#define SET(option, value) (ok = ok && curl_easy_setopt(r->easy, option, value) == CURLE_OK)

static bool set_options(struct policy_request *r, struct err *e) {
  const struct policy_config *c = r->config;
  bool ok = true;
  SET(CURLOPT_URL, r->url);
  SET(CURLOPT_HTTPHEADER, r->headers);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_FOLLOWLOCATION, 0L); // a token is not carried to where an answer points
  SET(CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms);
  SET(CURLOPT_TIMEOUT_MS, (long)c->total_ms);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_ERRORBUFFER, r->problem);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, r);
  SET(CURLOPT_MAXFILESIZE, (long)c->max_bytes);
  SET(CURLOPT_USERAGENT, "bayplate/" BAYPLATE_VERSION);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (c->ca_file[0]) {
    SET(CURLOPT_CAINFO, c->ca_file);
    SET(CURLOPT_CAPATH, NULL); // only this file is believed, not the system's authorities too
  }
  if (c->cert_file[0]) {
    SET(CURLOPT_SSLCERT, c->cert_file);
    SET(CURLOPT_SSLKEY, c->key_file);
  }
  if (strcmp(c->method, "POST") == 0) {
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, r->post);
    SET(CURLOPT_POSTFIELDSIZE, (long)strlen(r->post));
  }
  return ok || err_set(e, ERR_ARG, "request: curl refuses an option (url, certificate or memory)");
}

bool policy_request_new(struct policy_request **out, const struct policy_config *config,
                        const char *token, const char *plate, struct err *e) {
  struct policy_request *r = calloc(1, sizeof *r);
  if (!r)
    return err_set(e, ERR_NOMEM, "request: out of memory");
  r->config = config;
  r->easy = curl_easy_init();
  if (!r->easy) {
    err_set(e, ERR_NOMEM, "request: out of memory");
    goto err_free;
  }
  if (!set_templates(r, plate, e) || !set_headers(r, token, plate, e) || !set_options(r, e))
    goto err_free;
  *out = r;
  return true;
err_free:
  policy_request_free(r);
  return false;
}

CURL *policy_request_handle(struct policy_request *r, void *priv) {
  // Fails for no reason but an unknown option, which this is not.
  if (curl_easy_setopt(r->easy, CURLOPT_PRIVATE, priv) != CURLE_OK)
    abort();
  return r->easy;
}

void policy_request_rearm(struct policy_request *r) {
  r->len = 0;
  r->too_large = r->no_memory = false;
  r->problem[0] = '\0';
}

static void fail(struct policy_verdict *v, enum policy_fault fault, enum err_code code,
                 const char *text) {
  v->status = POLICY_FAILED;
  v->fault = fault;
  err_set(&v->err, code, "policy gateway: %s", text);
}

static void judge_transport(const struct policy_request *r, CURLcode result,
                            struct policy_verdict *v) {
  const char *words = r->problem[0] ? r->problem : curl_easy_strerror(result);
  v->retry = v->dead = true;
  switch (result) {
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
    fail(v, POLICY_FAULT_CONNECT, ERR_NET, words);
    return;
  case CURLE_OPERATION_TIMEDOUT:
    fail(v, POLICY_FAULT_TIMEOUT, ERR_TIMEOUT, words);
    return;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
  case CURLE_SSL_INVALIDCERTSTATUS:
    v->retry = false; // the next try would meet the same certificate
    fail(v, POLICY_FAULT_TLS, ERR_NET, words);
    return;
  case CURLE_SSL_CONNECT_ERROR:
    fail(v, POLICY_FAULT_TLS, ERR_NET, words);
    return;
  case CURLE_FILESIZE_EXCEEDED:
  case CURLE_WRITE_ERROR:
    v->retry = v->dead = false;
    if (r->no_memory)
      fail(v, POLICY_FAULT_INTERNAL, ERR_NOMEM, "out of memory");
    else
      fail(v, POLICY_FAULT_TOO_LARGE, ERR_LIMIT, "the answer is larger than max_bytes");
    return;
  case CURLE_OUT_OF_MEMORY:
    v->dead = false;
    fail(v, POLICY_FAULT_INTERNAL, ERR_NOMEM, "out of memory");
    return;
  case CURLE_URL_MALFORMAT:
  case CURLE_UNSUPPORTED_PROTOCOL:
    v->retry = v->dead = false;
    fail(v, POLICY_FAULT_INTERNAL, ERR_ARG, words);
    return;
  default:
    // With TLS 1.3 the server's refusal of our certificate comes as an alert after the handshake.
    if (strstr(words, "alert")) {
      v->retry = false;
      fail(v, POLICY_FAULT_TLS, ERR_NET, words);
    } else {
      fail(v, POLICY_FAULT_CUT, ERR_NET, words);
    }
    return;
  }
}

// Was it the certificate's time that OpenSSL refused (x509_vfy.h: 9 not yet valid, 10 expired)?
static bool dated(const struct policy_request *r, CURLcode result) {
  long why = 0;
  return result == CURLE_PEER_FAILED_VERIFICATION &&
         curl_easy_getinfo(r->easy, CURLINFO_SSL_VERIFYRESULT, &why) == CURLE_OK &&
         (why == 9 || why == 10);
}

static const char *header_of(const struct policy_request *r, const char *name) {
  struct curl_header *h = NULL;
  return curl_easy_header(r->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

// UTF-8 or nothing said; compressed only if we had asked for it, which we never do.
static bool encoding_ok(const struct policy_request *r, struct policy_verdict *v) {
  const char *coding = header_of(r, "Content-Encoding");
  if (coding && strcasecmp(coding, "identity") != 0) {
    fail(v, POLICY_FAULT_ENCODING, ERR_FORMAT, "the answer is compressed though we did not ask");
    return false;
  }
  const char *type = header_of(r, "Content-Type");
  const char *charset = type ? strcasestr(type, "charset=") : NULL;
  if (!charset)
    return true;
  charset += strlen("charset=");
  charset += *charset == '"';
  if (strncasecmp(charset, "utf-8", 5) == 0 || strncasecmp(charset, "utf8", 4) == 0 ||
      strncasecmp(charset, "us-ascii", 8) == 0)
    return true;
  fail(v, POLICY_FAULT_ENCODING, ERR_FORMAT,
       "the answer's Content-Type names another encoding; set the gateway to answer in UTF-8");
  return false;
}

static void judge_status(struct policy_verdict *v) {
  char text[96];
  int n = snprintf(text, sizeof text, "HTTP status %d", v->http_status);
  const char *words = n > 0 ? text : "HTTP status";
  switch (v->http_status) {
  case 401:
  case 403:
    fail(v, POLICY_FAULT_DENIED, ERR_DENIED,
         v->http_status == 401 ? "401: the token or certificate is not accepted"
                               : "403: this terminal may not ask for this");
    return;
  case 429:
    v->retry = true;
    fail(v, POLICY_FAULT_LIMITED, ERR_BUSY, "429: asked too often");
    return;
  default:
    v->retry = v->dead = v->http_status >= 500;
    fail(v, v->dead ? POLICY_FAULT_SERVER : POLICY_FAULT_STATUS, ERR_NET, words);
    return;
  }
}

void policy_request_judge(struct policy_request *r, CURLcode result, const struct policy_map *map,
                          const char *plate, int64_t wall_ns, bool clock_trusted,
                          struct policy_answer *answer, struct policy_verdict *v) {
  *v = (struct policy_verdict){.status = POLICY_FAILED};
  long status = 0;
  if (curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
    v->http_status = (int)status;
  if (result != CURLE_OK && !clock_trusted && dated(r, result)) {
    v->retry = v->dead = false; // asked again after the look-up's own pause
    fail(v, POLICY_FAULT_CLOCK, ERR_STATE,
         "its certificate is not valid at this terminal's time, but nobody has set that clock yet "
         "(waiting for NTP)");
    return;
  }
  if (result != CURLE_OK) {
    judge_transport(r, result, v);
    return;
  }
  if (status == 404) {
    v->status = POLICY_UNKNOWN;
    return;
  }
  if (status != 200) {
    const char *after = header_of(r, "Retry-After");
    if (!after || !retry_after_parse(after, wall_ns, &v->retry_after_ns))
      v->retry_after_ns = 0;
    judge_status(v);
    return;
  }
  if (!encoding_ok(r, v))
    return;
  bool found = false;
  v->fault = policy_map_read(map, r->body ? r->body : "", r->len, plate, answer, &found, &v->err);
  if (v->fault == POLICY_FAULT_NONE)
    v->status = found ? POLICY_FOUND : POLICY_UNKNOWN;
}

void policy_request_free(struct policy_request *r) {
  if (!r)
    return;
  curl_easy_cleanup(r->easy);
  curl_slist_free_all(r->headers);
  free(r->body);
  free(r);
}
