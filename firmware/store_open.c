// SPDX-License-Identifier: Apache-2.0
// Opening: which file, in which mode, and what to do with one that is damaged.
#include "board/careful.h"
#include "board/log.h"
#include "firmware/store_private.h"
#include "firmware/store_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_DEFAULT_MS 5000
#define REV_GAP 1024 // revisions that may have been shown without being saved in the run before

void store_disconnect(struct store *s) {
  for (unsigned i = 0; i < s->statements; i++)
    (void)sqlite3_finalize(s->statement[i].statement);
  s->statements = 0;
  // Cannot be busy: all statements are finalized.
  (void)sqlite3_close(s->db);
  s->db = NULL;
}

static bool pragmas(struct store *s, struct err *e) {
  struct store_shared *sh = s->shared;
  char sql[256];
  int n = snprintf(sql, sizeof sql,
                   "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                   "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;"
                   "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;%s",
                   s->writer ? "" : "PRAGMA query_only = ON;");
  if (n < 0 || n >= (int)sizeof sql)
    return err_set(e, ERR_LIMIT, "store: pragmas too long");
  if (!store_exec(s, sql, "setting up the database", e))
    return false;
  if (!s->writer || sh->mode == STORE_IMMUTABLE)
    return true;
  if (sh->mode == STORE_FILE &&
      !store_exec(s,
                  "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 4194304;"
                  "PRAGMA secure_delete = FAST",
                  "setting up the database", e))
    return false;
  if (sh->max_bytes > 0 && sh->mode == STORE_FILE) {
    n = snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld",
                 (long long)(sh->max_bytes / 4096));
    if (n < 0 || n >= (int)sizeof sql || !store_exec(s, sql, "setting up the database", e))
      return false;
  }
  return true;
}

// "file:" address of a path: everything that has a meaning in an address is escaped.
static bool file_uri(const char *path, const char *query, char *out, size_t size) {
  size_t n = 5;
  if (size < 6)
    return false;
  memcpy(out, "file:", 5);
  for (; *path; path++) {
    const char c = *path;
    bool plain = c != '%' && c != '?' && c != '#';
    if (n + 4 > size)
      return false;
    if (plain)
      out[n++] = c;
    else
      n += (size_t)snprintf(out + n, size - n, "%%%02X", (unsigned char)c);
  }
  return snprintf(out + n, size - n, "%s", query) < (int)(size - n);
}

bool store_connect(struct store *s, struct err *e) {
  struct store_shared *sh = s->shared;
  store_disconnect(s);
  pthread_mutex_lock(&sh->lock);
  enum store_mode mode = sh->mode;
  s->generation = sh->generation;
  pthread_mutex_unlock(&sh->lock);
  char uri[3 * STORE_PATH_MAX + 64];
  const char *query = mode == STORE_IMMUTABLE ? "?immutable=1" : s->writer ? "" : "?mode=ro";
  int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= mode == STORE_IMMUTABLE || (mode == STORE_FILE && !s->writer)
               ? SQLITE_OPEN_READONLY
               : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode != STORE_IN_MEMORY && !file_uri(sh->path, query, uri, sizeof uri))
    return err_set(e, ERR_LIMIT, "store: path too long");
  if (mode == STORE_FILE && s->writer) { // SQLite gives journal files the file's own mode
    int fd = open(sh->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
      return err_errno(e, errno, "store: %s", sh->path);
    if (close(fd) != 0)
      return err_errno(e, errno, "store: %s", sh->path);
  }
  int rc = sqlite3_open_v2(mode == STORE_IN_MEMORY ? sh->uri : uri, &s->db, flags, NULL);
  bool ok = rc == SQLITE_OK;
  if (!s->db)
    return err_set(e, ERR_NOMEM, "store: no memory");
  if (!ok)
    (void)store_sql_error(s, "opening the database", e);
  // A damaged database must not be written to, not even by the checkpoint of its last close.
  ok = ok && sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK;
  ok = ok && sqlite3_busy_timeout(s->db, (int)sh->busy_ms) == SQLITE_OK && pragmas(s, e);
  if (!ok)
    store_disconnect(s);
  return ok;
}

static bool quick_check(struct store *s, struct err *e) {
  char answer[200] = "";
  sqlite3_stmt *st = store_query(s, "PRAGMA quick_check(1)", e, "");
  if (!st)
    return false;
  int row = store_row(s, st, e);
  if (row > 0) {
    store_column(st, 0, answer, sizeof answer);
    store_done(st);
  }
  if (row < 0)
    return false;
  if (strcmp(answer, "ok") != 0)
    return err_set(e, ERR_FORMAT, "store: damaged: %.150s", answer);
  return true;
}

static bool open_file(struct store *s, enum store_mode mode, struct err *e) {
  s->shared->mode = mode;
  if (!store_connect(s, e))
    return false;
  bool ok = quick_check(s, e);
  if (ok && mode == STORE_IMMUTABLE)
    ok = store_schema_check(s->db, e);
  else if (ok)
    ok = store_schema_migrate(s->db, e);
  if (ok && sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL) != SQLITE_OK)
    ok = store_sql_error(s, "setting up the database", e);
  if (!ok)
    store_disconnect(s);
  return ok;
}

static bool sync_folder(const char *path, struct err *e) {
  char dir[STORE_PATH_MAX];
  const char *slash = strrchr(path, '/');
  int n = slash ? (int)(slash - path) : 0;
  (void)snprintf(dir, sizeof dir, "%.*s%s", n, path, n > 0 ? "" : slash ? "/" : ".");
  return careful_sync_folder(dir, e) || err_prefix(e, "store");
}

// The journal goes first: a journal left beside a new database would be replayed into it.
static bool set_aside(struct store_shared *sh, int64_t wall_ms, struct err *e) {
  char stamp[32] = "unknown", to[STORE_PATH_MAX], from[STORE_PATH_MAX + 8],
       aside[STORE_PATH_MAX + 8];
  time_t t = (time_t)(wall_ms / 1000);
  struct tm tm;
  if (gmtime_r(&t, &tm))
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
  for (int i = 0;; i++) {
    char suffix[16] = "";
    if (i > 0)
      (void)snprintf(suffix, sizeof suffix, "-%d", i);
    int n = snprintf(to, sizeof to, "%s.damaged-%s%s", sh->path, stamp, suffix);
    if (n < 0 || n >= (int)sizeof to || i > 1000)
      return err_set(e, ERR_LIMIT, "store: no name for the damaged file");
    if (access(to, F_OK) != 0)
      break;
  }
  static const char *const part[] = {"-wal", "-shm", ""};
  for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
    (void)snprintf(from, sizeof from, "%s%s", sh->path, part[i]);
    (void)snprintf(aside, sizeof aside, "%s%s", to, part[i]);
    if (rename(from, aside) != 0 && errno != ENOENT)
      return err_errno(e, errno, "store: setting %s aside", from);
  }
  (void)snprintf(sh->set_aside, sizeof sh->set_aside, "%s", to);
  return sync_folder(sh->path, e);
}

// What must not be lost with a damaged file, if it can be read there still: the users (without them
// anybody could set up the terminal anew) and settings. Table by table, whole or not at all.
static void salvage(struct store *s) {
  static const char *const table[] = {"user", "setting"};
  char uri[3 * STORE_PATH_MAX + 64];
  if (!file_uri(s->shared->set_aside, "?immutable=1", uri, sizeof uri))
    return;
  if (!store_run(s, "ATTACH ? AS damaged", NULL, "t", uri)) {
    log_warn("store", "users and settings could not be taken over, sign-in must be set up anew");
    return;
  }
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char sql[128];
    // What the new file says of its own form stays.
    (void)snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO main.%s SELECT * FROM damaged.%s",
                   table[i], table[i]);
    bool ok = store_exec(s, sql, "taking over rows", NULL);
    if (ok)
      log_info("store", "%d rows of %s taken over from the damaged database",
               sqlite3_changes(s->db), table[i]);
    else
      log_warn("store", "rows of %s could not be taken over", table[i]);
  }
  if (!store_exec(s, "DETACH damaged", "taking over rows", NULL))
    log_warn("store", "the damaged database stays open until the next start");
}

static bool open_memory(struct store *s, const struct err *why, struct err *e) {
  static atomic_uint count;
  struct store_shared *sh = s->shared;
  (void)snprintf(sh->uri, sizeof sh->uri, "file:/bayplate-%u?vfs=memdb",
                 atomic_fetch_add(&count, 1));
  sh->permanent = true;
  sh->condition = STORE_MEMORY;
  (void)snprintf(sh->text, sizeof sh->text,
                 "working in memory, all is lost at the end; repair and restart (%.350s)",
                 why->text);
  return open_file(s, STORE_IN_MEMORY, e);
}

static bool open_somehow(struct store *s, int64_t wall_ms, struct err *e) {
  struct store_shared *sh = s->shared;
  struct err first = {0}, other = {0};
  if (open_file(s, STORE_FILE, &first))
    return true;
  if (first.code == ERR_FORMAT) {
    log_error("store", "database damaged, setting it aside: %s", first.text);
    if (set_aside(sh, wall_ms, &other) && open_file(s, STORE_FILE, &other)) {
      log_error("store", "a new database was begun, the damaged one is %s", sh->set_aside);
      salvage(s);
      return true;
    }
    return open_memory(s, &other, e);
  }
  if (first.code != ERR_STATE && open_file(s, STORE_IMMUTABLE, &other)) {
    sh->condition = first.code == ERR_FULL ? STORE_FULL : STORE_READ_ONLY;
    (void)snprintf(sh->text, sizeof sh->text, "opened for reading only, nothing is saved (%.350s)",
                   first.text);
    return true;
  }
  return open_memory(s, &first, e);
}

static bool seed(struct store *s, int64_t wall_ms, struct err *e) {
  // Larger than all before even when the last ones could not be saved; the wall time does it for a
  // database begun anew.
  sqlite3_stmt *st = store_query(s,
                                 "SELECT coalesce((SELECT max(rev) FROM visit), 0),"
                                 " coalesce((SELECT value FROM counter WHERE name = 'rev'), 0),"
                                 " coalesce((SELECT max(id) FROM visit), 0),"
                                 " coalesce((SELECT value FROM counter WHERE name = 'visit'), 0)",
                                 e, "");
  if (!st)
    return false;
  int row = store_row(s, st, e);
  if (row <= 0)
    return false;
  int64_t v[4];
  for (int i = 0; i < 4; i++)
    v[i] = sqlite3_column_int64(st, i);
  store_done(st);
  int64_t now = wall_ms > 0 ? wall_ms : 0;
  int64_t rev = v[0] > v[1] ? v[0] : v[1], id = v[2] > v[3] ? v[2] : v[3];
  rev = rev + REV_GAP > now ? rev + REV_GAP : now;
  id = id + REV_GAP > now ? id + REV_GAP : now;
  s->shared->rev = s->shared->shown = (uint64_t)rev;
  s->shared->seed = (uint64_t)id;
  return true;
}

static bool handle_new(struct store **out, struct store_shared *sh, bool writer, struct err *e) {
  struct store *s = calloc(1, sizeof *s);
  if (!s)
    return err_set(e, ERR_NOMEM, "store: no memory");
  pthread_mutexattr_t attr;
  bool ok = pthread_mutexattr_init(&attr) == 0;
  if (ok) {
    ok = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0 &&
         pthread_mutex_init(&s->lock, &attr) == 0;
    (void)pthread_mutexattr_destroy(&attr);
  }
  if (!ok) {
    free(s);
    return err_set(e, ERR_NOMEM, "store: no lock");
  }
  s->shared = sh;
  s->writer = writer;
  *out = s;
  return true;
}

static void shared_free(struct store_shared *sh) {
  (void)pthread_mutex_destroy(&sh->lock);
  free(sh);
}

bool store_open(struct store **out, const struct store_options *o, struct err *e) {
  *out = NULL;
  if (!o->path || !o->path[0] || strlen(o->path) + 64 > STORE_PATH_MAX || o->max_bytes < 0)
    return err_set(e, ERR_ARG, "store: the path is missing or longer than %d", STORE_PATH_MAX - 64);
  struct store_shared *sh = calloc(1, sizeof *sh);
  if (!sh || pthread_mutex_init(&sh->lock, NULL) != 0) {
    free(sh);
    return err_set(e, ERR_NOMEM, "store: no memory");
  }
  (void)snprintf(sh->path, sizeof sh->path, "%s", o->path);
  sh->busy_ms = o->busy_ms ? o->busy_ms : BUSY_DEFAULT_MS;
  sh->max_bytes = o->max_bytes;
  sh->handles = 1;
  struct store *s = NULL;
  if (!handle_new(&s, sh, true, e)) {
    shared_free(sh);
    return false;
  }
  sh->permanent = true; // failures on the way are judged here, not by each statement
  bool ok = open_somehow(s, o->wall_ms, e);
  if (sh->mode == STORE_FILE)
    sh->permanent = false;
  if (!ok || !seed(s, o->wall_ms, e)) {
    store_close(s);
    return false;
  }
  if (sh->condition != STORE_OK)
    log_error("store", "%s", sh->text);
  *out = s;
  return true;
}

bool store_open_reader(struct store **out, struct store *writer, struct err *e) {
  *out = NULL;
  struct store_shared *sh = writer->shared;
  struct store *s = NULL;
  if (!handle_new(&s, sh, false, e))
    return false;
  pthread_mutex_lock(&sh->lock);
  sh->handles++;
  pthread_mutex_unlock(&sh->lock);
  if (!store_connect(s, e)) {
    store_close(s);
    return false;
  }
  *out = s;
  return true;
}

void store_close(struct store *s) {
  if (!s)
    return;
  struct err e;
  if (s->writer && s->db && !store_flush(s, &e))
    log_error("store", "closing with unsaved visits: %s", e.text);
  store_disconnect(s);
  struct store_shared *sh = s->shared;
  pthread_mutex_lock(&sh->lock);
  bool last = --sh->handles == 0;
  pthread_mutex_unlock(&sh->lock);
  if (last)
    shared_free(sh);
  (void)pthread_mutex_destroy(&s->lock);
  free(s);
}
