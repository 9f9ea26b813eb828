// SPDX-License-Identifier: Apache-2.0
// GET /v1/export: data that the device cannot use any more, on their way to somebody who can. Their
// length is not known before, so they come in chunks: cut off, the last one is missing.
#include "net/service/service_http_private.h"

#include <string.h>

// A piece of n bytes as a chunk; of none: the end, without which a receiver knows that it is not
// all.
static bool send_chunk(struct service_worker *w, size_t n) {
  char buf[24];
  struct service_text t;
  service_text_init(&t, buf, sizeof buf);
  const uint8_t length[] = {(uint8_t)(n >> 8), (uint8_t)n};
  if (n > 0)
    service_text_hex(&t, length, sizeof length);
  else
    service_text_add(&t, "0\r\n");
  service_text_add(&t, "\r\n");
  const bool end = n == 0;
  return w->io->write(w->io->ctx, t.buf, t.len) &&
         (end || (w->io->write(w->io->ctx, w->piece, n) && w->io->write(w->io->ctx, "\r\n", 2)));
}

static void refuse_export(struct service_worker *w, int rc) {
  static const struct {
    int rc, status;
    const char *text;
  } table[] = {
      {SERVICE_NOT_FOUND, 404, "the data partition is in use, or there is none: nothing to export"},
      {SERVICE_BUSY, 409, "an export is going on: one at a time"},
      {SERVICE_INVALID, 422, "no files can be found on it: take ?what=image"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].rc == rc) {
      service_refuse(w, table[i].status, table[i].text);
      return;
    }
  }
  service_refuse(w, 500, "the device could not read it");
}

// GET /v1/export?what=files|image, for data that the device cannot use any more.
void service_export_get(struct service_worker *w) {
  const struct service_config *c = w->http->config;
  struct service_span what = service_query(&w->head, "what");
  const bool image = what.n == 5 && memcmp(what.at, "image", 5) == 0;
  const bool files = what.n == 5 && memcmp(what.at, "files", 5) == 0;
  char buf[96];
  struct service_text t;
  void *handle = NULL;
  uint64_t size = 0;
  if (!image && !files) {
    service_refuse(w, 400, "?what=files (what can be found) or ?what=image (all of it)");
    return;
  }
  int rc = c->ops->open(c->ctx, image ? SERVICE_EXPORT_IMAGE : SERVICE_EXPORT_FILES, NULL, &handle,
                        &size);
  if (rc != SERVICE_OK) {
    refuse_export(w, rc);
    return;
  }
  c->ops->log(c->ctx, SERVICE_LOG_WARN,
              image ? "export of the image begins" : "export of the files begins");
  service_text_init(&t, buf, sizeof buf);
  service_text_add(&t, "Content-Disposition: attachment; filename=bayplate-");
  service_text_add(&t, c->serial);
  service_text_add(&t, image ? "-image.tar.gz\r\n" : "-files.tar.gz\r\n");
  bool on = service_send_head(w, 200, "application/gzip", t.cut ? NULL : t.buf, SERVICE_UNKNOWN);
  int n = 1;
  while (on && n > 0) {
    n = c->ops->read(c->ctx, handle, w->piece, sizeof w->piece);
    on = n >= 0 && (size_t)n <= sizeof w->piece && send_chunk(w, (size_t)n);
  }
  c->ops->close(c->ctx, handle);
  c->ops->log(c->ctx, SERVICE_LOG_WARN, on ? "export: all was taken" : "export: it broke off");
}
