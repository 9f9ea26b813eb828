// SPDX-License-Identifier: Apache-2.0
// Health and metrics for machines, and the page's own files.
#include "firmware/api_internal.h"

#include "board/metrics.h"
#include "firmware/page_assets.h"

#include <string.h>

void api_health_get(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)q;
  struct api *a = ctx;
  struct err e;
  char *json = NULL;
  bool ok = false;
  if (a->o.deps.health_json(a->o.deps.ctx, &ok, &json, &e)) {
    http_response_take(r, ok ? 200 : 503, "application/json; charset=utf-8", json, strlen(json));
  } else {
    api_send_error(r, &e);
  }
}

void api_metrics_get(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  (void)q;
  size_t len = 0;
  char *text = metrics_text(&len);
  if (text) {
    http_response_take(r, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
  } else {
    http_response_error(r, 503, "out of memory");
  }
}

void api_page_get(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  const char *path = http_request_path(q);
  for (const struct page_asset *p = page_assets; p->path; p++) {
    if (strcmp(p->path, path) != 0) {
      continue;
    }
    const char *have = http_request_header(q, "If-None-Match");
    if (have && strcmp(have, p->etag) == 0) {
      http_response_constant(r, 304, NULL, "", 0);
    } else {
      http_response_constant(r, 200, p->type, p->data, p->len);
    }
    // Asked for each time, so that page and program never differ after an update.
    if (!http_response_header(r, "ETag", p->etag) ||
        !http_response_header(r, "Cache-Control", "no-cache")) {
      http_response_error(r, 500, "a header cannot be set");
    }
    return;
  }
  http_response_error(r, 404, "no such page");
}
