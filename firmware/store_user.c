// SPDX-License-Identifier: Apache-2.0
#include "firmware/store_user.h"
#include "firmware/store_private.h"

#include <string.h>

#define USER_COLUMNS "id, name, role, pin_hash, failed, locked_until_ms, created_ms"

static bool written(struct store *s, bool ok, struct err *e) {
  if (ok)
    return store_commit(s, e);
  store_rollback(s);
  return false;
}

static void read_user(sqlite3_stmt *st, struct store_user *u) {
  u->id = sqlite3_column_int64(st, 0);
  store_column(st, 1, u->name, sizeof u->name);
  store_column(st, 2, u->role, sizeof u->role);
  store_column(st, 3, u->pin_hash, sizeof u->pin_hash);
  u->failed = (unsigned)sqlite3_column_int(st, 4);
  u->locked_until_ms = sqlite3_column_int64(st, 5);
  u->created_ms = sqlite3_column_int64(st, 6);
}

// Takes the one row of `st` and leaves the handle.
static bool one_user(struct store *s, sqlite3_stmt *st, struct store_user *out, struct err *e) {
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    read_user(st, out);
    store_done(st);
  }
  store_leave(s);
  return row > 0 || (row == 0 && err_set(e, ERR_NOT_FOUND, "there is no such user"));
}

bool store_user_count(struct store *s, int64_t *n, struct err *e) {
  *n = 0;
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s, "SELECT count(*) FROM user", e, "");
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    *n = sqlite3_column_int64(st, 0);
    store_done(st);
  }
  store_leave(s);
  return row > 0;
}

bool store_user_has_role(struct store *s, const char *role, bool *yes, struct err *e) {
  *yes = false;
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s, "SELECT 1 FROM user WHERE role = ? LIMIT 1", e, "t", role);
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    *yes = true;
    store_done(st);
  }
  store_leave(s);
  return row >= 0;
}

static bool add(struct store *s, struct store_user *u, int64_t most, struct err *e) {
  int64_t n;
  if (!u->name[0] || !u->role[0] || !u->pin_hash[0] || !store_utf8_valid(u->name))
    return err_set(e, ERR_ARG, "a user needs a name in UTF-8, a role and a PIN");
  if (!store_begin(s, e))
    return false;
  bool ok = store_user_count(s, &n, e);
  if (ok && n >= most)
    ok = err_set(e, most == 1 ? ERR_STATE : ERR_LIMIT,
                 most == 1 ? "the first user is there already" : "%d users are there already",
                 STORE_USERS_MAX);
  ok = ok && store_run(s,
                       "INSERT INTO user(name, role, pin_hash, failed, locked_until_ms, created_ms)"
                       " VALUES(?, ?, ?, ?, ?, ?)",
                       e, "tttiii", u->name, u->role, u->pin_hash, (int64_t)u->failed,
                       u->locked_until_ms, u->created_ms);
  if (ok)
    u->id = sqlite3_last_insert_rowid(s->db);
  return written(s, ok, e);
}

bool store_user_add(struct store *s, struct store_user *u, struct err *e) {
  return add(s, u, STORE_USERS_MAX, e);
}

bool store_user_add_first(struct store *s, struct store_user *u, struct err *e) {
  return add(s, u, 1, e);
}

bool store_user_by_name(struct store *s, const char *name, struct store_user *out, struct err *e) {
  if (!store_enter(s, e))
    return false;
  return one_user(
      s, store_query(s, "SELECT " USER_COLUMNS " FROM user WHERE name = ?", e, "t", name), out, e);
}

bool store_user_by_id(struct store *s, int64_t id, struct store_user *out, struct err *e) {
  if (!store_enter(s, e))
    return false;
  return one_user(s, store_query(s, "SELECT " USER_COLUMNS " FROM user WHERE id = ?", e, "i", id),
                  out, e);
}

bool store_user_list(struct store *s, struct store_user *out, size_t max, size_t *n,
                     struct err *e) {
  *n = 0;
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s, "SELECT " USER_COLUMNS " FROM user ORDER BY name LIMIT ?", e,
                                 "i", (int64_t)max);
  int row = st ? 0 : -1;
  while (st && (row = store_row(s, st, e)) > 0)
    if (*n < max)
      read_user(st, &out[(*n)++]);
  store_leave(s);
  return row == 0;
}

// One change of one user.
static bool changed(struct store *s, bool ok, struct err *e) {
  if (ok && sqlite3_changes(s->db) == 0)
    ok = err_set(e, ERR_NOT_FOUND, "there is no such user or session");
  return written(s, ok, e);
}

bool store_user_set_pin(struct store *s, int64_t id, const char *pin_hash, struct err *e) {
  if (!pin_hash[0] || strlen(pin_hash) >= STORE_PIN_HASH_MAX)
    return err_set(e, ERR_ARG, "PIN hash is empty or too long");
  if (!store_begin(s, e))
    return false;
  return changed(s,
                 store_run(s,
                           "UPDATE user SET pin_hash = ?, failed = 0, locked_until_ms = 0"
                           " WHERE id = ?",
                           e, "ti", pin_hash, id),
                 e);
}

bool store_user_set_failures(struct store *s, int64_t id, unsigned failed, int64_t locked_until_ms,
                             struct err *e) {
  if (!store_begin(s, e))
    return false;
  return changed(s,
                 store_run(s, "UPDATE user SET failed = ?, locked_until_ms = ? WHERE id = ?", e,
                           "iii", (int64_t)failed, locked_until_ms, id),
                 e);
}

bool store_user_delete(struct store *s, int64_t id, struct err *e) {
  if (!store_begin(s, e))
    return false;
  return changed(s, store_run(s, "DELETE FROM user WHERE id = ?", e, "i", id), e);
}

bool store_session_put(struct store *s, const struct store_session *v, struct err *e) {
  if (!v->token_hash[0] || !v->csrf[0])
    return err_set(e, ERR_ARG, "a session needs a token and a CSRF text");
  if (!store_begin(s, e))
    return false;
  return written(s,
                 store_run(s,
                           "INSERT INTO session(token_hash, user_id, csrf, created_ms,"
                           " last_used_ms, expires_ms) VALUES(?, ?, ?, ?, ?, ?)",
                           e, "titiii", v->token_hash, v->user_id, v->csrf, v->created_ms,
                           v->last_used_ms, v->expires_ms),
                 e);
}

bool store_session_get(struct store *s, const char *token_hash, struct store_session *out,
                       struct err *e) {
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s,
                                 "SELECT token_hash, user_id, csrf, created_ms, last_used_ms,"
                                 " expires_ms FROM session WHERE token_hash = ?",
                                 e, "t", token_hash);
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    store_column(st, 0, out->token_hash, sizeof out->token_hash);
    out->user_id = sqlite3_column_int64(st, 1);
    store_column(st, 2, out->csrf, sizeof out->csrf);
    out->created_ms = sqlite3_column_int64(st, 3);
    out->last_used_ms = sqlite3_column_int64(st, 4);
    out->expires_ms = sqlite3_column_int64(st, 5);
    store_done(st);
  }
  store_leave(s);
  return row > 0 || (row == 0 && err_set(e, ERR_NOT_FOUND, "there is no such session"));
}

bool store_session_touch(struct store *s, const char *token_hash, int64_t last_used_ms,
                         int64_t expires_ms, struct err *e) {
  if (!store_begin(s, e))
    return false;
  return changed(s,
                 store_run(s,
                           "UPDATE session SET last_used_ms = ?, expires_ms = ?"
                           " WHERE token_hash = ?",
                           e, "iit", last_used_ms, expires_ms, token_hash),
                 e);
}

bool store_session_delete(struct store *s, const char *token_hash, struct err *e) {
  if (!store_begin(s, e))
    return false;
  return written(s, store_run(s, "DELETE FROM session WHERE token_hash = ?", e, "t", token_hash),
                 e);
}

bool store_session_delete_user(struct store *s, int64_t user_id, struct err *e) {
  if (!store_begin(s, e))
    return false;
  return written(s, store_run(s, "DELETE FROM session WHERE user_id = ?", e, "i", user_id), e);
}

bool store_session_expire(struct store *s, int64_t now_ms, struct err *e) {
  if (!store_begin(s, e))
    return false;
  return written(s, store_run(s, "DELETE FROM session WHERE expires_ms <= ?", e, "i", now_ms), e);
}
