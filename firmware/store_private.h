// SPDX-License-Identifier: Apache-2.0
// Inside of the store's modules only.
#ifndef BAYPLATE_FIRMWARE_STORE_PRIVATE_H
#define BAYPLATE_FIRMWARE_STORE_PRIVATE_H

#include "firmware/store.h"
#include "firmware/store_visit.h"

#include <pthread.h>
#include <sqlite3.h>

#define STORE_STATEMENTS_MAX 96 // prepared on one handle
#define STORE_PENDING_MAX 16    // visits written in one transaction

enum store_mode { STORE_FILE, STORE_IMMUTABLE, STORE_IN_MEMORY };

// What writer and readers of one file have in common. Its lock is held for copying only, never
// while SQLite works; order: handle lock first, then this one.
struct store_shared {
  pthread_mutex_t lock;
  unsigned handles;
  char path[STORE_PATH_MAX];
  char uri[STORE_PATH_MAX + 64]; // of the database in memory
  unsigned busy_ms;
  int64_t max_bytes;
  enum store_mode mode;
  unsigned generation; // grows when the mode changes: handles open their connection again
  bool permanent;      // the condition stays until the next start
  enum store_condition condition;
  char text[ERR_TEXT_MAX];
  char set_aside[STORE_PATH_MAX];
  uint64_t rev, seed;
  uint64_t shown; // the newest revision that readers can see; behind `rev` while one is written
  uint64_t lost;
  unsigned unsaved;
  struct store_visit visit[STORE_UNSAVED_MAX]; // not yet written, in order of rev
};

struct store {
  pthread_mutex_t lock; // recursive: held from begin to commit
  struct store_shared *shared;
  sqlite3 *db;
  bool writer;
  unsigned generation;
  unsigned depth; // of begin
  bool doomed;    // an inner rollback happened
  bool broken;    // a visit could not be written: keep all of the transaction's in memory
  unsigned pending;
  struct store_visit pending_visit[STORE_PENDING_MAX]; // put in the running transaction
  unsigned statements;
  struct {
    const char *sql; // the constant's address is the key
    sqlite3_stmt *statement;
  } statement[STORE_STATEMENTS_MAX];
};

// Locks the handle; opens its connection again when the mode changed. On false it is not locked.
BP_CHECK bool store_enter(struct store *s, struct err *e);
void store_leave(struct store *s);

// Sets `e` from the connection's last error and notes the store's condition. Always false.
bool store_sql_error(struct store *s, const char *what, struct err *e);

// Binds by letters: t text (NULL binds null), i int64_t, d double, n null; prepares once a handle.
// `sql` must be a constant. Texts must live until store_done. NULL on error.
sqlite3_stmt *store_query(struct store *s, const char *sql, struct err *e, const char *letters,
                          ...);
// 1: a row is there, 0: no more (statement is done), -1: error (statement is done).
BP_CHECK int store_row(struct store *s, sqlite3_stmt *st, struct err *e);
void store_done(sqlite3_stmt *st);
// A statement without rows.
BP_CHECK bool store_run(struct store *s, const char *sql, struct err *e, const char *letters, ...);
// Column as text, cut at `size`; null gives "".
void store_column(sqlite3_stmt *st, int column, char *out, size_t size);

// Several statements without parameters.
BP_CHECK bool store_exec(struct store *s, const char *sql, const char *what, struct err *e);

// Writes the row with the revision it has, within a transaction.
BP_CHECK bool store_visit_write(struct store *s, const struct store_visit *v, struct err *e);

// Under the shared lock: keeps a visit that could not be written; takes one out again.
void store_unsaved_put(struct store_shared *sh, const struct store_visit *v);
void store_unsaved_take(struct store_shared *sh, const struct store_visit *v);

// Opens or opens again the handle's connection as the shared mode says; statements are gone then.
BP_CHECK bool store_connect(struct store *s, struct err *e);
void store_disconnect(struct store *s);

// UTF-8 without NUL, well formed (no surrogates, not longer than needed).
bool store_utf8_valid(const char *text);

#endif
