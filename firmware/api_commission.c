// SPDX-License-Identifier: Apache-2.0
// The commissioning page's interface: for technicians and managers. Test cars are shown with their
// plates also to a technician, who sees them in the live picture anyway; they are only those that
// came while the trial was on.
#include "firmware/api_internal.h"

#include "firmware/commission.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool may(struct api *a, const struct auth_person *p, struct http_response *r) {
  return api_may_tend(a->o.commission != NULL, p, r);
}

static bool visit_number(const char *s, uint64_t *out) {
  const size_t n = strspn(s, "0123456789");
  if (n == 0 || n > 19 || s[n] != '\0') {
    return false;
  }
  *out = strtoull(s, NULL, 10);
  return true;
}

static void send_text(struct http_response *r, bool ok, char *json, const struct err *e) {
  if (ok) {
    http_response_take(r, 200, "application/json; charset=utf-8", json, strlen(json));
  } else {
    api_send_error(r, e);
  }
}

void api_commission_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  char *json = NULL;
  if (api_person(a, q, r, &p) && may(a, &p, r)) {
    const bool ok = commission_json(a->o.commission, &json, &e);
    send_text(r, ok, json, &e);
  }
}

void api_commission_picture_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  if (!api_person(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  if (commission_picture(a->o.commission, &jpeg, &len, &e)) {
    http_response_take(r, 200, "image/jpeg", jpeg, len);
  } else {
    api_send_error(r, &e);
  }
}

void api_commission_car_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  uint64_t visit = 0;
  if (!api_person(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  if (!visit_number(http_request_tail(q), &visit)) {
    http_response_error(r, 404, "no such test car");
  } else if (commission_car(a->o.commission, visit, &jpeg, &len, &e)) {
    http_response_take(r, 200, "image/jpeg", jpeg, len);
  } else {
    api_send_error(r, &e);
  }
}

void api_commission_sheets_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  char *json = NULL;
  const char *name = http_request_tail(q), *type = NULL;
  void *data = NULL;
  size_t len = 0;
  if (!api_person(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  if (name[0] == '\0') {
    const bool ok = commission_sheets(a->o.commission, &json, &e);
    send_text(r, ok, json, &e);
  } else if (commission_sheet_file(a->o.commission, name, &data, &len, &type, &e)) {
    http_response_take(r, 200, type, data, len);
    char how[96];
    snprintf(how, sizeof how, "inline; filename=\"bayplate-%.24s\"", name); // a checked name
    if (!http_response_header(r, "Content-Disposition", how)) {
      http_response_error(r, 500, "a header cannot be set");
    }
  } else {
    e.code = e.code == ERR_ARG ? ERR_NOT_FOUND : e.code;
    api_send_error(r, &e);
  }
}

// Zone as points [[x,y],...] becomes the configuration's text; null: back to the configuration's.
static bool zone_text(const json_t *zone, char *out, size_t size, struct err *e) {
  size_t at = 0, i;
  const json_t *point;
  out[0] = '\0';
  if (!json_is_array(zone) || json_array_size(zone) > ZONE_POINTS_MAX) {
    return err_set(e, ERR_ARG, "zone: at most %d points [x,y], or null", ZONE_POINTS_MAX);
  }
  json_array_foreach(zone, i, point) {
    const json_t *x = json_array_get(point, 0), *y = json_array_get(point, 1);
    if (json_array_size(point) != 2 || !json_is_number(x) || !json_is_number(y)) {
      return err_set(e, ERR_ARG, "zone: point %zu is not [x,y]", i + 1);
    }
    // To a thousandth: a pixel or two, and what the file's value bound was made for.
    int n = snprintf(out + at, size - at, "%s%.3f,%.3f", i ? " " : "", json_number_value(x),
                     json_number_value(y));
    if (n < 0 || (size_t)n >= size - at) {
      return err_set(e, ERR_ARG, "zone: point %zu is no part of a picture", i + 1);
    }
    at += (size_t)n;
  }
  return true;
}

static bool set_region(struct commission *c, const json_t *body, struct err *e) {
  const json_t *zone = json_object_get(body, "zone"), *deg = json_object_get(body, "direction");
  char text[SETTINGS_VALUE_MAX];
  if (!zone && !deg) {
    return err_set(e, ERR_ARG, "give zone, direction, or both");
  }
  if (zone && !json_is_null(zone) && !zone_text(zone, text, sizeof text, e)) {
    return false;
  }
  if (zone && !commission_set(c, "camera.zone", json_is_null(zone) ? NULL : text, e)) {
    return false;
  }
  if (!deg) {
    return true;
  }
  if (!json_is_null(deg) && !json_is_number(deg)) {
    return err_set(e, ERR_ARG, "direction: degrees, or null");
  }
  snprintf(text, sizeof text, "%.1f", json_number_value(deg));
  return commission_set(c, "camera.in_direction_deg", json_is_null(deg) ? NULL : text, e);
}

// {"exposure":4000|"auto"|null, "gain":..., "focus":...}; null: as configured.
static bool set_camera(struct commission *c, const json_t *body, struct err *e) {
  static const char *const knobs[] = {"exposure", "gain", "focus"};
  int given = 0;
  for (int i = 0; i < 3; i++) {
    const json_t *v = json_object_get(body, knobs[i]);
    char key[32], text[32];
    if (!v) {
      continue;
    }
    given++;
    if (!json_is_integer(v) && !json_is_null(v) && !json_is_string(v)) {
      return err_set(e, ERR_ARG, "%s: a whole number, \"auto\" or null", knobs[i]);
    }
    snprintf(key, sizeof key, "camera.%s", knobs[i]);
    if (json_is_integer(v)) {
      snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
    } else {
      snprintf(text, sizeof text, "%.30s", api_text(body, knobs[i]));
    }
    if (!commission_set(c, key, json_is_null(v) ? NULL : text, e)) {
      return false;
    }
  }
  return given > 0 || err_set(e, ERR_ARG, "give exposure, gain or focus");
}

static bool judge(struct commission *c, const json_t *body, struct err *e) {
  uint64_t visit = 0;
  const char *word = api_text(body, "word");
  static const char *const words[] = {"open", "right", "wrong"};
  for (int i = 0; i < 3; i++) {
    if (strcmp(words[i], word) == 0) {
      return visit_number(api_text(body, "visit"), &visit)
                 ? commission_judge(c, visit, (enum trial_word)i, e)
                 : err_set(e, ERR_ARG, "visit: its number as text");
    }
  }
  return err_set(e, ERR_ARG, "word: right, wrong or open");
}

static bool act(struct commission *c, const char *what, const json_t *body,
                const struct auth_person *p, struct err *e) {
  if (strcmp(what, "region") == 0) {
    return set_region(c, body, e);
  }
  if (strcmp(what, "camera") == 0) {
    return set_camera(c, body, e);
  }
  if (strcmp(what, "trial") == 0) {
    return commission_trial(c, json_is_true(json_object_get(body, "on")), e);
  }
  if (strcmp(what, "expect") == 0) {
    const char *d = api_text(body, "direction");
    return commission_expect(c,
                             strcmp(d, "in") == 0    ? DIRECTION_IN
                             : strcmp(d, "out") == 0 ? DIRECTION_OUT
                                                     : DIRECTION_UNKNOWN,
                             e);
  }
  if (strcmp(what, "judge") == 0) {
    return judge(c, body, e);
  }
  if (strcmp(what, "probe") == 0) {
    return commission_probe(c, e);
  }
  if (strcmp(what, "sheets") == 0) {
    return commission_sheet(c, p->name, api_text(body, "note"),
                            json_is_true(json_object_get(body, "sign")), e);
  }
  return err_set(e, ERR_NOT_FOUND, "no such step");
}

// POST /api/v1/commission/STEP
void api_commission_post(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  if (!api_person_write(a, q, r, &p) || !may(a, &p, r)) {
    return;
  }
  json_t *body = api_body(q, r);
  if (!body) {
    return;
  }
  if (act(a->o.commission, http_request_tail(q), body, &p, &e)) {
    char *json = NULL;
    const bool ok = commission_json(a->o.commission, &json, &e);
    send_text(r, ok, json, &e);
  } else if (e.code == ERR_BUSY) {
    http_response_error(r, 409, e.text);
  } else {
    api_send_error(r, &e);
  }
  json_decref(body);
}
