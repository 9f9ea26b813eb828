// SPDX-License-Identifier: Apache-2.0
#include "tools/power/names.h"
#include "tools/power/record.h"
#include "tools/power/world.h"

#include "board/file.h"
#include "firmware/corrections.h"
#include "firmware/evidence.h"
#include "firmware/port/port_spool.h"
#include "firmware/store_customer.h"
#include "firmware/store_lookup.h"
#include "firmware/store_user.h"
#include "firmware/store_visit.h"
#include "firmware/tls_identity.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CROP_MAX 9000
#define UPLOAD_BYTES (PORT_SPOOL_SYNC + 300000)

struct work {
  const char *root;
  struct store *store;
  struct evidence *evidence;
  struct corrections *corrections;
};

// Promises that `key` will be `value` once `call` has returned true.
#define PROMISE(key, value, call)                                                                  \
  do {                                                                                             \
    record_mark(false, key, value);                                                                \
    if (!(call))                                                                                   \
      return false;                                                                                \
    record_mark(true, key, value);                                                                 \
  } while (0)

static bool open_world(struct work *w, struct err *e) {
  char path[POWER_PATH_MAX];
  const struct store_options so = {.path = power_path(path, w->root, POWER_DB),
                                   .wall_ms = POWER_NOW};
  if (!store_open(&w->store, &so, e))
    return false;
  const struct evidence_options eo = {.dir = power_path(path, w->root, POWER_CROPS),
                                      .budget_bytes = 1 << 30};
  return evidence_open(&w->evidence, &eo, e) &&
         corrections_open(&w->corrections, power_path(path, w->root, POWER_CORRECTIONS),
                          CORRECTIONS_MAX, e);
}

static void close_world(struct work *w) {
  corrections_free(w->corrections);
  evidence_free(w->evidence);
  store_close(w->store);
  w->corrections = NULL;
  w->evidence = NULL;
  w->store = NULL;
}

static bool user(struct work *w, int n, const char *hash, bool again, struct err *e) {
  char key[64];
  struct store_user u = {.created_ms = POWER_NOW};
  (void)snprintf(u.name, sizeof u.name, "person%d", n);
  (void)snprintf(u.role, sizeof u.role, "technician");
  (void)snprintf(u.pin_hash, sizeof u.pin_hash, "%s", hash);
  (void)snprintf(key, sizeof key, "user/%s", u.name);
  if (!again) {
    PROMISE(key, hash,
            n == 0 ? store_user_add_first(w->store, &u, e) : store_user_add(w->store, &u, e));
    return true;
  }
  struct store_user known;
  if (!store_user_by_name(w->store, u.name, &known, e))
    return false;
  PROMISE(key, hash, store_user_set_pin(w->store, known.id, hash, e));
  return true;
}

static bool setting(struct work *w, int n, int round, struct err *e) {
  char name[32], key[64], value[64];
  (void)snprintf(name, sizeof name, "setting%d", n);
  (void)snprintf(key, sizeof key, "setting/%s", name);
  (void)snprintf(value, sizeof value, "value %d of round %d", n, round);
  PROMISE(key, value, store_setting_put(w->store, name, value, e));
  return true;
}

static bool counter(struct work *w, int64_t now, struct err *e) {
  char value[32];
  (void)snprintf(value, sizeof value, "%lld", (long long)now);
  PROMISE("counter/seen", value, store_counter_add(w->store, "seen", 1, NULL, e));
  return true;
}

// A visit as the terminal makes it: the crop first, then the row, both durable before it is told.
static bool visit(struct work *w, struct store_visit *v, int number, struct err *e) {
  char crop[CROP_MAX], hash[POWER_HASH_MAX], key[64], value[POWER_VALUE_MAX],
      path[EVIDENCE_PATH_MAX];
  size_t n = 2000 + (size_t)(v->id * 911 + (uint64_t)number * 577) % (CROP_MAX - 2000);
  memset(crop, (int)(v->id + (uint64_t)number), n);
  power_hash(crop, n, hash);
  (void)snprintf(path, sizeof path, "evidence/%llu-%d", (unsigned long long)v->id, number);
  record_mark(false, path, hash);
  char name[EVIDENCE_PATH_MAX];
  if (!evidence_write(w->evidence, v->id, (uint64_t)number, v->opened_ms, crop, n, name, e))
    return false;
  record_mark(true, path, hash);
  (void)snprintf(v->evidence, sizeof v->evidence, "%s", name);
  (void)snprintf(key, sizeof key, "visit/%llu", (unsigned long long)v->id);
  power_visit_value(v, hash, value);
  PROMISE(key, value, store_visit_put(w->store, v, e));
  return true;
}

static bool visit_ends(struct work *w, struct store_visit *v, struct err *e) {
  char key[64], value[POWER_VALUE_MAX], hash[POWER_HASH_MAX];
  void *jpeg = NULL;
  size_t n = 0;
  if (!evidence_read(w->evidence, v->evidence, &jpeg, &n, e))
    return false;
  power_hash(jpeg, n, hash);
  free(jpeg);
  v->phase = STORE_VISIT_CLOSED;
  power_visit_value(v, hash, value);
  (void)snprintf(key, sizeof key, "visit/%llu", (unsigned long long)v->id);
  PROMISE(key, value, store_visit_close(w->store, v->id, v->last_seen_ms, NULL, e));
  return true;
}

// A look-up's answer and what is known by it, in one transaction.
static bool customer(struct work *w, const char *plate, int round, struct err *e) {
  char key[64], look[64], name[64];
  struct store_change change;
  struct store_record r = {.has_customer = true, .policies = 1};
  (void)snprintf(r.plate, sizeof r.plate, "%s", plate);
  (void)snprintf(r.name, sizeof r.name, "customer of round %d", round);
  r.policy[0].kind = POLICY_COMPULSORY;
  (void)snprintf(r.policy[0].end, sizeof r.policy[0].end, "2026-0%d-08", 1 + round % 9);
  (void)snprintf(key, sizeof key, "record/%s", plate);
  (void)snprintf(look, sizeof look, "lookup/%s", plate);
  (void)snprintf(name, sizeof name, "%s until %s", r.name, r.policy[0].end);
  record_mark(false, key, name);
  record_mark(false, look, "found");
  if (!store_begin(w->store, e))
    return false;
  if (!store_record_put(w->store, &r, STORE_BY_LOOKUP, 0, POWER_NOW, &change, e) ||
      !store_lookup_put(w->store, plate, STORE_LOOKUP_FOUND, NULL, POWER_NOW, e)) {
    store_rollback(w->store);
    return false;
  }
  if (!store_commit(w->store, e))
    return false;
  record_mark(true, key, name);
  record_mark(true, look, "found");
  return true;
}

static bool erased(struct work *w, const char *plate, struct err *e) {
  char key[64], look[64];
  (void)snprintf(key, sizeof key, "record/%s", plate);
  (void)snprintf(look, sizeof look, "lookup/%s", plate); // goes with it
  record_mark(false, look, "");
  PROMISE(key, "", store_record_erase(w->store, plate, e));
  record_mark(true, look, "");
  return true;
}

static bool correction(struct work *w, const struct store_visit *v, struct err *e) {
  char crop[700], key[64], value[POWER_VALUE_MAX], hash[POWER_HASH_MAX];
  memset(crop, 'c' + (int)(v->id % 7), sizeof crop);
  power_hash(crop, sizeof crop, hash);
  const struct correction c = {.visit = v->id,
                               .plate = v->text,
                               .type = PLATE_BLUE,
                               .read = v->text,
                               .confidence = 0.5,
                               .wall_ms = POWER_NOW,
                               .jpeg = crop,
                               .len = sizeof crop};
  (void)snprintf(key, sizeof key, "correction/%llu", (unsigned long long)v->id);
  (void)snprintf(value, sizeof value, "%s %s", v->text, hash);
  PROMISE(key, value, corrections_put(w->corrections, &c, e));
  return true;
}

static bool keep_time(struct work *w, int round, struct err *e) {
  char path[POWER_PATH_MAX], value[32];
  struct clock_kept_file k = {.wall_s = clock_build_s() + 1000 + round, .trusted = true};
  (void)snprintf(value, sizeof value, "%lld", (long long)k.wall_s);
  PROMISE("clock", value, clock_kept_write(power_path(path, w->root, POWER_CLOCK), &k, e));
  return true;
}

static bool upload(struct work *w, struct err *e) {
  char dir[POWER_PATH_MAX], value[32];
  uint8_t hash[PORT_SPOOL_HASH];
  uint64_t have = 0;
  struct port_spool *s = NULL;
  const struct port_spool_options o = {.dir = power_path(dir, w->root, POWER_SPOOL),
                                       .max = 64 << 20};
  uint8_t *bytes = malloc(UPLOAD_BYTES);
  if (!bytes)
    return err_set(e, ERR_NOMEM, "no memory for the upload");
  for (size_t i = 0; i < UPLOAD_BYTES; i++)
    bytes[i] = (uint8_t)(i * 31 + i / 255);
  (void)crypto_hash_sha256(hash, bytes, UPLOAD_BYTES);
  bool ok = port_spool_open(&s, &o, e) && port_spool_begin(s, hash, UPLOAD_BYTES, &have, e);
  const size_t stops[] = {100000, PORT_SPOOL_SYNC + 50000, UPLOAD_BYTES};
  for (size_t i = 0; ok && i < 3; i++) {
    (void)snprintf(value, sizeof value, "%zu", stops[i]);
    record_mark(false, "upload", value);
    for (size_t n; ok && have < stops[i]; have += n) {
      n = stops[i] - have < 1 << 18 ? stops[i] - have : 1 << 18;
      ok = port_spool_write(s, have, bytes + have, n, e);
    }
    ok = ok && port_spool_pause(s, e);
    if (ok)
      record_mark(true, "upload", value);
  }
  if (ok)
    record_mark(false, "bundle", "whole");
  ok = ok && port_spool_commit(s, e);
  if (ok)
    record_mark(true, "bundle", "whole");
  port_spool_free(s);
  free(bytes);
  return ok;
}

// Another certificate for the key that the board made, as an authority would sign it.
static bool sign_again(const char *root, char **pem, struct err *e) {
  char path[POWER_PATH_MAX];
  void *text = NULL;
  size_t n = 0;
  char *key = NULL;
  struct cert_names names = {0};
  bool ok = file_get(power_path(path, root, POWER_TLS "/" TLS_IDENTITY_FILE), CERT_BYTES_MAX, &text,
                     &n, e) &&
            cert_read(text, text, &key, NULL, NULL, e) &&
            cert_names_add(&names, "bayplate-power.local", e) &&
            cert_make_self(pem, key, &names, 0, e);
  tls_identity_wipe(key);
  tls_identity_wipe(text);
  return ok;
}

// The first start makes it, the next one finds it, and then the shop's authority signs it.
static bool identity(struct work *w, struct err *e) {
  char dir[POWER_PATH_MAX], print[CERT_PRINT_MAX];
  struct tls_identity *i = NULL;
  struct cert_facts facts;
  enum cert_refusal why;
  char *pem = NULL, *request = NULL;
  const struct tls_identity_options o = {.clock = clock_system(),
                                         .name = "bayplate-power",
                                         .dir = power_path(dir, w->root, POWER_TLS),
                                         .cert_file = "",
                                         .key_file = ""};
  record_mark(false, "tls", "*");
  if (!tls_identity_new(&i, &o, e))
    return false;
  tls_identity_print(i, print);
  record_mark(true, "tls", print);
  record_mark(false, "request", "bayplate-power.local");
  bool ok = tls_identity_request(i, NULL, &request, e);
  if (ok)
    record_mark(true, "request", "bayplate-power.local");
  free(request);
  ok = ok && sign_again(w->root, &pem, e);
  char *key = NULL, *chain = NULL;
  ok = ok && tls_identity_pair(i, &chain, &key, e) && cert_read(key, pem, NULL, NULL, &facts, e);
  if (ok)
    record_mark(false, "tls", facts.print);
  ok = ok && tls_identity_install(i, pem, strlen(pem), &why, e);
  if (ok)
    record_mark(true, "tls", facts.print);
  free(chain);
  tls_identity_wipe(key);
  free(pem);
  tls_identity_free(i);
  return ok;
}

static bool one_car(struct work *w, int n, struct err *e) {
  struct store_visit v;
  power_visit(n, &v);
  if (!visit(w, &v, 1, e) || !counter(w, n + 1, e) || !customer(w, v.text, n, e))
    return false;
  v.confidence = 0.99;
  v.certainty = VISIT_CERTAIN;
  if (!visit(w, &v, 2, e))
    return false;
  if (n % 3 == 0 && !correction(w, &v, e))
    return false;
  return visit_ends(w, &v, e) && setting(w, n % 4, n, e) && keep_time(w, n, e) &&
         (n % 5 != 4 || erased(w, v.text, e));
}

static bool work(struct work *w, int visits, struct err *e) {
  if (!open_world(w, e) || !identity(w, e) || !user(w, 0, "hash-a", false, e) ||
      !user(w, 1, "hash-b", false, e))
    return false;
  for (int n = 0; n < visits; n++) {
    if (!one_car(w, n, e))
      return false;
    // A restart: SQLite folds its journal into the database. Early, so that in a long run the rest
    // fills the journal (1000 pages) and it is folded in while the work goes on.
    if (n == visits / 4) {
      close_world(w);
      if (!open_world(w, e) || !user(w, 1, "hash-c", true, e))
        return false;
    }
  }
  return upload(w, e);
}

bool power_work(const char *root, int visits, struct err *e) {
  struct work w = {.root = root};
  bool ok = work(&w, visits, e);
  close_world(&w);
  return ok;
}
