// SPDX-License-Identifier: Apache-2.0
// PUT /v1/upload?sha256=...: one file, in as many connections as it takes. An upload is known by
// its hash and size, so that a sender who comes back, or another one with the same file, goes on
// where it stopped.
#include "net/service/service_http_private.h"

#include <string.h>

struct part {
  uint8_t sha256[SERVICE_SHA256];
  uint64_t size, from, length; // of the file; of this request's body
};

static void reply_state(struct service_worker *w, int status, const struct service_upload *u,
                        const char *error) {
  char buf[384];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "{");
  if (error) {
    service_text_add(&t, "\"error\":");
    service_text_json(&t, error);
    service_text_add(&t, ",");
  }
  service_text_add(&t, "\"have\":");
  service_text_number(&t, u->have);
  service_text_add(&t, ",\"size\":");
  service_text_number(&t, u->size);
  service_text_add(&t, ",\"done\":");
  service_text_add(&t, u->done ? "true" : "false");
  if (u->any) {
    service_text_add(&t, ",\"sha256\":\"");
    service_text_hex(&t, u->sha256, sizeof u->sha256);
    service_text_add(&t, "\"");
  }
  service_text_add(&t, "}\n");
  service_reply(w, status, "application/json", NULL, t.buf, t.len);
}

static void refuse_result(struct service_worker *w, int rc) {
  static const struct {
    int rc, status;
    const char *text;
  } table[] = {
      {SERVICE_TOO_BIG, 413, "larger than this device takes"},
      {SERVICE_NO_SPACE, 507, "the device's disk is too full for it"},
      {SERVICE_BUSY, 503, "the device is busy; try again"},
      {SERVICE_BAD_HASH, 422,
       "all bytes came, but their SHA-256 is not the one announced; send it again"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].rc == rc) {
      service_refuse(w, table[i].status, table[i].text);
      return;
    }
  }
  service_refuse(w, 500, "the device could not store it");
}

// Which part of what file is this? False when it was refused.
static bool read_part(struct service_worker *w, struct part *p) {
  const struct service_head *h = &w->head;
  struct service_span hash = service_query(h, "sha256");
  struct service_span offset = service_query(h, "offset");
  struct service_span size = service_query(h, "size");
  if (h->chunked) {
    service_refuse(w, 501, "chunked bodies are not taken; send Content-Length");
    return false;
  }
  if (!h->has_length) {
    service_refuse(w, 411, "send Content-Length");
    return false;
  }
  if (!service_unhex(hash.at, hash.n, p->sha256, sizeof p->sha256)) {
    service_refuse(w, 400, "name the file's SHA-256: ?sha256= and 64 hexadecimal digits");
    return false;
  }
  p->length = h->length;
  p->from = h->has_range ? h->from : 0;
  bool right = !h->has_range || h->last - h->from + 1 == h->length;
  if (offset.n > 0)
    right = right && !h->has_range && service_number(offset.at, offset.n, &p->from);
  if (right && p->length > UINT64_MAX - p->from)
    right = false;
  p->size = h->has_range ? h->total : p->from + p->length;
  if (right && size.n > 0)
    right = service_number(size.at, size.n, &p->size) && (!h->has_range || p->size == h->total);
  if (!right || p->size == 0 || p->from + p->length > p->size) {
    service_refuse(w, 400, "offset, size, Content-Length and Content-Range contradict each other");
    return false;
  }
  if (p->size > w->http->config->upload_max) {
    refuse_result(w, SERVICE_TOO_BIG);
    return false;
  }
  return true;
}

static bool my_turn(struct service_http *h, uint32_t turn) {
  sys_mutex_lock(&h->lock);
  bool mine = h->turn == turn;
  sys_mutex_unlock(&h->lock);
  return mine;
}

// Reads the body into the sink; *have counts on. Returns the sink's result; SERVICE_NOT_NOW when
// the connection ended, stalled, or a newer upload took over.
static int receive(struct service_worker *w, const struct part *p, uint32_t turn, uint64_t *have) {
  const struct service_config *c = w->http->config;
  uint64_t at = p->from, end = p->from + p->length;
  uint32_t heard = sys_now();
  while (at < end) {
    size_t want = end - at < sizeof w->piece ? (size_t)(end - at) : sizeof w->piece;
    int n = service_body(w, w->piece, want);
    if (n == 0 || !my_turn(w->http, turn))
      return SERVICE_NOT_NOW;
    if (n < 0) {
      if (sys_now() - heard >= SERVICE_BODY_WAIT_MS)
        return SERVICE_NOT_NOW;
      continue;
    }
    heard = sys_now();
    // Bytes that are already here are not compared: the hash at the end judges the whole.
    size_t skip = at < *have ? (size_t)(*have - at < (uint64_t)n ? *have - at : (uint64_t)n) : 0;
    if (skip < (size_t)n) {
      int rc = c->ops->upload_write(c->ctx, *have, w->piece + skip, (size_t)n - skip);
      if (rc != SERVICE_OK)
        return rc;
      *have += (uint64_t)n - skip;
    }
    at += (uint64_t)n;
  }
  return SERVICE_OK;
}

static void put(struct service_worker *w, const struct part *p, uint32_t turn) {
  const struct service_config *c = w->http->config;
  struct service_upload u = {.any = true, .size = p->size};
  memcpy(u.sha256, p->sha256, sizeof u.sha256);
  int rc = c->ops->upload_begin(c->ctx, p->sha256, p->size, &u.have);
  if (rc != SERVICE_OK) {
    refuse_result(w, rc);
    return;
  }
  struct service_upload now;
  c->ops->upload_state(c->ctx, &now);
  if (now.done) {
    reply_state(w, 200, &now, NULL);
    return;
  }
  if (p->from > u.have) {
    reply_state(w, 409, &u, "bytes before this part are missing; go on at \"have\"");
    return;
  }
  static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
  if (w->head.expects_continue && !w->io->write(w->io->ctx, go_on, sizeof go_on - 1))
    return;
  rc = receive(w, p, turn, &u.have);
  if (rc == SERVICE_OK && u.have == u.size) {
    rc = c->ops->upload_commit(c->ctx);
    u.done = rc == SERVICE_OK;
    c->ops->log(c->ctx, u.done ? SERVICE_LOG_INFO : SERVICE_LOG_ERROR,
                u.done                   ? "upload whole"
                : rc == SERVICE_BAD_HASH ? "upload refused: its SHA-256 is not the announced one"
                                         : "upload could not be stored");
  } else {
    int kept = c->ops->upload_pause(c->ctx);
    if (rc == SERVICE_OK)
      rc = kept;
  }
  if (rc == SERVICE_OK)
    reply_state(w, u.done ? 201 : 202, &u, NULL);
  else if (rc != SERVICE_NOT_NOW) // else nobody is there to hear an answer
    refuse_result(w, rc);
}

void service_upload_put(struct service_worker *w) {
  struct service_http *h = w->http;
  struct part p;
  if (!read_part(w, &p))
    return;
  // The newest sender has the turn: a laptop that comes back after its cable was pulled must not
  // wait for its own dead connection.
  sys_mutex_lock(&h->lock);
  uint32_t turn = ++h->turn;
  sys_mutex_unlock(&h->lock);
  sys_mutex_lock(&h->upload);
  put(w, &p, turn);
  sys_mutex_unlock(&h->upload);
}

void service_upload_get(struct service_worker *w) {
  const struct service_config *c = w->http->config;
  struct service_upload u;
  // Not under the upload's lock: progress is asked for while it goes on.
  c->ops->upload_state(c->ctx, &u);
  reply_state(w, 200, &u, NULL);
}

void service_upload_delete(struct service_worker *w) {
  struct service_http *h = w->http;
  sys_mutex_lock(&h->lock);
  h->turn++;
  sys_mutex_unlock(&h->lock);
  sys_mutex_lock(&h->upload);
  h->config->ops->upload_abort(h->config->ctx);
  sys_mutex_unlock(&h->upload);
  service_reply(w, 200, "application/json", NULL, "{}\n", 3);
}
