// SPDX-License-Identifier: Apache-2.0
// The device page's interface: for technicians and managers; the way back to factory state for
// managers alone. A bundle comes in pieces of at most HTTP_BODY_MAX, each answered with how much is
// there, so that it goes on after any interruption.
#include "firmware/api_internal.h"

#include "firmware/device_page.h"
#include "firmware/export_relay.h"

#include "board/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool may(struct api *a, const struct auth_person *p, struct http_response *r) {
  return api_may_tend(a->o.device != NULL, p, r);
}

void api_device_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  char *json = NULL;
  if (!api_person(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  if (device_page_json(a->o.device, &json, &e)) {
    http_response_take(r, 200, "application/json; charset=utf-8", json, strlen(json));
  } else {
    api_send_error(r, &e);
  }
}

// A whole number of the query; false: it is none.
static bool number(const struct http_request *q, const char *name, uint64_t *out) {
  const char *s = http_request_query(q, name);
  char *end = NULL;
  errno = 0;
  *out = s && *s >= '0' && *s <= '9' ? strtoull(s, &end, 10) : 0;
  return end && *end == '\0' && errno == 0;
}

static struct upload *upload_of(struct api *a, const struct http_request *q,
                                struct http_response *r) {
  struct auth_person p;
  struct upload *u = NULL;
  struct err e;
  if (!api_person_write(a, q, r, &p) || !may(a, &p, r)) {
    return NULL;
  }
  if (device_page_upload(a->o.device, &u, &e)) {
    return u;
  }
  http_response_error(r, 409, e.text);
  return NULL;
}

// 200, or why it did not go on: 409 not now or not at this place, 413 too large, 507 the disk.
static void answer(struct http_response *r, bool ok, uint64_t have, const struct err *e) {
  if (ok) {
    api_send(r, 200, json_pack("{s:I}", "have", (json_int_t)have));
    return;
  }
  unsigned status = 500;
  const char *reason = "disk";
  switch (e->code) {
  case ERR_ARG:
    status = 400;
    reason = "request";
    break;
  case ERR_STATE:
    status = 409;
    reason = "place";
    break;
  case ERR_BUSY:
    status = 409;
    reason = "busy";
    break;
  case ERR_LIMIT:
    status = 413;
    reason = "large";
    break;
  case ERR_FULL:
    status = 507;
    reason = "full";
    break;
  default:
    break;
  }
  api_send(
      r, status,
      json_pack("{s:s,s:s,s:I}", "error", e->text, "upload", reason, "have", (json_int_t)have));
}

// POST ?id=&size=: goes on with the upload of this name and size, or begins it.
void api_device_begin(void *ctx, const struct http_request *q, struct http_response *r) {
  struct upload *u = upload_of(ctx, q, r);
  const char *id = http_request_query(q, "id");
  uint64_t size = 0, have = 0;
  struct err e;
  if (!u) {
    return;
  }
  const bool ok = id && number(q, "size", &size) ? upload_begin(u, id, size, &have, &e)
                                                 : err_set(&e, ERR_ARG, "id and size are needed");
  answer(r, ok, have, &e);
}

// PUT ?id=&at= with the bytes as the body.
void api_device_piece(void *ctx, const struct http_request *q, struct http_response *r) {
  struct upload *u = upload_of(ctx, q, r);
  const char *id = http_request_query(q, "id");
  uint64_t at = 0, have = 0;
  size_t n = 0;
  struct err e;
  if (!u) {
    return;
  }
  const char *body = http_request_body(q, &n);
  const bool ok = id && number(q, "at", &at) ? upload_put(u, id, at, body, n, &have, &e)
                                             : err_set(&e, ERR_ARG, "id and at are needed");
  answer(r, ok, have, &e);
}

void api_device_drop(void *ctx, const struct http_request *q, struct http_response *r) {
  struct upload *u = upload_of(ctx, q, r);
  struct err e = {0};
  if (u) {
    upload_drop(u);
    answer(r, true, 0, &e);
  }
}

// {"word": the serial}
void api_device_reset(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  if (!api_person_write(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  if (p.role != AUTH_MANAGER) {
    http_response_error(r, 403, "only a manager may erase the device");
    return;
  }
  json_t *body = api_body(q, r);
  if (!body) {
    return;
  }
  if (device_page_reset(a->o.device, api_text(body, "word"), &e)) {
    api_send(r, 202, json_pack("{s:b}", "resetting", 1));
  } else if (e.code == ERR_STATE) {
    http_response_error(r, 409, e.text);
  } else {
    api_send_error(r, &e);
  }
  json_decref(body);
}

// GET ?what=files|image: what is on a data partition that cannot be used, as it comes. 404 nothing
// to export, 409 the partition works, or an export is going on.
void api_device_export(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  const char *socket = NULL;
  atomic_int *going = NULL;
  char name[128], disposition[160];
  if (!api_person(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  const char *what = http_request_query(q, "what");
  if (!what || (strcmp(what, "files") != 0 && strcmp(what, "image") != 0)) {
    http_response_error(r, 400, "what=files or what=image");
    return;
  }
  if (!api_same_origin(q)) { // no other site is to start one
    http_response_error(r, 403, "this request does not come from the page");
    return;
  }
  if (!device_page_export(a->o.device, &socket, &going, &e)) {
    http_response_error(r, e.code == ERR_NOT_FOUND ? 404 : 409, e.text);
    return;
  }
  log_warn("device", "export of %s is asked for on the page by a %s", what, auth_role_name(p.role));
  device_page_export_name(a->o.device, what, name, sizeof name);
  (void)snprintf(disposition, sizeof disposition, "attachment; filename=\"%s\"", name);
  if (!http_response_header(r, "Content-Disposition", disposition)) {
    log_warn("device", "export: no name for %s", name); // the browser finds one
  }
  export_relay(r, socket, what, going);
}
