// SPDX-License-Identifier: Apache-2.0
#include "firmware/store.h"
#include "firmware/store_private.h"

#include <stdio.h>
#include <string.h>

bool store_enter(struct store *s, struct err *e) {
  pthread_mutex_lock(&s->lock);
  pthread_mutex_lock(&s->shared->lock);
  bool same = s->db && s->generation == s->shared->generation;
  pthread_mutex_unlock(&s->shared->lock);
  if (same || s->depth > 0 || store_connect(s, e))
    return true;
  pthread_mutex_unlock(&s->lock);
  return false;
}

void store_leave(struct store *s) {
  pthread_mutex_unlock(&s->lock);
}

void store_state(struct store *s, struct store_status *out) {
  struct store_shared *sh = s->shared;
  pthread_mutex_lock(&sh->lock);
  out->condition = sh->condition;
  (void)snprintf(out->text, sizeof out->text, "%s", sh->text);
  out->unsaved = sh->unsaved;
  out->lost = sh->lost;
  (void)snprintf(out->set_aside, sizeof out->set_aside, "%s", sh->set_aside);
  pthread_mutex_unlock(&sh->lock);
}

// A file that could only be read at start: can it be written now? All handles follow.
static bool try_writable(struct store *s, struct err *e) {
  struct store_shared *sh = s->shared;
  pthread_mutex_lock(&sh->lock);
  sh->mode = STORE_FILE;
  pthread_mutex_unlock(&sh->lock);
  bool ok =
      store_connect(s, e) && store_exec(s, "BEGIN IMMEDIATE; COMMIT", "beginning a transaction", e);
  pthread_mutex_lock(&sh->lock);
  if (ok) {
    s->generation = ++sh->generation;
    sh->permanent = false;
    sh->condition = STORE_OK;
    sh->text[0] = '\0';
  } else {
    sh->mode = STORE_IMMUTABLE;
  }
  pthread_mutex_unlock(&sh->lock);
  if (!ok)
    store_disconnect(s); // the next use connects for reading again
  return ok;
}

bool store_flush(struct store *s, struct err *e) {
  struct store_shared *sh = s->shared;
  if (!s->writer)
    return err_set(e, ERR_DENIED, "store: this handle only reads");
  if (!store_enter(s, e))
    return false;
  pthread_mutex_lock(&sh->lock);
  bool immutable = sh->mode == STORE_IMMUTABLE;
  bool bad = sh->condition != STORE_OK && !sh->permanent;
  unsigned unsaved = sh->unsaved;
  pthread_mutex_unlock(&sh->lock);
  bool ok = !immutable || try_writable(s, e);
  if (ok && bad) // a probe that really writes, so that the condition is true again
    ok = store_counter_add(s, "probe", 1, NULL, e);
  while (ok && unsaved > 0) {
    struct store_visit batch[STORE_PENDING_MAX];
    pthread_mutex_lock(&sh->lock);
    unsigned n = sh->unsaved < STORE_PENDING_MAX ? sh->unsaved : STORE_PENDING_MAX;
    memcpy(batch, sh->visit, n * sizeof *batch);
    pthread_mutex_unlock(&sh->lock);
    if (!store_begin(s, e)) {
      ok = false;
      break;
    }
    for (unsigned i = 0; ok && i < n; i++)
      ok = store_visit_write(s, &batch[i], e);
    if (ok)
      ok = store_commit(s, e);
    else
      store_rollback(s);
    pthread_mutex_lock(&sh->lock);
    unsaved = sh->unsaved;
    pthread_mutex_unlock(&sh->lock);
  }
  store_leave(s);
  return ok;
}

bool store_counter_add(struct store *s, const char *name, int64_t n, int64_t *value,
                       struct err *e) {
  if (!store_begin(s, e))
    return false;
  bool ok = store_run(s,
                      "INSERT INTO counter(name, value) VALUES(?1, ?2)"
                      " ON CONFLICT(name) DO UPDATE SET value = value + ?2",
                      e, "ti", name, n);
  if (ok && value)
    ok = store_counter_get(s, name, value, e);
  if (ok)
    return store_commit(s, e);
  store_rollback(s);
  return false;
}

bool store_counter_get(struct store *s, const char *name, int64_t *value, struct err *e) {
  *value = 0;
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s, "SELECT value FROM counter WHERE name = ?", e, "t", name);
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    *value = sqlite3_column_int64(st, 0);
    store_done(st);
  }
  store_leave(s);
  return row >= 0;
}

bool store_setting_put(struct store *s, const char *name, const char *value, struct err *e) {
  if (!name[0] || strlen(value) >= STORE_SETTING_MAX)
    return err_set(e, ERR_ARG, "store: setting without a name or longer than %d",
                   STORE_SETTING_MAX - 1);
  if (!store_begin(s, e))
    return false;
  bool ok = store_run(s,
                      "INSERT INTO setting(name, value) VALUES(?1, ?2)"
                      " ON CONFLICT(name) DO UPDATE SET value = ?2",
                      e, "tt", name, value);
  if (ok)
    return store_commit(s, e);
  store_rollback(s);
  return false;
}

bool store_setting_get(struct store *s, const char *name, char *value, size_t size, struct err *e) {
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s, "SELECT value FROM setting WHERE name = ?", e, "t", name);
  int row = st ? store_row(s, st, e) : -1;
  bool ok = row > 0;
  if (row == 0)
    ok = err_set(e, ERR_NOT_FOUND, "store: setting %s was never set", name);
  if (row > 0) {
    if ((size_t)sqlite3_column_bytes(st, 0) >= size)
      ok = err_set(e, ERR_LIMIT, "store: setting %s is longer than %zu", name, size);
    else
      store_column(st, 0, value, size);
    store_done(st);
  }
  store_leave(s);
  return ok;
}
