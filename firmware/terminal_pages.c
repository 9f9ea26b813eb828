// SPDX-License-Identifier: Apache-2.0
#include "firmware/terminal_private.h"

#include "firmware/store_visit.h"

// What the pages ask, on the server's thread.
static bool tell_cards(void *ctx, char **json, struct err *e) {
  return api_store_cards(&((struct terminal *)ctx)->pages, json, e);
}

static bool tell_history(void *ctx, const char *query, const char *before, unsigned limit,
                         char **json, struct err *e) {
  return api_store_history(&((struct terminal *)ctx)->pages, query, before, limit, json, e);
}

static bool tell_again(void *ctx, uint64_t since,
                       bool (*emit)(void *to, uint64_t rev, const char *json), void *to,
                       struct err *e) {
  return api_store_replay(&((struct terminal *)ctx)->pages, since, emit, to, e);
}

static bool tell_evidence(void *ctx, uint64_t visit, void **jpeg, size_t *len, struct err *e) {
  return api_store_evidence(&((struct terminal *)ctx)->pages, visit, jpeg, len, e);
}

static bool take_word(void *ctx, uint64_t visit, const char *plate, int64_t by, struct err *e) {
  return api_store_correct(&((struct terminal *)ctx)->pages, visit, plate, by, e);
}

static bool tell_status(void *ctx, char **json, struct err *e) {
  return status_json(&((struct terminal *)ctx)->status, json, e);
}

static bool tell_health(void *ctx, bool *ok, char **json, struct err *e) {
  return status_health(&((struct terminal *)ctx)->status, ok, json, e);
}

static void tell_card_context(void *ctx, struct card_context *out) {
  arrivals_card_context(((struct terminal *)ctx)->arrivals, out);
}

bool terminal_start_page(struct terminal *t, struct err *e) {
  const struct auth_options ao = {.clock = t->clock,
                                  .ops = &auth_on_store,
                                  .store = t->store,
                                  .first_password_hash = t->id.password_hash};
  t->pages = (struct api_store){.reader = t->reader,
                                .evidence = t->evidence,
                                .arrivals = t->arrivals,
                                .corrections = t->corrections,
                                .golden = t->golden,
                                .clock = t->clock,
                                .card_context = tell_card_context,
                                .ctx = t};
  struct api_options o = {.clock = t->clock,
                          .deps = {.ctx = t,
                                   .cards_json = tell_cards,
                                   .history_json = tell_history,
                                   .replay = tell_again,
                                   .evidence = tell_evidence,
                                   .status_json = tell_status,
                                   .health_json = tell_health,
                                   .correct = take_word},
                          .address = t->config.http.address,
                          .port = t->config.http.port,
                          .tls_port = t->config.http.tls_port,
                          .redirect = t->config.http.redirect,
                          .identity = t->identity,
                          .shop_name = t->config.shop.name,
                          .commission = t->commission,
                          .device = t->device_page};
  if (!store_visit_rev(t->store, &o.newest_rev, e))
    return false;
  if (!auth_new(&t->auth, &ao, e))
    return err_prefix(e, "sign-in");
  o.auth = t->auth;
  return api_new(&t->api, &o, e) || err_prefix(e, "page");
}
