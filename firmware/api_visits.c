// SPDX-License-Identifier: Apache-2.0
// Cards, history and evidence.
#include "firmware/api_internal.h"

#include "vision/grammar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A decimal number and nothing else.
static bool parse_number(const char *s, uint64_t *out) {
  size_t n = strlen(s);
  if (n == 0 || n > 20 || strspn(s, "0123456789") != n) {
    return false;
  }
  errno = 0;
  *out = strtoull(s, NULL, 10);
  return errno == 0;
}

// Sends {"cards":[...]} as it is, or masked.
static void send_cards(struct http_response *r, char *json, bool all) {
  if (all) {
    http_response_take(r, 200, "application/json; charset=utf-8", json, strlen(json));
    return;
  }
  json_t *list = json_loads(json, 0, NULL);
  free(json);
  size_t i;
  json_t *card;
  json_array_foreach(json_object_get(list, "cards"), i, card) {
    api_mask_card_object(card);
  }
  api_send(r, 200, list);
}

void api_cards_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  char *json = NULL;
  if (!api_person(a, q, r, &p)) {
    return;
  }
  if (a->o.deps.cards_json(a->o.deps.ctx, &json, &e)) {
    send_cards(r, json, api_sees_customers(p.role));
  } else {
    api_send_error(r, &e);
  }
}

void api_visits_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  char *json = NULL;
  uint64_t limit = API_PAGE_DEFAULT;
  const char *limit_text = http_request_query(q, "limit");
  if (!api_person(a, q, r, &p)) {
    return;
  }
  if (!api_sees_customers(p.role) && http_request_query(q, "q") && *http_request_query(q, "q")) {
    http_response_error(r, 403, "searching by plate is for those who see customers");
  } else if (limit_text &&
             (!parse_number(limit_text, &limit) || limit == 0 || limit > API_PAGE_MAX)) {
    http_response_error(r, 400, "limit: 1 to 200");
  } else if (a->o.deps.history_json(a->o.deps.ctx, http_request_query(q, "q"),
                                    http_request_query(q, "before"), (unsigned)limit, &json, &e)) {
    send_cards(r, json, api_sees_customers(p.role));
  } else {
    api_send_error(r, &e);
  }
}

void api_evidence_get(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  uint64_t id = 0;
  void *jpeg = NULL;
  size_t len = 0;
  if (!api_person(a, q, r, &p)) {
    return;
  }
  if (!api_sees_customers(p.role)) {
    http_response_error(r, 403, "crops show plates");
  } else if (!parse_number(http_request_tail(q), &id)) {
    http_response_error(r, 404, "no such visit");
  } else if (a->o.deps.evidence(a->o.deps.ctx, id, &jpeg, &len, &e)) {
    http_response_take(r, 200, "image/jpeg", jpeg, len);
  } else {
    api_send_error(r, &e);
  }
}

// {"visit":"9","plate":"粤A12345"}: what stands on the plate, by a person who looked.
void api_corrections_post(void *ctx, const struct http_request *q, struct http_response *r) {
  struct api *a = ctx;
  struct auth_person p;
  struct err e;
  uint64_t id = 0;
  char plate[PLATE_TEXT_MAX];
  if (!api_person_write(a, q, r, &p)) {
    return;
  }
  json_t *body = api_body(q, r);
  if (!body) {
    return;
  }
  if (!api_sees_customers(p.role)) {
    http_response_error(r, 403, "correcting plates is for those who see customers");
  } else if (!a->o.deps.correct) {
    http_response_error(r, 404, "corrections are not kept here");
  } else if (!parse_number(api_text(body, "visit"), &id)) {
    http_response_error(r, 400, "visit: its number as text");
  } else if (!grammar_normalise(api_text(body, "plate"), plate)) {
    http_response_error(r, 400, "plate: not a plate");
  } else if (a->o.deps.correct(a->o.deps.ctx, id, plate, p.id, &e)) {
    api_send(r, 200, json_pack("{s:s}", "plate", plate));
  } else {
    api_send_error(r, &e);
  }
  json_decref(body);
}
