// SPDX-License-Identifier: Apache-2.0
#include "firmware/lookup.h"

#include "board/log.h"
#include "firmware/lookup_record.h"
#include "firmware/store_lookup.h"
#include "net/policy_client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_TAG UINT64_MAX // an answer that nothing is done with

// One answer on its way from the client's thread to the writer's.
struct answer {
  struct answer *next;
  uint64_t tag;
  enum policy_status status;
  struct err err;
  int64_t retry_after_ms;
  struct policy_answer found;
};

// A plate that was asked for; its index + generation is the tag, so that no plate need be trusted
// from outside.
struct pending {
  bool used;
  char plate[PLATE_TEXT_MAX];
};

// A failed plate is left alone until then; kept here too, because a full disk must not lead to
// hammering.
struct pause {
  char plate[PLATE_TEXT_MAX];
  int64_t until_mono_ms;
};

struct lookup {
  struct lookup_options o;
  struct policy_client *client;
  struct pending pending[LOOKUP_PENDING_MAX];
  struct pause pause[LOOKUP_PENDING_MAX]; // a ring: the oldest is forgotten first
  unsigned next_pause;
  pthread_mutex_t lock; // guards the next two
  struct answer *answers;
  struct lookup_health health;
};

static int64_t wall_ms(const struct lookup *l) {
  return clock_wall_ns(l->o.clock) / CLOCK_NS_PER_MS;
}

static int64_t mono_ms(const struct lookup *l) {
  return clock_mono_ns(l->o.clock) / CLOCK_NS_PER_MS;
}

static void note_health(struct lookup *l, const struct policy_result *r) {
  pthread_mutex_lock(&l->lock);
  struct lookup_health *h = &l->health;
  h->wall_ms = wall_ms(l);
  h->ok = r->status != POLICY_FAILED;
  h->http_status = r->http_status;
  h->elapsed_ms = (int)(r->elapsed_ns / CLOCK_NS_PER_MS);
  h->fault[0] = h->text[0] = '\0';
  if (!h->ok) {
    const char *fault = policy_fault_name(r->fault);
    memcpy(h->fault, fault, strnlen(fault, sizeof h->fault - 1) + 1);
    memcpy(h->text, r->err.text, sizeof h->text);
  }
  pthread_mutex_unlock(&l->lock);
}

void lookup_health(struct lookup *l, struct lookup_health *out) {
  pthread_mutex_lock(&l->lock);
  *out = l->health;
  pthread_mutex_unlock(&l->lock);
  out->configured = l->client != NULL;
  out->ready = l->client && policy_client_ready(l->client);
}

bool lookup_probe(struct lookup *l, struct err *e) {
  if (!l->client)
    return err_set(e, ERR_STATE, "no policy gateway is configured");
  return policy_client_ask(l->client, LOOKUP_PROBE_PLATE, PROBE_TAG, e);
}

static void on_result(void *ctx, const struct policy_result *r) {
  struct lookup *l = ctx;
  if (r->status == POLICY_FAILED && r->fault == POLICY_FAULT_CANCELLED)
    return; // only at the end
  note_health(l, r);
  if (r->tag == PROBE_TAG)
    return;
  struct answer *a = calloc(1, sizeof *a);
  if (!a) {
    log_error("lookup", "no memory for an answer; it will be asked for again after a restart");
    return;
  }
  a->tag = r->tag;
  a->status = r->status;
  a->err = r->err;
  a->retry_after_ms = r->retry_after_ns / CLOCK_NS_PER_MS;
  if (r->status == POLICY_FOUND)
    a->found = *r->answer;
  pthread_mutex_lock(&l->lock);
  a->next = l->answers;
  l->answers = a;
  pthread_mutex_unlock(&l->lock);
  l->o.wake(l->o.ctx);
}

bool lookup_new(struct lookup **out, const struct lookup_options *options, struct err *e) {
  struct lookup *l = calloc(1, sizeof *l);
  if (!l)
    return err_set(e, ERR_NOMEM, "no memory for the look-up");
  l->o = *options;
  if (pthread_mutex_init(&l->lock, NULL) != 0) {
    free(l);
    return err_set(e, ERR_NOMEM, "no memory for the look-up's lock");
  }
  if (options->policy &&
      !policy_client_new(&l->client, options->policy, options->clock, on_result, l, e)) {
    pthread_mutex_destroy(&l->lock);
    free(l);
    return err_prefix(e, "policy look-up");
  }
  l->o.policy = NULL; // copied by the client
  *out = l;
  return true;
}

void lookup_free(struct lookup *l) {
  if (!l)
    return;
  policy_client_free(l->client); // joins its thread: no callback after this
  while (l->answers) {
    struct answer *next = l->answers->next;
    free(l->answers);
    l->answers = next;
  }
  pthread_mutex_destroy(&l->lock);
  free(l);
}

void lookup_set_ages(struct lookup *l, int64_t found_ttl_ms, int64_t unknown_ttl_ms,
                     int64_t retry_ms) {
  l->o.found_ttl_ms = found_ttl_ms;
  l->o.unknown_ttl_ms = unknown_ttl_ms;
  l->o.retry_ms = retry_ms;
}

void lookup_forget_pauses(struct lookup *l) {
  memset(l->pause, 0, sizeof l->pause);
}

static bool paused(const struct lookup *l, const char *plate) {
  for (int i = 0; i < LOOKUP_PENDING_MAX; i++) {
    if (strcmp(l->pause[i].plate, plate) == 0 && mono_ms(l) < l->pause[i].until_mono_ms)
      return true;
  }
  return false;
}

static void pause_plate(struct lookup *l, const char *plate, int64_t ms) {
  struct pause *p = NULL;
  for (int i = 0; i < LOOKUP_PENDING_MAX && !p; i++) {
    if (strcmp(l->pause[i].plate, plate) == 0)
      p = &l->pause[i];
  }
  if (!p)
    p = &l->pause[l->next_pause++ % LOOKUP_PENDING_MAX];
  memcpy(p->plate, plate, strnlen(plate, sizeof p->plate - 1) + 1);
  p->until_mono_ms = mono_ms(l) + ms;
}

static bool fresh(const struct lookup *l, const char *plate) {
  struct store_lookup known;
  struct err e;
  if (!store_lookup_get(l->o.store, plate, &known, NULL, &e)) {
    log_error("lookup", "reading the cache: %s", e.text);
    return false;
  }
  int64_t age = wall_ms(l) - known.as_of_ms;
  // An answer from the future is one from before the clock was set: ask again.
  return age >= 0 && ((known.state == STORE_LOOKUP_FOUND && age < l->o.found_ttl_ms) ||
                      (known.state == STORE_LOOKUP_UNKNOWN && age < l->o.unknown_ttl_ms));
}

void lookup_want(struct lookup *l, const char *plate) {
  if (!l->client || plate[0] == '\0')
    return;
  int spare = -1;
  for (int i = 0; i < LOOKUP_PENDING_MAX; i++) {
    if (l->pending[i].used && strcmp(l->pending[i].plate, plate) == 0)
      return; // on its way
    if (!l->pending[i].used && spare < 0)
      spare = i;
  }
  if (spare < 0 || paused(l, plate) || fresh(l, plate))
    return;
  struct err e;
  if (!policy_client_ask(l->client, plate, (uint64_t)spare, &e)) {
    if (e.code != ERR_BUSY)
      log_warn("lookup", "not asked: %s", e.text);
    return; // wanted again at the next tick
  }
  l->pending[spare].used = true;
  memcpy(l->pending[spare].plate, plate, strnlen(plate, PLATE_TEXT_MAX - 1) + 1);
}

static bool save(struct lookup *l, const char *plate, const struct answer *a, struct err *e) {
  int64_t now = wall_ms(l);
  if (a->status == POLICY_FAILED)
    return store_lookup_failed(l->o.store, plate, a->err.text, now, e);
  if (a->status == POLICY_UNKNOWN)
    return store_lookup_put(l->o.store, plate, STORE_LOOKUP_UNKNOWN, NULL, now, e);
  struct store_record record;
  struct store_change change;
  lookup_record(plate, &a->found, &record);
  if (!store_begin(l->o.store, e))
    return false;
  if (!store_record_put(l->o.store, &record, STORE_BY_LOOKUP, 0, now, &change, e) ||
      !store_lookup_put(l->o.store, plate, STORE_LOOKUP_FOUND, NULL, now, e)) {
    store_rollback(l->o.store);
    return false;
  }
  return store_commit(l->o.store, e);
}

// Saves an answer and what follows from it in one transaction. False: the answer is not saved.
static bool settle(struct lookup *l, const char *plate, const struct answer *a,
                   const struct lookup_news *news) {
  struct err e;
  bool begun = store_begin(l->o.store, &e);
  bool saved = begun && save(l, plate, a, &e);
  if (saved)
    news->changed(news->ctx, plate);
  const bool failed = !saved;
  if (begun && !store_commit(l->o.store, saved ? &e : NULL))
    saved = false;
  if (!saved)
    log_error("lookup", "an answer could not be saved: %s", e.text);
  if (failed)
    news->changed(news->ctx, plate);
  news->saved(news->ctx);
  return saved;
}

void lookup_collect(struct lookup *l, const struct lookup_news *news) {
  pthread_mutex_lock(&l->lock);
  struct answer *list = l->answers;
  l->answers = NULL;
  pthread_mutex_unlock(&l->lock);
  while (list) {
    struct answer *a = list;
    list = a->next;
    struct pending *p = &l->pending[a->tag % LOOKUP_PENDING_MAX];
    if (a->status == POLICY_FAILED)
      log_warn("lookup", "failed: %s", a->err.text);
    if (!settle(l, p->plate, a, news) || a->status == POLICY_FAILED) {
      int64_t ms = a->retry_after_ms > l->o.retry_ms ? a->retry_after_ms : l->o.retry_ms;
      pause_plate(l, p->plate, ms);
    }
    p->used = false;
    free(a);
  }
}
