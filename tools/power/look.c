// SPDX-License-Identifier: Apache-2.0
#include "tools/power/names.h"
#include "tools/power/world.h"

#include "board/file.h"
#include "firmware/evidence.h"
#include "firmware/port/port_spool.h"
#include "firmware/store_customer.h"
#include "firmware/store_lookup.h"
#include "firmware/store_user.h"
#include "firmware/store_visit.h"
#include "firmware/tls_identity.h"

#include <dirent.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64u << 20)

struct look {
  const char *root;
  int visits;
  json_t *found;
  struct err why; // the first thing that is wrong in itself
};

static void say(struct look *l, const char *key, const char *value) {
  if (json_object_set_new(l->found, key, json_string(value)) != 0)
    abort(); // no memory: no answer is better than a wrong one
}

static void wrong(struct look *l, const struct err *e, const char *what) {
  if (l->why.code == ERR_NONE)
    (void)err_set(&l->why, e->code ? e->code : ERR_STATE, "%s: %s", what, e->text);
}

// Not there is an answer; anything else is a fault.
static bool there(struct look *l, bool ok, const struct err *e, const char *what) {
  if (!ok && e->code != ERR_NOT_FOUND)
    wrong(l, e, what);
  return ok;
}

static void look_at_visit(struct look *l, struct store *s, struct evidence *ev, int n) {
  struct store_visit v;
  struct err e = {0};
  char key[64], value[POWER_VALUE_MAX], hash[POWER_HASH_MAX] = "MISSING";
  if (!there(l, store_visit_get(s, (uint64_t)n + 1, &v, &e), &e, "visit"))
    return;
  void *jpeg = NULL;
  size_t len = 0;
  if (evidence_read(ev, v.evidence, &jpeg, &len, &e))
    power_hash(jpeg, len, hash);
  free(jpeg);
  power_visit_value(&v, hash, value);
  (void)snprintf(key, sizeof key, "visit/%d", n + 1);
  say(l, key, value);
}

static void look_at_customer(struct look *l, struct store *s, int n) {
  struct store_visit v;
  struct store_lookup known;
  struct err e = {0};
  char key[64], value[POWER_VALUE_MAX];
  static struct store_record r; // large
  power_visit(n, &v);
  if (there(l, store_record_get(s, v.text, &r, &e), &e, "record")) {
    (void)snprintf(key, sizeof key, "record/%s", v.text);
    (void)snprintf(value, sizeof value, "%.100s until %s", r.name,
                   r.policies ? r.policy[0].end : "never");
    say(l, key, value);
  }
  if (there(l, store_lookup_get(s, v.text, &known, NULL, &e), &e, "look-up") &&
      known.state == STORE_LOOKUP_FOUND) {
    (void)snprintf(key, sizeof key, "lookup/%s", v.text);
    say(l, key, "found");
  }
}

static void look_at_small(struct look *l, struct store *s) {
  struct err e = {0};
  char name[32], key[64], value[128];
  for (int n = 0; n < POWER_USERS; n++) {
    struct store_user u;
    (void)snprintf(name, sizeof name, "person%d", n);
    (void)snprintf(key, sizeof key, "user/%s", name);
    if (there(l, store_user_by_name(s, name, &u, &e), &e, "user"))
      say(l, key, u.pin_hash);
  }
  for (int n = 0; n < POWER_SETTINGS; n++) {
    (void)snprintf(name, sizeof name, "setting%d", n);
    (void)snprintf(key, sizeof key, "setting/%s", name);
    if (there(l, store_setting_get(s, name, value, sizeof value, &e), &e, "setting"))
      say(l, key, value);
  }
  int64_t seen = 0;
  if (there(l, store_counter_get(s, "seen", &seen, &e), &e, "counter") && seen > 0) {
    (void)snprintf(value, sizeof value, "%" PRId64, seen);
    say(l, "counter/seen", value);
  }
}

static void look_at_store(struct look *l) {
  char path[POWER_PATH_MAX];
  struct store *s = NULL;
  struct evidence *ev = NULL;
  struct err e = {0};
  struct store_status st;
  const struct store_options so = {.path = power_path(path, l->root, POWER_DB),
                                   .wall_ms = POWER_NOW};
  if (!store_open(&s, &so, &e)) {
    wrong(l, &e, "store");
    return;
  }
  store_state(s, &st);
  if (st.condition != STORE_OK || st.set_aside[0]) {
    (void)err_set(&e, ERR_FORMAT, "condition %d, set aside \"%s\": %.200s", (int)st.condition,
                  st.set_aside, st.text);
    wrong(l, &e, "database");
  }
  const struct evidence_options eo = {.dir = power_path(path, l->root, POWER_CROPS),
                                      .budget_bytes = 1 << 30};
  if (evidence_open(&ev, &eo, &e)) {
    for (int n = 0; n < l->visits; n++) {
      look_at_visit(l, s, ev, n);
      look_at_customer(l, s, n);
    }
    struct evidence_usage usage; // removes what a cut left, as the terminal does
    if (!evidence_rotate(ev, 0, &usage, &e))
      wrong(l, &e, "evidence");
  } else {
    wrong(l, &e, "evidence");
  }
  look_at_small(l, s);
  evidence_free(ev);
  store_close(s);
}

static void look_at_crop(struct look *l, const char *dir, const char *name) {
  char path[POWER_PATH_MAX], key[64], hash[POWER_HASH_MAX];
  void *bytes = NULL;
  size_t n = 0;
  struct err e;
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  if (!file_get(path, FILE_MAX, &bytes, &n, &e)) {
    wrong(l, &e, "crop");
    return;
  }
  power_hash(bytes, n, hash);
  free(bytes);
  (void)snprintf(key, sizeof key, "evidence/%.*s", (int)strcspn(name, "."), name);
  say(l, key, hash);
}

// All crops there are; the work's own all lie in one day's folder.
static void look_at_crops(struct look *l) {
  char dir[POWER_PATH_MAX];
  DIR *d = opendir(power_path(dir, l->root, POWER_CROPS "/2026/03/08"));
  struct dirent *entry;
  while (d && (entry = readdir(d))) {
    if (strstr(entry->d_name, ".jpg") && !strstr(entry->d_name, ".tmp"))
      look_at_crop(l, dir, entry->d_name);
  }
  if (d)
    (void)closedir(d); // only read
}

static void look_at_row(struct look *l, char *line) {
  char *save = NULL, key[64], value[POWER_VALUE_MAX], path[POWER_PATH_MAX];
  char hash[POWER_HASH_MAX] = "MISSING";
  const char *name = strtok_r(line, ",", &save), *plate = strtok_r(NULL, ",", &save);
  void *bytes = NULL;
  size_t n = 0;
  struct err e;
  if (!name || !plate || strncmp(name, "img/", 4) != 0)
    return;
  (void)snprintf(path, sizeof path, "%s/" POWER_CORRECTIONS "/%s", l->root, name);
  if (file_get(path, FILE_MAX, &bytes, &n, &e))
    power_hash(bytes, n, hash);
  free(bytes);
  (void)snprintf(key, sizeof key, "correction/%.*s", (int)strcspn(name + 4, "."), name + 4);
  (void)snprintf(value, sizeof value, "%s %s", plate, hash);
  say(l, key, value);
}

static void look_at_corrections(struct look *l) {
  char path[POWER_PATH_MAX];
  void *text = NULL;
  size_t n = 0;
  struct err e = {0};
  bool ok =
      file_get(power_path(path, l->root, POWER_CORRECTIONS "/labels.csv"), FILE_MAX, &text, &n, &e);
  if (!there(l, ok, &e, "corrections"))
    return;
  char *save = NULL;
  for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
    look_at_row(l, line);
  free(text);
}

static void look_at_clock(struct look *l) {
  char path[POWER_PATH_MAX], value[32];
  struct clock_kept_file k;
  struct err e;
  if (!clock_kept_read(power_path(path, l->root, POWER_CLOCK), &k, &e)) {
    wrong(l, &e, "clock");
  } else if (k.wall_s > 0) {
    (void)snprintf(value, sizeof value, "%" PRId64, k.wall_s);
    say(l, "clock", value);
  }
}

// As it lies there: a start of the terminal would make a new one.
static void look_at_identity(struct look *l) {
  char path[POWER_PATH_MAX];
  void *text = NULL, *request = NULL;
  char *key = NULL;
  size_t n = 0;
  struct err e = {0};
  struct cert_facts facts;
  struct cert_names asked;
  bool ok = file_get(power_path(path, l->root, POWER_TLS "/" TLS_IDENTITY_FILE), CERT_BYTES_MAX,
                     &text, &n, &e);
  if (!there(l, ok, &e, "tls"))
    return;
  if (cert_read(text, text, &key, NULL, &facts, &e))
    say(l, "tls", facts.print);
  else
    wrong(l, &e, "tls");
  ok = file_get(power_path(path, l->root, POWER_TLS "/" TLS_IDENTITY_REQUEST), CERT_BYTES_MAX,
                &request, &n, &e);
  if (key && there(l, ok, &e, "request")) {
    if (cert_request_names(request, key, &asked, &e))
      say(l, "request", asked.name[0]);
    else
      wrong(l, &e, "request");
  }
  tls_identity_wipe(key);
  tls_identity_wipe(text);
  free(request);
}

static void look_at_spool(struct look *l) {
  char dir[POWER_PATH_MAX], value[32];
  struct port_spool *s = NULL;
  struct port_spool_state st;
  struct err e;
  const struct port_spool_options o = {.dir = power_path(dir, l->root, POWER_SPOOL),
                                       .max = 64 << 20};
  if (!port_spool_open(&s, &o, &e)) {
    wrong(l, &e, "spool");
    return;
  }
  port_spool_state(s, &st);
  (void)snprintf(value, sizeof value, "%" PRIu64, st.have);
  say(l, "upload", value);
  if (st.done)
    say(l, "bundle", "whole");
  port_spool_free(s);
}

void power_look(const char *root, int visits, FILE *to) {
  struct look l = {.root = root, .visits = visits, .found = json_object()};
  look_at_store(&l);
  look_at_crops(&l);
  look_at_corrections(&l);
  look_at_clock(&l);
  look_at_identity(&l);
  look_at_spool(&l);
  json_t *all =
      json_pack("{s:b,s:s,s:o}", "ok", l.why.code == ERR_NONE, "why", l.why.text, "found", l.found);
  char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
  (void)fprintf(to, "%s\n", text ? text : "{\"ok\":false,\"why\":\"no memory\",\"found\":{}}");
  (void)fflush(to);
  free(text);
  json_decref(all);
}
