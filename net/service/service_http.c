// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_http.h"

#include "net/service/service_http_private.h"

#include <string.h>

#define PRINT_DIGITS (2 * SERVICE_SHA256)
#define LINGER_BYTES (256 * 1024) // read and thrown away after a refusal, so that it arrives

bool service_http_init(struct service_http *h, const struct service_config *config) {
  *h = (struct service_http){.config = config};
  return sys_mutex_new(&h->lock) == ERR_OK && sys_mutex_new(&h->upload) == ERR_OK;
}

static const char *reason(int status) {
  static const struct {
    int status;
    const char *text;
  } table[] = {{200, "OK"},
               {201, "Created"},
               {202, "Accepted"},
               {400, "Bad Request"},
               {401, "Unauthorized"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {408, "Request Timeout"},
               {409, "Conflict"},
               {411, "Length Required"},
               {413, "Content Too Large"},
               {414, "URI Too Long"},
               {422, "Unprocessable Content"},
               {429, "Too Many Requests"},
               {431, "Request Header Fields Too Large"},
               {501, "Not Implemented"},
               {503, "Service Unavailable"},
               {505, "HTTP Version Not Supported"},
               {507, "Insufficient Storage"}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].status == status)
      return table[i].text;
  }
  return "Internal Server Error";
}

bool service_send_head(struct service_worker *w, int status, const char *type, const char *extra,
                       uint64_t length) {
  char buf[640];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "HTTP/1.1 ");
  service_text_number(&t, (uint64_t)status);
  service_text_add(&t, " ");
  service_text_add(&t, reason(status));
  service_text_add(&t, "\r\nContent-Type: ");
  service_text_add(&t, type);
  if (length == SERVICE_UNKNOWN) {
    service_text_add(&t, "\r\nTransfer-Encoding: chunked");
  } else {
    service_text_add(&t, "\r\nContent-Length: ");
    service_text_number(&t, length);
  }
  service_text_add(&t, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                       "Connection: close\r\n");
  if (extra)
    service_text_add(&t, extra);
  service_text_add(&t, "\r\n");
  return !t.cut && w->io->write(w->io->ctx, t.buf, t.len);
}

void service_reply(struct service_worker *w, int status, const char *type, const char *extra,
                   const char *body, size_t n) {
  if (service_send_head(w, status, type, extra, n) && n > 0)
    (void)w->io->write(w->io->ctx, body, n); // a peer that is gone is no event
}

static void refuse(struct service_worker *w, int status, const char *extra, const char *text) {
  char buf[256];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "{\"error\":");
  service_text_json(&t, text);
  service_text_add(&t, "}\n");
  service_reply(w, status, "application/json", extra, t.buf, t.len);
}

void service_refuse(struct service_worker *w, int status, const char *text) {
  refuse(w, status, NULL, text);
}

int service_body(struct service_worker *w, uint8_t *buf, size_t n) {
  if (w->used < w->have) {
    size_t m = w->have - w->used < n ? w->have - w->used : n;
    memcpy(buf, w->bytes + w->used, m);
    w->used += m;
    w->body_read += m;
    return (int)m;
  }
  int got = w->io->read(w->io->ctx, buf, n);
  w->body_read += got > 0 ? (uint64_t)got : 0;
  return got;
}

// A sender that is refused in the middle of its body would see a reset instead of the answer if the
// connection closed with bytes unread.
static void linger(struct service_worker *w) {
  uint64_t end = w->head.length;
  if (end > w->body_read + LINGER_BYTES)
    end = w->body_read + LINGER_BYTES;
  while (w->body_read < end) {
    if (service_body(w, w->piece, sizeof w->piece) <= 0)
      return;
  }
}

// By this a person knows the page on the shop's network again: this cable leads to the device
// alone.
// "" when there is none, or the terminal does not answer.
static void fingerprint(const struct service_config *c, char out[PRINT_DIGITS + 1]) {
  void *handle = NULL;
  uint64_t size = 0;
  size_t n = 0;
  int got = 1;
  out[0] = '\0';
  if (c->ops->open(c->ctx, SERVICE_PRINT, NULL, &handle, &size) != SERVICE_OK)
    return;
  while (size == PRINT_DIGITS && got > 0 && n < PRINT_DIGITS) {
    got = c->ops->read(c->ctx, handle, (uint8_t *)out + n, PRINT_DIGITS - n);
    n += got > 0 ? (size_t)got : 0;
  }
  c->ops->close(c->ctx, handle);
  uint8_t raw[SERVICE_SHA256];
  out[service_unhex(out, n, raw, sizeof raw) ? n : 0] = '\0';
}

static void identity(struct service_worker *w) {
  const struct service_config *c = w->http->config;
  char print[PRINT_DIGITS + 1];
  fingerprint(c, print);
  sys_mutex_lock(&w->http->lock);
  uint32_t wait = service_claim_wait(&w->http->claim, sys_now());
  sys_mutex_unlock(&w->http->lock);
  char buf[512];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "{\"product\":\"bayplate\",\"serial\":");
  service_text_json(&t, c->serial);
  service_text_add(&t, ",\"model\":");
  service_text_json(&t, c->model);
  service_text_add(&t, ",\"version\":");
  service_text_json(&t, c->version);
  service_text_add(&t, ",\"slot\":");
  service_text_json(&t, c->slot);
  service_text_add(&t, ",\"tls_sha256\":");
  if (print[0])
    service_text_json(&t, print);
  else
    service_text_add(&t, "null");
  service_text_add(&t, ",\"claim_wait_s\":");
  service_text_number(&t, (wait + 999) / 1000);
  service_text_add(&t, "}\n");
  service_reply(w, 200, "application/json", NULL, t.buf, t.len);
}

// A word of the device's as text of a page.
static void add_plain(struct service_text *t, const char *word) {
  char one[2] = {0};
  for (; *word; word++) {
    one[0] = *word == '<' || *word == '&' ? '?' : *word;
    service_text_add(t, one);
  }
}

// What the label's QR code opens: who this is, and how to go on.
static void front_page(struct service_worker *w) {
  const struct service_config *c = w->http->config;
  char print[PRINT_DIGITS + 1];
  fingerprint(c, print);
  char buf[1536];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "<!doctype html><html lang=zh><meta charset=utf-8>"
                       "<meta name=viewport content=\"width=device-width\"><title>bayplate ");
  add_plain(&t, c->serial);
  service_text_add(&t, "</title><body style=\"font:18px sans-serif;margin:2em;max-width:40em\">"
                       "<h1>bayplate ");
  add_plain(&t, c->serial);
  service_text_add(&t, "</h1><p>型号 Model: ");
  add_plain(&t, c->model);
  service_text_add(&t, "<br>版本 Version: ");
  add_plain(&t, c->version);
  service_text_add(&t, "<br>系统槽 Slot: ");
  add_plain(&t, c->slot[0] ? c->slot : "-");
  if (print[0]) {
    service_text_add(&t, "<br>HTTPS 证书指纹 Certificate, SHA-256: <code>");
    for (size_t i = 0; i < PRINT_DIGITS; i += 4) {
      service_text_put(&t, print + i, 4);
      service_text_add(&t, " ");
    }
    service_text_add(&t, "</code>");
  }
  service_text_add(&t,
                   "<p>这是技术员的服务口，与店内网络隔离。认领码在设备标签上。<br>This is the "
                   "technician's service port, apart from the shop's network. The claim code is on "
                   "the label.<pre>bayplate-flash --net bayplate-");
  add_plain(&t, c->serial);
  service_text_add(&t, ".local --claim ... --keyring ... NEW.raucb</pre>");
  service_reply(w, 200, "text/html; charset=utf-8", NULL, t.buf, t.len);
}

static void source(struct service_worker *w, enum service_source what, const char *type) {
  const struct service_config *c = w->http->config;
  void *handle = NULL;
  uint64_t size = 0;
  int rc = c->ops->open(c->ctx, what, NULL, &handle, &size);
  if (rc != SERVICE_OK) {
    bool away = rc == SERVICE_NOT_NOW || rc == SERVICE_BUSY;
    service_refuse(w,
                   rc == SERVICE_NOT_FOUND ? 404
                   : away                  ? 503
                                           : 500,
                   away                      ? "the terminal does not answer; try again"
                   : rc == SERVICE_NOT_FOUND ? "the device has none just now"
                                             : "the device could not read it");
    return;
  }
  bool on = service_send_head(w, 200, type, NULL, size);
  while (on && size > 0) {
    size_t want = size < sizeof w->piece ? (size_t)size : sizeof w->piece;
    int n = c->ops->read(c->ctx, handle, w->piece, want);
    on = n > 0 && (size_t)n <= want && w->io->write(w->io->ctx, w->piece, (size_t)n);
    size -= on ? (uint64_t)n : 0;
  }
  c->ops->close(c->ctx, handle);
}

static void state(struct service_worker *w) {
  source(w, SERVICE_STATE, "application/json");
}

static void logs(struct service_worker *w) {
  source(w, SERVICE_LOGS, "text/plain; charset=utf-8");
}

static void snapshot(struct service_worker *w) {
  source(w, SERVICE_SNAPSHOT, "image/jpeg");
}

// POST /v1/reset?serial=: the claim code alone is sent with everything; naming the device says that
// it is meant.
static void reset(struct service_worker *w) {
  const struct service_config *c = w->http->config;
  struct service_span serial = service_query(&w->head, "serial");
  if (serial.n != strlen(c->serial) || memcmp(serial.at, c->serial, serial.n) != 0) {
    service_refuse(w, 400, "everything would be erased: say which device is meant, ?serial=");
    return;
  }
  int rc = c->ops->reset(c->ctx);
  if (rc == SERVICE_OK) {
    static const char done[] = "{\"resetting\":true}\n";
    c->ops->log(c->ctx, SERVICE_LOG_WARN, "reset to factory state was asked for");
    service_reply(w, 202, "application/json", NULL, done, sizeof done - 1);
  } else {
    service_refuse(w, rc == SERVICE_NOT_FOUND ? 404 : 500,
                   rc == SERVICE_NOT_FOUND ? "this device cannot be reset from here"
                                           : "the wish could not be noted");
  }
}

static const struct route {
  const char *method, *path;
  bool open; // no claim code needed: what mDNS tells everybody anyway
  void (*serve)(struct service_worker *w);
} routes[] = {
    {"GET", "/", true, front_page},
    {"GET", "/v1/identity", true, identity},
    {"GET", "/v1/state", false, state},
    {"GET", "/v1/logs", false, logs},
    {"GET", "/v1/snapshot.jpg", false, snapshot},
    {"GET", "/v1/upload", false, service_upload_get},
    {"PUT", "/v1/upload", false, service_upload_put},
    {"DELETE", "/v1/upload", false, service_upload_delete},
    {"POST", "/v1/reset", false, reset},
    {"GET", "/v1/export", false, service_export_get},
};

static bool is(struct service_span s, const char *word) {
  return s.n == strlen(word) && memcmp(s.at, word, s.n) == 0;
}

static void refuse_for(struct service_worker *w, int status, uint32_t wait_ms, const char *text) {
  char buf[40];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "Retry-After: ");
  service_text_number(&t, (wait_ms + 999) / 1000);
  service_text_add(&t, "\r\n");
  refuse(w, status, t.buf, text);
}

// While a wrong code's pause lasts, not even the right one is looked at: else guessing would go on
// at full speed.
static bool claimed(struct service_worker *w) {
  struct service_http *h = w->http;
  const struct service_config *c = h->config;
  if (w->head.claim.n == 0) {
    service_refuse(w, 401, "send the claim code of the label as X-Bayplate-Claim");
    return false;
  }
  sys_mutex_lock(&h->lock);
  uint32_t wait = service_claim_wait(&h->claim, sys_now());
  bool right = wait == 0 && c->ops->claim_matches(c->ctx, w->head.claim.at, w->head.claim.n);
  if (wait == 0)
    service_claim_note(&h->claim, right, sys_now());
  uint32_t next = service_claim_wait(&h->claim, sys_now());
  sys_mutex_unlock(&h->lock);
  if (right)
    return true;
  if (wait > 0) {
    refuse_for(w, 429, wait, "too many wrong claim codes; wait as long as Retry-After says");
    return false;
  }
  c->ops->log(c->ctx, SERVICE_LOG_WARN, "wrong claim code");
  refuse_for(w, 401, next, "wrong claim code; it is on the device's label");
  return false;
}

static void dispatch(struct service_worker *w) {
  bool known = false;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    if (!is(w->head.path, routes[i].path))
      continue;
    known = true;
    if (!is(w->head.method, routes[i].method))
      continue;
    if (routes[i].open || claimed(w))
      routes[i].serve(w);
    return;
  }
  service_refuse(w, known ? 405 : 404, known ? "this method is not for this path" : "no such path");
}

void service_http_serve(struct service_worker *w, struct service_http *h,
                        const struct service_io *io) {
  w->http = h;
  w->io = io;
  w->have = w->used = 0;
  w->body_read = 0;
  memset(&w->head, 0, sizeof w->head);
  uint32_t since = sys_now();
  while (w->used == 0) {
    if (w->have == sizeof w->bytes) {
      service_refuse(w, 431, "the request's head is longer than 2048 bytes");
      return;
    }
    int n = io->read(io->ctx, (uint8_t *)w->bytes + w->have, sizeof w->bytes - w->have);
    if (n == 0)
      return;
    if (n > 0)
      w->have += (size_t)n;
    w->used = service_head_end(w->bytes, w->have);
    if (w->used == 0 && sys_now() - since >= SERVICE_HEAD_WAIT_MS) {
      service_refuse(w, 408, "the request's head took too long");
      return;
    }
  }
  int status = service_head_parse(&w->head, w->bytes, w->used);
  if (status)
    service_refuse(w, status, "not a request that this device understands");
  else
    dispatch(w);
  linger(w);
}
