// SPDX-License-Identifier: Apache-2.0
// The event stream, its replay from the store, and the status.
#include "firmware/api_internal.h"

#include <stdlib.h>
#include <string.h>

struct emit_to {
  struct sse_replay *replay;
  bool failed;
};

static bool emit(void *ctx, uint64_t rev, const char *json) {
  struct emit_to *to = ctx;
  char *masked = api_mask_card(json);
  to->failed = !sse_emit(to->replay, rev, "card", json, masked ? masked : "{}");
  free(masked);
  return !to->failed;
}

bool api_replay(void *ctx, uint64_t since, struct sse_replay *to) {
  struct api *a = ctx;
  struct err e;
  struct emit_to t = {.replay = to};
  return a->o.deps.replay(a->o.deps.ctx, since, emit, &t, &e) && !t.failed;
}

void api_events_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  if (api_person(a, q, r, &p)) {
    sse_hub_serve(a->hub, q, r, p.session, !api_sees_customers(p.role));
  }
}

void api_status_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  char *json = NULL;
  if (!api_person(a, q, r, &p)) {
    return;
  }
  if (a->o.deps.status_json(a->o.deps.ctx, &json, &e)) {
    http_response_take(r, 200, "application/json; charset=utf-8", json, strlen(json));
  } else {
    api_send_error(r, &e);
  }
}
