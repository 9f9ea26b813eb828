// SPDX-License-Identifier: Apache-2.0
#include "firmware/store_schema.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

static const char V1[] =
    "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE visit(id INTEGER PRIMARY KEY, rev INTEGER NOT NULL UNIQUE,"
    "  phase TEXT NOT NULL CHECK(phase IN ('open','closed','merged')),"
    "  certainty TEXT NOT NULL CHECK(certainty IN ('unread','unsure','certain')),"
    "  direction TEXT NOT NULL CHECK(direction IN ('unknown','in','out')),"
    "  type TEXT NOT NULL, plate TEXT NOT NULL, confidence REAL NOT NULL,"
    "  opened_ms INTEGER NOT NULL, last_seen_ms INTEGER NOT NULL,"
    "  closed_ms INTEGER NOT NULL DEFAULT 0, frame_ms INTEGER NOT NULL DEFAULT 0,"
    "  evidence TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX visit_opened ON visit(opened_ms, id);"
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL);"
    "CREATE TABLE vehicle(id INTEGER PRIMARY KEY, plate TEXT NOT NULL UNIQUE,"
    "  customer_id INTEGER REFERENCES customer(id) ON DELETE SET NULL,"
    "  model TEXT NOT NULL DEFAULT '', vin TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX vehicle_customer ON vehicle(customer_id);"
    "CREATE TABLE policy(id INTEGER PRIMARY KEY,"
    "  vehicle_id INTEGER NOT NULL REFERENCES vehicle(id) ON DELETE CASCADE,"
    "  kind TEXT NOT NULL CHECK(kind IN ('compulsory','commercial')),"
    "  insurer TEXT NOT NULL DEFAULT '', number TEXT NOT NULL DEFAULT '',"
    "  start TEXT NOT NULL DEFAULT '', \"end\" TEXT NOT NULL, premium REAL);"
    "CREATE INDEX policy_vehicle ON policy(vehicle_id);"
    "CREATE TABLE lookup(plate TEXT PRIMARY KEY,"
    "  state TEXT NOT NULL CHECK(state IN ('found','unknown','failed')),"
    "  as_of_ms INTEGER NOT NULL, answer TEXT) WITHOUT ROWID;";

// People who sign in; what a visit lacked for cards of unsure reads and for merging.
static const char V2[] =
    "CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE user(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    "  role TEXT NOT NULL, pin_hash TEXT NOT NULL, failed INTEGER NOT NULL DEFAULT 0,"
    "  locked_until_ms INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL);"
    "CREATE TABLE session(token_hash TEXT PRIMARY KEY,"
    "  user_id INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE, csrf TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, last_used_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL)"
    "  WITHOUT ROWID;"
    "CREATE INDEX session_user ON session(user_id);"
    "ALTER TABLE visit ADD COLUMN alternatives TEXT NOT NULL DEFAULT '[]';"
    "ALTER TABLE visit ADD COLUMN merged_into INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE visit ADD COLUMN camera TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE visit ADD COLUMN clock_trusted INTEGER NOT NULL DEFAULT 1;"
    "CREATE INDEX visit_open ON visit(opened_ms, id) WHERE phase = 'open';";

// Who said it (a person's word stays), past terms kept, money in cents, failures apart from
// answers. Terms named twice in version 2 become one, the row written last wins.
static const char V3[] =
    "ALTER TABLE customer ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vehicle ADD COLUMN color TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE vehicle ADD COLUMN registered TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE vehicle ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vehicle ADD COLUMN updated_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE policy3(id INTEGER PRIMARY KEY,"
    "  vehicle_id INTEGER NOT NULL REFERENCES vehicle(id) ON DELETE CASCADE,"
    "  kind TEXT NOT NULL CHECK(kind IN ('compulsory','commercial')),"
    "  insurer TEXT NOT NULL, number TEXT NOT NULL, start TEXT NOT NULL, \"end\" TEXT NOT NULL,"
    "  premium_cents INTEGER NOT NULL, covers TEXT NOT NULL, claims INTEGER NOT NULL,"
    "  source TEXT NOT NULL CHECK(source IN ('lookup','import','person')),"
    "  current INTEGER NOT NULL, batch INTEGER NOT NULL,"
    "  UNIQUE(vehicle_id, kind, number, start));"
    "INSERT OR REPLACE INTO policy3 SELECT id, vehicle_id, kind, insurer, number, start, \"end\","
    "  coalesce(CAST(round(premium * 100) AS INTEGER), -1), '', -1, 'lookup', 1, 0"
    "  FROM policy ORDER BY id;"
    "DROP TABLE policy;"
    "ALTER TABLE policy3 RENAME TO policy;"
    "CREATE TABLE lookup3(plate TEXT PRIMARY KEY,"
    "  state TEXT NOT NULL CHECK(state IN ('never','found','unknown')),"
    "  as_of_ms INTEGER NOT NULL, tried_ms INTEGER NOT NULL, error TEXT NOT NULL,"
    "  failures INTEGER NOT NULL, answer TEXT) WITHOUT ROWID;"
    "INSERT INTO lookup3 SELECT plate, iif(state = 'failed', 'never', state),"
    "  iif(state = 'failed', 0, as_of_ms), as_of_ms, iif(state = 'failed', 'failed', ''),"
    "  iif(state = 'failed', 1, 0), answer FROM lookup;"
    "DROP TABLE lookup;"
    "ALTER TABLE lookup3 RENAME TO lookup;"
    "CREATE INDEX lookup_tried ON lookup(tried_ms);"
    "CREATE INDEX visit_plate ON visit(plate);"
    // With all that a search looks at, so that it reads no row that does not match.
    "DROP INDEX visit_opened;"
    "CREATE INDEX visit_opened ON visit(opened_ms, id, plate, phase);";

// What the picture alone said, where the list of customers chose another text.
static const char V4[] = "ALTER TABLE visit ADD COLUMN picture TEXT NOT NULL DEFAULT '';";

// Who said what the plate is (user.id, which outlives the user here); 0: nobody. schema_needs: the
// oldest version whose program can work with the file, as it is after this step. A system update
// that does not prove itself falls back to the program before, which has to find its visits: a step
// that only adds leaves schema_needs alone; one that takes something away belongs into the release
// after the one that no longer needs it.
static const char V5[] = "ALTER TABLE visit ADD COLUMN said_by INTEGER NOT NULL DEFAULT 0;"
                         "INSERT OR REPLACE INTO setting VALUES('schema_needs', '4');";

static const char *const STEP[STORE_SCHEMA_VERSION] = {V1, V2, V3, V4, V5};

bool store_schema_error(sqlite3 *db, const char *what, struct err *e) {
  int os = sqlite3_system_errno(db);
  if (os == 0) // a failed COMMIT does not hand it on
    os = errno;
  int rc = sqlite3_errcode(db) & 0xff;
  enum err_code code = ERR_IO;
  // A quota or a file size limit is a full disk too, whatever part of SQLite met it.
  if (rc == SQLITE_FULL || ((rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN) &&
                            (os == ENOSPC || os == EDQUOT || os == EFBIG)))
    code = ERR_FULL;
  else if (rc == SQLITE_READONLY || rc == SQLITE_PERM || rc == SQLITE_AUTH ||
           ((rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN) &&
            (os == EROFS || os == EACCES || os == EPERM)))
    code = ERR_DENIED;
  else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
    code = ERR_FORMAT;
  else if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
    code = ERR_BUSY;
  else if (rc == SQLITE_NOMEM)
    code = ERR_NOMEM;
  else if (rc == SQLITE_CONSTRAINT)
    code = ERR_STATE;
  else if (rc == SQLITE_TOOBIG)
    code = ERR_LIMIT;
  return err_set(e, code, "%s: %s", what, sqlite3_errmsg(db));
}

static bool run(sqlite3 *db, const char *sql, const char *what, struct err *e) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return true;
  return store_schema_error(db, what, e);
}

static bool number(sqlite3 *db, const char *sql, int64_t *out, struct err *e) {
  sqlite3_stmt *st = NULL;
  *out = 0;
  bool ok = sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK;
  int rc = ok ? sqlite3_step(st) : SQLITE_ERROR;
  if (rc == SQLITE_ROW)
    *out = sqlite3_column_int64(st, 0);
  else if (rc != SQLITE_DONE)
    ok = store_schema_error(db, "reading the database's version", e);
  if (sqlite3_finalize(st) != SQLITE_OK && ok)
    ok = store_schema_error(db, "reading the database's version", e);
  return ok;
}

static bool version(sqlite3 *db, int64_t *v, struct err *e) {
  int64_t application, tables;
  if (!number(db, "PRAGMA user_version", v, e) ||
      !number(db, "PRAGMA application_id", &application, e) ||
      !number(db, "SELECT count(*) FROM sqlite_schema", &tables, e))
    return false;
  if (tables > 0 && application != STORE_APPLICATION_ID)
    return err_set(e, ERR_STATE, "the file is another program's database; name another file");
  int64_t needs = 0;
  if (*v > STORE_SCHEMA_VERSION &&
      number(db, "SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'schema_needs'", &needs,
             NULL) &&
      needs > 0 && needs <= STORE_SCHEMA_VERSION)
    *v = STORE_SCHEMA_VERSION; // what was added since is not touched
  if (*v > STORE_SCHEMA_VERSION)
    return err_set(e, ERR_STATE,
                   "the database has version %lld, this program knows up to %d; install the newer "
                   "program again",
                   (long long)*v, STORE_SCHEMA_VERSION);
  if (*v < 0 || (tables > 0 && *v == 0))
    return err_set(e, ERR_FORMAT, "the database has the impossible version %lld", (long long)*v);
  return true;
}

bool store_schema_check(sqlite3 *db, struct err *e) {
  int64_t v;
  if (!version(db, &v, e))
    return false;
  if (v != STORE_SCHEMA_VERSION)
    return err_set(e, ERR_STATE, "the database has version %lld and cannot be brought to %d",
                   (long long)v, STORE_SCHEMA_VERSION);
  return true;
}

static bool step(sqlite3 *db, int64_t from, struct err *e) {
  char *finish = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %lld; COMMIT",
                                 STORE_APPLICATION_ID, (long long)from + 1);
  if (!finish)
    return err_set(e, ERR_NOMEM, "no memory");
  bool ok = run(db, "BEGIN IMMEDIATE", "migrating the database", e) &&
            run(db, STEP[from], "migrating the database", e);
  int64_t orphans = 0;
  if (ok)
    ok = number(db, "SELECT count(*) FROM pragma_foreign_key_check", &orphans, e);
  if (ok && orphans > 0)
    ok = err_set(e, ERR_FORMAT, "%lld rows refer to rows that are not there", (long long)orphans);
  ok = ok && run(db, finish, "migrating the database", e);
  sqlite3_free(finish);
  if (!ok && !sqlite3_get_autocommit(db) && !run(db, "ROLLBACK", "migrating", NULL))
    (void)err_prefix(e, "rollback failed too");
  return ok || err_prefix(e, "from version %lld to %lld", (long long)from, (long long)from + 1);
}

bool store_schema_migrate(sqlite3 *db, struct err *e) {
  int64_t v;
  // Tables are rebuilt with foreign keys off, as SQLite's "Making Other Kinds Of Table Schema
  // Changes" says; the check at each step's end makes up for it.
  if (!version(db, &v, e) || !run(db, "PRAGMA foreign_keys = OFF", "setting up the database", e))
    return false;
  for (; v < STORE_SCHEMA_VERSION; v++)
    if (!step(db, v, e))
      return false;
  return run(db, "PRAGMA foreign_keys = ON", "setting up the database", e);
}
