// SPDX-License-Identifier: Apache-2.0
#include "tools/policy_server_db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define PLATE_BYTES 64

struct ps_db {
  sqlite3 *sql;
  sqlite3_stmt *put_vehicle, *put_policy, *get_vehicle, *get_policies, *count;
  pthread_mutex_t lock;
};

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
    "CREATE TABLE IF NOT EXISTS vehicle(plate TEXT PRIMARY KEY, owner_name TEXT NOT NULL,"
    " owner_phone TEXT NOT NULL, model TEXT NOT NULL, vin TEXT NOT NULL, color TEXT NOT NULL,"
    " first_registered TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS policy(plate TEXT NOT NULL REFERENCES vehicle(plate) ON DELETE"
    " CASCADE, kind TEXT NOT NULL CHECK(kind IN ('compulsory','commercial')), insurer TEXT NOT "
    "NULL,"
    " number TEXT NOT NULL, start TEXT NOT NULL, end TEXT NOT NULL, premium REAL NOT NULL,"
    " claims INTEGER NOT NULL, covers TEXT NOT NULL, PRIMARY KEY(plate, kind, number));";

static bool fail(struct ps_db *db, const char *what, struct err *e) {
  return err_set(e, ERR_IO, "policy database: %s: %s", what, sqlite3_errmsg(db->sql));
}

static bool prepare(struct ps_db *db, const char *text, sqlite3_stmt **out, struct err *e) {
  if (sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
    return true;
  return fail(db, "prepare", e);
}

bool ps_db_open(struct ps_db **out, const char *path, struct err *e) {
  struct ps_db *db = calloc(1, sizeof *db);
  if (!db)
    return err_set(e, ERR_NOMEM, "policy database: out of memory");
  if (pthread_mutex_init(&db->lock, NULL) != 0) {
    free(db);
    return err_set(e, ERR_NOMEM, "policy database: mutex");
  }
  bool ok = sqlite3_open(path, &db->sql) == SQLITE_OK;
  if (!ok)
    err_set(e, ERR_IO, "%s: %s", path, db->sql ? sqlite3_errmsg(db->sql) : "out of memory");
  if (ok) {
    (void)sqlite3_busy_timeout(db->sql, 5000); // fails for a closed handle only
    ok = sqlite3_exec(db->sql, schema, NULL, NULL, NULL) == SQLITE_OK || fail(db, path, e);
  }
  ok = ok &&
       prepare(db,
               "INSERT INTO vehicle VALUES(?,?,?,?,?,?,?) ON CONFLICT(plate) DO UPDATE SET"
               " owner_name=excluded.owner_name, owner_phone=excluded.owner_phone,"
               " model=excluded.model, vin=excluded.vin, color=excluded.color,"
               " first_registered=excluded.first_registered",
               &db->put_vehicle, e) &&
       prepare(db, "INSERT OR REPLACE INTO policy VALUES(?,?,?,?,?,?,?,?,?)", &db->put_policy, e) &&
       prepare(db,
               "SELECT owner_name,owner_phone,model,vin,color,first_registered FROM vehicle"
               " WHERE plate=?",
               &db->get_vehicle, e) &&
       prepare(db,
               "SELECT kind,insurer,number,start,end,premium,claims,covers FROM policy WHERE"
               " plate=? ORDER BY end DESC, kind LIMIT 16",
               &db->get_policies, e) &&
       prepare(db, "SELECT count(*) FROM vehicle", &db->count, e);
  if (!ok) {
    ps_db_close(db);
    return false;
  }
  *out = db;
  return true;
}

void ps_db_close(struct ps_db *db) {
  if (!db)
    return;
  sqlite3_stmt *const all[] = {db->put_vehicle, db->put_policy, db->get_vehicle, db->get_policies,
                               db->count};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    (void)sqlite3_finalize(all[i]); // repeats the error of the last step, which was looked at
  (void)sqlite3_close(db->sql);
  pthread_mutex_destroy(&db->lock);
  free(db);
}

bool ps_db_begin(struct ps_db *db, struct err *e) {
  return sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ||
         fail(db, "begin", e);
}

bool ps_db_commit(struct ps_db *db, struct err *e) {
  return sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL) == SQLITE_OK || fail(db, "commit", e);
}

// "粤A·123 45" and "粤a12345" name one vehicle.
static void plain_plate(const char *plate, char out[PLATE_BYTES]) {
  size_t n = 0;
  for (const char *p = plate; *p && n + 1 < PLATE_BYTES; p++) {
    if (*p == ' ' || *p == '.' || *p == '-')
      continue;
    if (strncmp(p, "·", 2) == 0) {
      p++;
      continue;
    }
    out[n++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
  }
  out[n] = '\0';
}

static bool bind(sqlite3_stmt *s, const char *const *texts, int count) {
  bool ok = sqlite3_reset(s) == SQLITE_OK;
  for (int i = 0; i < count; i++)
    ok = ok &&
         sqlite3_bind_text(s, i + 1, texts[i] ? texts[i] : "", -1, SQLITE_TRANSIENT) == SQLITE_OK;
  return ok;
}

// One step of a writing statement; the lock is held.
static bool write_row(struct ps_db *db, sqlite3_stmt *s, bool bound, const char *what,
                      struct err *e) {
  bool ok = bound && sqlite3_step(s) == SQLITE_DONE;
  if (!ok)
    fail(db, what, e);
  (void)sqlite3_reset(s); // repeats the step's error
  return ok;
}

bool ps_db_put_vehicle(struct ps_db *db, const struct ps_vehicle *v, struct err *e) {
  char plate[PLATE_BYTES];
  plain_plate(v->plate, plate);
  const char *const texts[] = {plate,  v->owner_name, v->owner_phone,     v->model,
                               v->vin, v->color,      v->first_registered};
  pthread_mutex_lock(&db->lock);
  bool ok = write_row(db, db->put_vehicle, bind(db->put_vehicle, texts, 7), "vehicle", e);
  pthread_mutex_unlock(&db->lock);
  return ok;
}

bool ps_db_put_policy(struct ps_db *db, const struct ps_policy *p, struct err *e) {
  char plate[PLATE_BYTES];
  plain_plate(p->plate, plate);
  const char *const texts[] = {plate, p->kind, p->insurer, p->number, p->start, p->end};
  sqlite3_stmt *s = db->put_policy;
  pthread_mutex_lock(&db->lock);
  bool bound =
      bind(s, texts, 6) && sqlite3_bind_double(s, 7, p->premium) == SQLITE_OK &&
      sqlite3_bind_int(s, 8, p->claims) == SQLITE_OK &&
      sqlite3_bind_text(s, 9, p->covers ? p->covers : "", -1, SQLITE_TRANSIENT) == SQLITE_OK;
  bool ok = write_row(db, s, bound, "policy", e);
  pthread_mutex_unlock(&db->lock);
  return ok;
}

static const char *column(sqlite3_stmt *s, int i) {
  const unsigned char *text = sqlite3_column_text(s, i);
  return text ? (const char *)text : "";
}

static json_t *split_covers(const char *covers) {
  json_t *list = json_array();
  for (const char *p = covers; list && *p;) {
    size_t n = strcspn(p, ";");
    if (n > 0 && json_array_append_new(list, json_stringn(p, n)) != 0) {
      json_decref(list);
      return NULL;
    }
    p += n + (p[n] == ';');
  }
  return list;
}

static json_t *policy_row(sqlite3_stmt *s) {
  json_t *covers = split_covers(column(s, 7));
  return covers ? json_pack("{ss ss ss ss ss sf si so}", "kind", column(s, 0), "insurer",
                            column(s, 1), "number", column(s, 2), "start", column(s, 3), "end",
                            column(s, 4), "premium", sqlite3_column_double(s, 5), "claims",
                            sqlite3_column_int(s, 6), "covers", covers)
                : NULL;
}

json_t *ps_db_answer(struct ps_db *db, const char *plate, struct err *e) {
  char plain[PLATE_BYTES];
  plain_plate(plate, plain);
  const char *const key[] = {plain};
  json_t *answer = NULL, *list = NULL;
  pthread_mutex_lock(&db->lock);
  sqlite3_stmt *s = db->get_vehicle;
  int rc = bind(s, key, 1) ? sqlite3_step(s) : SQLITE_ERROR;
  if (rc == SQLITE_DONE) {
    err_set(e, ERR_NOT_FOUND, "no such plate");
  } else if (rc != SQLITE_ROW) {
    fail(db, "look-up", e);
  } else {
    answer = json_pack("{ss s{ss ss} s{ss ss ss}}", "plate", plain, "owner", "name", column(s, 0),
                       "phone", column(s, 1), "vehicle", "model", column(s, 2), "vin", column(s, 3),
                       "color", column(s, 4));
    if (answer && column(s, 5)[0] &&
        json_object_set_new(json_object_get(answer, "vehicle"), "first_registered",
                            json_string(column(s, 5))) != 0) {
      json_decref(answer);
      answer = NULL;
    }
    list = json_array();
    sqlite3_stmt *ps = db->get_policies;
    bool ok = answer && list && bind(ps, key, 1);
    while (ok && (rc = sqlite3_step(ps)) == SQLITE_ROW)
      ok = json_array_append_new(list, policy_row(ps)) == 0;
    (void)sqlite3_reset(ps);
    ok = ok && rc == SQLITE_DONE && json_object_set(answer, "policies", list) == 0;
    json_decref(list);
    if (!ok) {
      json_decref(answer);
      answer = NULL;
      fail(db, "policies", e);
    }
  }
  (void)sqlite3_reset(s);
  pthread_mutex_unlock(&db->lock);
  return answer;
}

int64_t ps_db_count(struct ps_db *db) {
  pthread_mutex_lock(&db->lock);
  int64_t n = sqlite3_step(db->count) == SQLITE_ROW ? sqlite3_column_int64(db->count, 0) : -1;
  (void)sqlite3_reset(db->count);
  pthread_mutex_unlock(&db->lock);
  return n;
}
