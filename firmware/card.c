// SPDX-License-Identifier: Apache-2.0
#include "firmware/card.h"
#include "firmware/evidence.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum card_lookup card_lookup_state(const struct card_context *ctx, const struct store_lookup *l) {
  if (l->state == STORE_LOOKUP_UNKNOWN)
    return CARD_UNKNOWN;
  if (l->state == STORE_LOOKUP_FOUND) // an answer from the future comes from a wrong clock
    return ctx->now_ms - l->as_of_ms > ctx->found_ttl_ms || l->as_of_ms > ctx->now_ms ? CARD_STALE
                                                                                      : CARD_FRESH;
  return l->error[0] ? CARD_FAILED : CARD_PENDING;
}

void card_mask_phone(const char *phone, char *out, size_t size) {
  size_t n = strlen(phone);
  if (size == 0)
    return;
  if (n < 11) // too short to show a part of it and hide four
    (void)snprintf(out, size, "%s", n > 0 ? "****" : "");
  else
    (void)snprintf(out, size, "%.3s****%s", phone, phone + n - 4);
}

// A text or null; jansson refuses what is not UTF-8, then null too.
static json_t *text(const char *s) {
  json_t *j = s && s[0] ? json_string(s) : NULL;
  return j ? j : json_null();
}

static json_t *time_text(int64_t ms) {
  char iso[ISO_TIME_MAX];
  iso_time(ms, iso);
  return ms > 0 ? text(iso) : json_null();
}

// Four digits are what a probability is worth; more would only lengthen the line.
static json_t *probability(double p) {
  return json_real(isfinite(p) ? round(p * 1e4) / 1e4 : 0);
}

// Takes `value`; a lost member is noticed at the end by `ok`.
static void set(json_t *o, const char *key, json_t *value, bool *ok) {
  if (json_object_set_new(o, key, value) != 0)
    *ok = false;
}

static json_t *plate(const struct store_visit *v, bool *ok) {
  if (!v->text[0])
    return json_null();
  json_t *o = json_object(), *list = json_array();
  for (int i = 0; i < v->alternatives; i++) {
    json_t *a = json_object();
    set(a, "text", text(v->alternative[i].text), ok);
    set(a, "confidence", probability((double)v->alternative[i].confidence), ok);
    if (json_array_append_new(list, a) != 0)
      *ok = false;
  }
  set(o, "text", text(v->text), ok);
  set(o, "type", text(plate_type_name(v->type)), ok);
  set(o, "confidence", probability(v->confidence), ok);
  set(o, "alternatives", list, ok);
  if (v->picture[0]) // the list of customers or a person chose; the picture alone says this
    set(o, "picture", text(v->picture), ok);
  if (v->said_by != 0)
    set(o, "said", json_true(), ok);
  return o;
}

static json_t *policies(const struct store_record *r, const struct calendar_result *c, bool *ok) {
  json_t *list = json_array();
  for (unsigned i = 0; r && i < r->policies; i++) {
    const struct store_policy *p = &r->policy[i];
    bool compulsory = p->kind == POLICY_COMPULSORY;
    json_t *o = json_object();
    set(o, "kind", text(policy_kind_name(p->kind)), ok);
    set(o, "insurer", text(p->insurer), ok);
    set(o, "number", text(p->number), ok);
    set(o, "start", text(p->start), ok);
    set(o, "end", text(p->end), ok);
    bool counted = c->stage != STAGE_CLOCK && c->stage != STAGE_UNKNOWN;
    int64_t left = compulsory ? c->compulsory_left : c->commercial_left;
    set(o, "days_left", counted ? json_integer(left) : json_null(), ok);
    set(o, "premium",
        p->premium_cents >= 0 ? json_real((double)p->premium_cents / 100) : json_null(), ok);
    if (json_array_append_new(list, o) != 0)
      *ok = false;
  }
  return list;
}

static void decide(const struct card_context *ctx, const struct store_record *r,
                   struct calendar_result *out) {
  struct date end[2], today;
  struct calendar_input in = {0};
  for (unsigned i = 0; r && i < r->policies; i++) {
    const struct store_policy *p = &r->policy[i];
    if (!date_parse(p->end, &end[p->kind == POLICY_COMMERCIAL]))
      continue;
    if (p->kind == POLICY_COMMERCIAL)
      in.commercial_end = &end[1];
    else
      in.compulsory_end = &end[0];
  }
  if (ctx->clock_trusted && date_today(ctx->now_ms * 1000000, &today))
    in.today = &today;
  calendar_decide(ctx->calendar, &in, out);
}

static json_t *todo(const struct store_visit *v, const struct calendar_result *c, bool *ok) {
  json_t *o = json_object();
  bool unread = !v->text[0], unsure = v->certainty == VISIT_UNSURE;
  char zh[CALENDAR_TODO_MAX + 64], en[CALENDAR_TODO_MAX + 64];
  // What is said about a car must not be said to another: an unsure plate is checked first.
  (void)snprintf(zh, sizeof zh, "%s%s", unsure ? "先核对车牌；" : "",
                 unread ? "看不清车牌，请人工核对" : c->todo_zh);
  (void)snprintf(en, sizeof en, "%s%s", unsure ? "Check the plate first. " : "",
                 unread ? "Plate not readable; look at the car" : c->todo_en);
  set(o, "zh", text(zh), ok);
  set(o, "en", text(en), ok);
  return o;
}

static json_t *lookup_part(const struct card_context *ctx, const struct store_visit *v,
                           const struct store_lookup *l, bool *ok) {
  static const char *const name[] = {"fresh", "stale", "pending", "unknown", "failed"};
  json_t *o = json_object();
  const bool to_come = ctx->asks && v->text[0] && v->phase == STORE_VISIT_OPEN;
  const enum card_lookup state = l         ? card_lookup_state(ctx, l)
                                 : to_come ? CARD_PENDING
                                           : CARD_UNKNOWN;
  set(o, "state", text(name[state]), ok);
  set(o, "as_of", l ? time_text(l->as_of_ms) : json_null(), ok);
  set(o, "error", l ? text(l->error) : json_null(), ok);
  return o;
}

static void facts(json_t *o, const struct card_context *ctx, const struct store_record *r,
                  bool *ok) {
  json_t *customer = json_null(), *vehicle = json_null();
  if (r && r->has_customer) {
    char phone[STORE_PHONE_MAX + 8];
    card_mask_phone(r->phone, phone, sizeof phone);
    customer = json_object();
    set(customer, "name", text(r->name), ok);
    set(customer, "phone", text(ctx->show_phone ? r->phone : phone), ok);
  }
  if (r && (r->model[0] || r->vin[0])) {
    vehicle = json_object();
    set(vehicle, "model", text(r->model), ok);
    set(vehicle, "vin", text(r->vin), ok);
  }
  set(o, "customer", customer, ok);
  set(o, "vehicle", vehicle, ok);
}

bool card_compose(const struct card_context *ctx, const struct store_visit *v,
                  const struct store_record *r, const struct store_lookup *l, char **out,
                  struct err *e) {
  bool ok = true;
  char id[24], into[24], evidence[96];
  struct calendar_result c;
  *out = NULL;
  decide(ctx, r, &c);
  (void)snprintf(id, sizeof id, "%" PRIu64, v->id);
  (void)snprintf(into, sizeof into, "%" PRIu64, v->merged_into);
  (void)snprintf(evidence, sizeof evidence, "/api/v1/evidence/%s?rev=%" PRIu64, id,
                 evidence_path_number(v->evidence));
  json_t *o = json_object();
  set(o, "visit", text(id), &ok);
  set(o, "rev", json_integer((json_int_t)v->rev), &ok);
  set(o, "state", text(store_phase_name(v->phase)), &ok);
  if (v->phase == STORE_VISIT_MERGED) {
    set(o, "into", text(into), &ok);
  } else {
    set(o, "opened", time_text(v->opened_ms), &ok);
    set(o, "last_seen", time_text(v->last_seen_ms), &ok);
    set(o, "closed", time_text(v->closed_ms), &ok);
    set(o, "certainty", text(store_certainty_name(v->certainty)), &ok);
    set(o, "direction", text(store_direction_name(v->direction)), &ok);
    set(o, "plate", plate(v, &ok), &ok);
    set(o, "evidence", v->evidence[0] ? text(evidence) : json_null(), &ok);
    facts(o, ctx, r, &ok);
    set(o, "policies", policies(r, &c, &ok), &ok);
    set(o, "stage", text(stage_name(c.stage)), &ok);
    set(o, "due", json_boolean(c.due), &ok);
    set(o, "todo", todo(v, &c, &ok), &ok);
    set(o, "lookup", lookup_part(ctx, v, l, &ok), &ok);
    set(o, "frame_ms", v->frame_ms > 0 ? json_integer(v->frame_ms) : json_null(), &ok);
    set(o, "clock_trusted", json_boolean(ctx->clock_trusted), &ok);
  }
  if (ok) // one line: the event stream sends it as one
    *out = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12));
  json_decref(o);
  if (!*out)
    return err_set(e, ERR_NOMEM, "card: no memory");
  return true;
}

bool card_json(struct store *s, const struct card_context *ctx, const struct store_visit *v,
               char **json, struct err *e) {
  struct store_record r;
  struct store_lookup l;
  struct err here;
  bool known = false, asked = false;
  *json = NULL;
  if (v->text[0] && v->phase != STORE_VISIT_MERGED) {
    known = store_record_get(s, v->text, &r, &here);
    if (!known && here.code == ERR_NOMEM)
      return err_set(e, here.code, "card: %s", here.text);
    // A store that cannot be read does not keep the car from the page.
    asked = store_lookup_get(s, v->text, &l, NULL, &here);
  }
  return card_compose(ctx, v, known ? &r : NULL, asked ? &l : NULL, json, e);
}
