// SPDX-License-Identifier: Apache-2.0
// Statements, transactions and what their failures mean for the store as a whole.
#include "firmware/store_private.h"
#include "firmware/store_schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void store_unsaved_put(struct store_shared *sh, const struct store_visit *v) {
  store_unsaved_take(sh, v);
  if (v->rev > sh->shown)
    sh->shown = v->rev;
  if (sh->unsaved == STORE_UNSAVED_MAX) { // the oldest change goes; cars in view change last
    memmove(sh->visit, sh->visit + 1, (STORE_UNSAVED_MAX - 1) * sizeof *sh->visit);
    sh->unsaved--;
    sh->lost++;
  }
  sh->visit[sh->unsaved++] = *v;
}

void store_unsaved_take(struct store_shared *sh, const struct store_visit *v) {
  for (unsigned i = 0; i < sh->unsaved; i++) {
    if (sh->visit[i].id != v->id || sh->visit[i].rev > v->rev)
      continue;
    memmove(sh->visit + i, sh->visit + i + 1, (sh->unsaved - i - 1) * sizeof *sh->visit);
    sh->unsaved--;
    return;
  }
}

static void note_failure(struct store *s, enum err_code code, const char *text) {
  static const struct {
    enum err_code code;
    enum store_condition condition;
    const char *advice;
  } table[] = {
      {ERR_FULL, STORE_FULL, "disk full, nothing can be saved: free space on it"},
      {ERR_DENIED, STORE_READ_ONLY, "the disk or file is read-only, nothing can be saved"},
      {ERR_IO, STORE_FAILED, "the disk fails: replace it"},
      {ERR_FORMAT, STORE_FAILED, "the file is damaged: restart, it will be set aside"},
  };
  struct store_shared *sh = s->shared;
  for (size_t i = 0; s->writer && i < sizeof table / sizeof *table; i++) {
    if (table[i].code != code)
      continue;
    pthread_mutex_lock(&sh->lock);
    if (!sh->permanent && sh->mode == STORE_FILE) {
      sh->condition = table[i].condition;
      (void)snprintf(sh->text, sizeof sh->text, "%s (%.300s)", table[i].advice, text);
    }
    pthread_mutex_unlock(&sh->lock);
  }
}

bool store_sql_error(struct store *s, const char *what, struct err *e) {
  struct err here;
  (void)store_schema_error(s->db, what, &here);
  note_failure(s, here.code, here.text);
  return err_set(e, here.code, "store: %s", here.text);
}

bool store_exec(struct store *s, const char *sql, const char *what, struct err *e) {
  if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return true;
  return store_sql_error(s, what, e);
}

static sqlite3_stmt *prepare(struct store *s, const char *sql, struct err *e) {
  for (unsigned i = 0; i < s->statements; i++)
    if (s->statement[i].sql == sql)
      return s->statement[i].statement;
  if (s->statements == STORE_STATEMENTS_MAX) {
    (void)err_set(e, ERR_LIMIT, "store: more than %d statements", STORE_STATEMENTS_MAX);
    return NULL;
  }
  sqlite3_stmt *st = NULL;
  if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK) {
    (void)store_sql_error(s, "preparing a statement", e);
    return NULL;
  }
  s->statement[s->statements].sql = sql;
  s->statement[s->statements].statement = st;
  s->statements++;
  return st;
}

static sqlite3_stmt *bind(struct store *s, const char *sql, struct err *e, const char *letters,
                          va_list ap) {
  sqlite3_stmt *st = prepare(s, sql, e);
  if (!st)
    return NULL;
  for (int i = 0; letters[i]; i++) {
    int rc = SQLITE_MISUSE;
    const char *text;
    switch (letters[i]) {
    case 't':
      text = va_arg(ap, const char *);
      rc = text ? sqlite3_bind_text(st, i + 1, text, -1, SQLITE_STATIC)
                : sqlite3_bind_null(st, i + 1);
      break;
    case 'i':
      rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
      break;
    case 'd':
      rc = sqlite3_bind_double(st, i + 1, va_arg(ap, double));
      break;
    case 'n':
      rc = sqlite3_bind_null(st, i + 1);
      break;
    }
    if (rc != SQLITE_OK) {
      (void)store_sql_error(s, "binding a value", e);
      store_done(st);
      return NULL;
    }
  }
  return st;
}

sqlite3_stmt *store_query(struct store *s, const char *sql, struct err *e, const char *letters,
                          ...) {
  va_list ap;
  va_start(ap, letters);
  sqlite3_stmt *st = bind(s, sql, e, letters, ap);
  va_end(ap);
  return st;
}

int store_row(struct store *s, sqlite3_stmt *st, struct err *e) {
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW)
    return 1;
  if (rc != SQLITE_DONE)
    (void)store_sql_error(s, "a statement", e);
  store_done(st);
  return rc == SQLITE_DONE ? 0 : -1;
}

void store_done(sqlite3_stmt *st) {
  (void)sqlite3_reset(st); // repeats the error of the step, which was reported
  (void)sqlite3_clear_bindings(st);
}

bool store_run(struct store *s, const char *sql, struct err *e, const char *letters, ...) {
  va_list ap;
  va_start(ap, letters);
  sqlite3_stmt *st = bind(s, sql, e, letters, ap);
  va_end(ap);
  if (!st)
    return false;
  int row = store_row(s, st, e);
  if (row > 0)
    store_done(st);
  return row >= 0;
}

void store_column(sqlite3_stmt *st, int column, char *out, size_t size) {
  const unsigned char *text = sqlite3_column_text(st, column);
  (void)snprintf(out, size, "%s", text ? (const char *)text : "");
}

// The visits put in a transaction that is over: saved, kept in memory, or forgotten.
enum end { END_SAVED, END_UNSAVED, END_FORGOTTEN };

static void settle(struct store *s, enum end how) {
  struct store_shared *sh = s->shared;
  pthread_mutex_lock(&sh->lock);
  for (unsigned i = 0; how != END_FORGOTTEN && i < s->pending; i++) {
    if (s->pending_visit[i].rev > sh->shown)
      sh->shown = s->pending_visit[i].rev;
    if (how == END_SAVED)
      store_unsaved_take(sh, &s->pending_visit[i]);
    else
      store_unsaved_put(sh, &s->pending_visit[i]);
  }
  if (how == END_SAVED && !sh->permanent && sh->condition != STORE_OK && sh->mode == STORE_FILE) {
    sh->condition = STORE_OK;
    sh->text[0] = '\0';
  }
  pthread_mutex_unlock(&sh->lock);
  s->pending = 0;
}

bool store_begin(struct store *s, struct err *e) {
  if (!store_enter(s, e))
    return false;
  if (!s->writer) {
    store_leave(s);
    return err_set(e, ERR_DENIED, "store: this handle only reads");
  }
  if (s->depth == 0) {
    s->doomed = s->broken = false;
    s->pending = 0;
    if (!store_exec(s, "BEGIN IMMEDIATE", "beginning a transaction", e)) {
      store_leave(s);
      return false;
    }
  }
  s->depth++;
  return true;
}

static void undo(struct store *s) {
  // A failed write may have rolled back by itself.
  if (!sqlite3_get_autocommit(s->db) && !store_exec(s, "ROLLBACK", "undoing", NULL))
    s->generation--; // leave a connection in an unknown state: open it again
}

bool store_commit(struct store *s, struct err *e) {
  bool ok = true;
  if (--s->depth == 0) {
    if (s->doomed)
      ok = err_set(e, ERR_STATE, "store: a part of the transaction was rolled back");
    else if (sqlite3_get_autocommit(s->db))
      ok = err_set(e, ERR_IO, "store: the transaction was broken off");
    else
      ok = store_exec(s, "COMMIT", "saving", e);
    if (!ok)
      undo(s);
    settle(s, ok ? END_SAVED : s->doomed && !s->broken ? END_FORGOTTEN : END_UNSAVED);
  }
  store_leave(s);
  return ok;
}

void store_rollback(struct store *s) {
  s->doomed = true;
  if (--s->depth == 0) {
    undo(s);
    settle(s, s->broken ? END_UNSAVED : END_FORGOTTEN);
  }
  store_leave(s);
}
