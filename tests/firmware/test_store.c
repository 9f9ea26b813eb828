// SPDX-License-Identifier: Apache-2.0
// The store as a whole: disks that are full, read-only or damaged, and power cuts.
#include "tests/firmware/store_fixture.h"

#include "board/log.h"
#include "firmware/store_user.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void the_file_is_for_its_owner_alone(void **state) {
  struct fixture *f = *state;
  struct stat st;
  char wal[128];
  struct err e;
  assert_true(store_counter_add(f->s, "x", 1, NULL, &e));
  assert_int_equal(stat(f->path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
  assert_int_equal(stat(wal, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void counters_and_settings_stay(void **state) {
  struct fixture *f = *state;
  struct err e;
  int64_t n;
  char text[16], small[4];
  assert_true(store_counter_add(f->s, "frames", 5, &n, &e));
  assert_true(store_counter_add(f->s, "frames", 2, &n, &e));
  assert_int_equal(n, 7);
  assert_true(store_setting_put(f->s, "shop", "龙湾店", &e));
  assert_true(store_setting_put(f->s, "shop", "龙湾二店", &e));
  fixture_reopen(f);
  assert_true(store_counter_get(f->s, "frames", &n, &e));
  assert_int_equal(n, 7);
  assert_true(store_setting_get(f->s, "shop", text, sizeof text, &e));
  assert_string_equal(text, "龙湾二店");
  assert_false(store_setting_get(f->s, "shop", small, sizeof small, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_false(store_setting_get(f->s, "none", text, sizeof text, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_reader_sees_commits_and_cannot_write(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store *r;
  int64_t n;
  struct store_visit v = fixture_visit(1, "粤A12345");
  assert_true(store_open_reader(&r, f->s, &e));
  assert_true(store_begin(f->s, &e));
  assert_true(store_counter_add(f->s, "x", 3, NULL, &e));
  assert_true(store_counter_get(r, "x", &n, &e));
  assert_int_equal(n, 0); // not yet, and does not wait
  assert_true(store_commit(f->s, &e));
  assert_true(store_counter_get(r, "x", &n, &e));
  assert_int_equal(n, 3);
  assert_false(store_counter_add(r, "x", 1, NULL, &e));
  assert_int_equal(e.code, ERR_DENIED);
  assert_false(store_visit_put(r, &v, &e));
  assert_int_equal(e.code, ERR_DENIED);
  assert_int_equal(fixture_condition(f->s), STORE_OK); // that was the caller's mistake
  store_close(r);
}

static void an_inner_rollback_undoes_the_whole(void **state) {
  struct fixture *f = *state;
  struct err e;
  int64_t n;
  assert_true(store_begin(f->s, &e));
  assert_true(store_counter_add(f->s, "x", 1, NULL, &e));
  assert_true(store_begin(f->s, &e));
  store_rollback(f->s);
  assert_false(store_commit(f->s, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_true(store_counter_get(f->s, "x", &n, &e));
  assert_int_equal(n, 0);
}

static void write_file(const char *path, const char *data, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
}

static void expect_set_aside(struct fixture *f) {
  struct store_status st;
  struct store_visit v = fixture_visit(1, "粤A12345");
  struct err e;
  fixture_open(f, 0);
  store_state(f->s, &st);
  assert_int_equal(st.condition, STORE_OK);
  assert_non_null(strstr(st.set_aside, "bayplate.db.damaged-20260308T011233Z"));
  assert_int_equal(access(st.set_aside, F_OK), 0);
  assert_true(store_visit_put(f->s, &v, &e)); // the new one works
}

static void a_file_that_is_no_database_is_set_aside(void **state) {
  struct fixture *f = *state;
  char junk[8192];
  fixture_close(f);
  memset(junk, 'x', sizeof junk);
  write_file(f->path, junk, sizeof junk);
  expect_set_aside(f);
}

static void two_damaged_files_get_two_names(void **state) {
  struct fixture *f = *state;
  struct store_status st;
  char first[STORE_PATH_MAX], junk[8192];
  memset(junk, 'x', sizeof junk);
  fixture_close(f);
  write_file(f->path, junk, sizeof junk);
  fixture_open(f, 0);
  store_state(f->s, &st);
  memcpy(first, st.set_aside, sizeof first);
  fixture_close(f);
  write_file(f->path, junk, sizeof junk);
  expect_set_aside(f);
  store_state(f->s, &st);
  assert_string_not_equal(first, st.set_aside);
  assert_int_equal(access(first, F_OK), 0);
}

static void damage_in_a_page_is_found_and_numbers_go_on(void **state) {
  struct fixture *f = *state;
  struct err e;
  uint64_t before, after;
  for (uint64_t id = 1; id <= 60; id++) {
    struct store_visit v = fixture_visit(id, "粤A12345");
    assert_true(store_begin(f->s, &e) && store_visit_put(f->s, &v, &e) && store_commit(f->s, &e));
  }
  assert_true(store_visit_rev(f->s, &before, &e));
  fixture_close(f);
  int fd = open(f->path, O_RDWR | O_CLOEXEC);
  char junk[4096];
  memset(junk, 0xa5, sizeof junk);
  off_t end = lseek(fd, 0, SEEK_END);
  for (off_t at = 4096; at < end; at += 4096) // all but the header page
    assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
  assert_int_equal(close(fd), 0);
  assert_true(
      store_open(&f->s, &(struct store_options){.path = f->path, .wall_ms = NOW + 3600000}, &e));
  struct store_status st;
  store_state(f->s, &st);
  assert_int_equal(st.condition, STORE_OK);
  assert_string_not_equal(st.set_aside, "");
  assert_true(store_visit_rev(f->s, &after, &e));
  assert_true(after > before); // a page's Last-Event-ID keeps its meaning
  assert_true(store_visit_seed(f->s, &after, &e));
  assert_true(after > 60);
}

static void users_are_taken_over_from_a_damaged_file(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_user u = {.name = "小李", .role = "advisor", .pin_hash = "h1"}, got;
  char shop[16], junk[4096];
  sqlite3 *db;
  sqlite3_stmt *st;
  struct store_visit v = fixture_visit(50, "粤A12345");
  assert_true(store_user_add(f->s, &u, &e) && store_setting_put(f->s, "shop", "样店", &e) &&
              store_visit_put(f->s, &v, &e));
  fixture_close(f);
  assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'visit'",
                                      -1, &st, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  off_t page = sqlite3_column_int(st, 0);
  assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  int fd = open(f->path, O_RDWR | O_CLOEXEC);
  memset(junk, 0xa5, sizeof junk);
  assert_int_equal(pwrite(fd, junk, sizeof junk, (page - 1) * 4096), sizeof junk);
  assert_int_equal(close(fd), 0);
  expect_set_aside(f);
  assert_true(store_user_by_name(f->s, "小李", &got, &e));
  assert_string_equal(got.pin_hash, "h1");
  assert_true(store_setting_get(f->s, "shop", shop, sizeof shop, &e));
  assert_string_equal(shop, "样店");
  assert_false(store_visit_get(f->s, 50, &v, &e));
}

// Writes one visit and dies without closing: the journal stays, as after a power cut.
static void write_and_die(const char *path, struct store_visit *v) {
  struct store *s;
  struct err e;
  if (!store_open(&s, &(struct store_options){.path = path, .wall_ms = NOW}, &e))
    _exit(1);
  _exit(store_visit_put(s, v, &e) ? 0 : 1);
}

static void an_old_journal_is_not_replayed_into_the_new_file(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_status st;
  char wal[STORE_PATH_MAX + 8], junk[4096];
  struct store_visit old = fixture_visit(99, "粤B99999"), got;
  fixture_close(f);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    write_and_die(f->path, &old);
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
  assert_int_equal(access(wal, F_OK), 0);
  memset(junk, 0xa5, sizeof junk);
  int fd = open(f->path, O_RDWR | O_CLOEXEC);
  off_t end = lseek(fd, 0, SEEK_END);
  for (off_t at = 0; at < end; at += 4096)
    assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
  assert_int_equal(close(fd), 0);
  expect_set_aside(f);
  store_state(f->s, &st);
  (void)snprintf(wal, sizeof wal, "%s-wal", st.set_aside);
  assert_int_equal(access(wal, F_OK), 0); // with what it belongs to
  fixture_reopen(f);
  assert_true(store_visit_get(f->s, 1, &got, &e));
  assert_false(store_visit_get(f->s, 99, &got, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

// Until nothing fits any more. Returns how many rows were saved.
static uint64_t fill(struct store *s, enum err_code *code) {
  static char text[STORE_SETTING_MAX];
  struct err e;
  memset(text, 'x', sizeof text - 1);
  for (uint64_t n = 0; n < 2000; n++) {
    char name[32];
    (void)snprintf(name, sizeof name, "fill-%llu", (unsigned long long)n);
    if (!store_setting_put(s, name, text, &e)) {
      *code = e.code;
      return n;
    }
  }
  return 0;
}

static void full_then_room(struct fixture *f, void (*make_room)(struct fixture *)) {
  struct err e;
  struct store *r;
  struct store_visit first = fixture_visit(1, "粤A12345"), v = fixture_visit(2, "粤B12345"), got[4];
  struct store_status st;
  enum err_code code = ERR_NONE;
  size_t n;
  bool more, refused = false;
  assert_true(store_visit_put(f->s, &first, &e));
  assert_true(store_open_reader(&r, f->s, &e));
  uint64_t rows = fill(f->s, &code);
  assert_true(rows > 0);
  assert_int_equal(code, ERR_FULL);
  // Small rows may fit for a while yet.
  for (int i = 0; i < 300 && !refused; i++) {
    v.id++;
    v.opened_ms++;
    refused = !store_visit_put(f->s, &v, &e);
  }
  assert_true(refused);
  assert_int_equal(e.code, ERR_FULL);
  store_state(r, &st);
  assert_int_equal(st.condition, STORE_FULL);
  assert_non_null(strstr(st.text, "full"));
  assert_int_equal(st.unsaved, 1);
  // It is shown all the same: by id, as open, in the history, to those who resume.
  assert_true(store_visit_get(r, v.id, &got[0], &e));
  assert_string_equal(got[0].text, "粤B12345");
  assert_true(store_visit_list_since(r, v.rev - 1, got, 4, &n, &e));
  assert_int_equal(n, 1);
  assert_true(store_visit_list_open(r, got, 1, &n, &e));
  assert_int_equal(got[0].id, v.id);
  assert_true(store_visit_history(r, "粤B", NULL, got, 1, &n, &more, &e));
  assert_int_equal(got[0].id, v.id);
  // Changed while unsaved; merged into one that is saved.
  assert_false(store_visit_close(f->s, v.id, NOW + 9000, NULL, &e));
  assert_true(store_visit_get(r, v.id, &got[0], &e));
  assert_int_equal(got[0].phase, STORE_VISIT_CLOSED);
  assert_false(store_visit_merge(f->s, v.id, 1, NOW + 9000, &e));
  store_state(r, &st);
  assert_int_equal(st.unsaved, 2);
  assert_false(store_flush(f->s, &e));

  make_room(f);
  assert_true(store_flush(f->s, &e));
  store_state(r, &st);
  assert_int_equal(st.condition, STORE_OK);
  assert_int_equal(st.unsaved, 0);
  store_close(r);
  fixture_reopen(f);
  assert_true(store_visit_get(f->s, v.id, &got[0], &e));
  assert_int_equal(got[0].merged_into, 1);
}

static void raise_quota(struct fixture *f) {
  (void)f;
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

// A file size limit is met in the midst of a write, as a full disk is, and by root too.
static void a_full_disk_keeps_visits_in_memory_until_there_is_room(void **state) {
  struct fixture *f = *state;
  struct rlimit limit;
  (void)signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = 400 * 1024;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  full_then_room(f, raise_quota);
}

static int lift_quota(void **state) {
  raise_quota(*state);
  return fixture_teardown(state);
}

static void delete_filling(struct fixture *f) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "DELETE FROM setting", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void its_own_limit_is_a_full_disk_too(void **state) {
  struct fixture *f = *state;
  fixture_close(f);
  fixture_open(f, 400 * 1024);
  full_then_room(f, delete_filling);
}

// Neither root nor the owner can write a file through which a folder of its journal's name leads.
static void block(struct fixture *f) {
  char name[128];
  static const char *const part[] = {"-wal", "-journal", "-shm"};
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(name, sizeof name, "%s%s", f->path, part[i]);
    assert_int_equal(mkdir(name, 0700), 0);
  }
}

static void unblock(struct fixture *f) {
  char name[128];
  static const char *const part[] = {"-wal", "-journal", "-shm"};
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(name, sizeof name, "%s%s", f->path, part[i]);
    assert_int_equal(rmdir(name), 0);
  }
}

static void a_file_that_cannot_be_written_is_read_and_arrivals_go_on(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store *r;
  struct store_user u = {.name = "小李", .role = "advisor", .pin_hash = "x"};
  struct store_visit old = fixture_visit(1, "粤A12345"), v = fixture_visit(2, "粤B12345"), got[4];
  struct store_status st;
  size_t n;
  int64_t count;
  assert_true(store_visit_put(f->s, &old, &e));
  assert_true(store_user_add(f->s, &u, &e));
  fixture_close(f);
  block(f);
  fixture_open(f, 0);
  assert_true(store_open_reader(&r, f->s, &e));
  store_state(f->s, &st);
  assert_int_equal(st.condition, STORE_READ_ONLY);
  assert_string_not_equal(st.text, "");
  assert_false(store_setting_put(f->s, "x", "y", &e));
  assert_int_equal(e.code, ERR_DENIED);
  assert_false(store_visit_put(f->s, &v, &e));
  assert_int_equal(e.code, ERR_DENIED);
  assert_true(store_user_count(r, &count, &e)); // sign-in goes on
  assert_int_equal(count, 1);
  assert_true(store_visit_list_open(r, got, 4, &n, &e));
  assert_int_equal(n, 2);
  assert_int_equal(got[0].id, 2);
  assert_false(store_flush(f->s, &e));
  assert_int_equal(fixture_condition(f->s), STORE_READ_ONLY);
  unblock(f);
  assert_true(store_flush(f->s, &e)); // writable again: without a restart
  assert_int_equal(fixture_condition(r), STORE_OK);
  assert_true(store_visit_get(r, 2, &got[0], &e));
  assert_true(store_setting_put(f->s, "x", "y", &e));
  store_close(r);
  fixture_reopen(f);
  assert_true(store_visit_get(f->s, 2, &got[0], &e));
}

static void no_usable_file_means_memory(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store *r;
  struct store_visit v = fixture_visit(1, "粤A12345"), got;
  struct store_status st;
  char path[96];
  fixture_close(f);
  memcpy(path, f->path, sizeof path);
  (void)snprintf(f->path, sizeof f->path, "%s/missing/bayplate.db", f->dir);
  fixture_open(f, 0);
  store_state(f->s, &st);
  assert_int_equal(st.condition, STORE_MEMORY);
  assert_non_null(strstr(st.text, "missing"));
  assert_true(store_visit_put(f->s, &v, &e));
  assert_true(store_open_reader(&r, f->s, &e));
  assert_true(store_visit_get(r, 1, &got, &e));
  assert_int_equal(fixture_condition(r), STORE_MEMORY);
  store_close(r);
}

static void another_programs_database_is_left_alone(void **state) {
  struct fixture *f = *state;
  sqlite3 *db;
  (void)snprintf(f->path, sizeof f->path, "%s/other.db", f->dir);
  assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "CREATE TABLE t(x); INSERT INTO t VALUES(7)", NULL, NULL, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  fixture_close(f);
  fixture_open(f, 0);
  assert_int_equal(fixture_condition(f->s), STORE_MEMORY);
  sqlite3_stmt *st;
  assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT x FROM t", -1, &st, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// Writes visits and acknowledges each through the pipe until it is killed.
static void write_until_killed(const char *path, int fd, uint64_t from) {
  struct store *s;
  struct err e;
  if (!store_open(&s, &(struct store_options){.path = path, .wall_ms = NOW}, &e))
    _exit(1);
  for (uint64_t id = from;; id++) {
    struct store_visit v = fixture_visit(id, "粤A12345");
    if (!store_visit_put(s, &v, &e) || write(fd, &id, sizeof id) != sizeof id)
      _exit(1);
  }
}

static void nothing_acknowledged_is_lost_by_kill(void **state) {
  struct fixture *f = *state;
  struct err e;
  uint64_t last = 0, total = 0;
  fixture_close(f);
  for (int round = 0; round < 20; round++) {
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
      (void)close(fd[0]);
      write_until_killed(f->path, fd[1], last + 1);
    }
    (void)close(fd[1]);
    uint64_t id;
    int wanted = 1 + round % 7; // another moment each time
    for (int i = 0; i < wanted; i++) {
      assert_int_equal(read(fd[0], &id, sizeof id), sizeof id);
      last = id;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(fd[0], &id, sizeof id) == sizeof id)
      last = id;
    (void)close(fd[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
  }
  fixture_open(f, 0);
  struct store_status st;
  store_state(f->s, &st);
  assert_string_equal(st.set_aside, "");
  for (uint64_t id = 1; id <= last; id++) {
    struct store_visit got;
    assert_true(store_visit_get(f->s, id, &got, &e));
    assert_string_equal(got.text, "粤A12345");
    total++;
  }
  assert_int_equal(total, last);
}

struct race {
  struct store *writer, *reader;
  atomic_bool stop;
  atomic_uint wrong;
};

// Resumes from the last revision seen: each visit must come exactly in order.
static void *resume(void *arg) {
  struct race *r = arg;
  struct err e;
  uint64_t since = 0, seen = 0;
  struct store_visit *v = calloc(16, sizeof *v);
  size_t n = 0;
  while (v && (!atomic_load(&r->stop) || n > 0)) {
    if (!store_visit_list_since(r->reader, since, v, 16, &n, &e)) {
      atomic_fetch_add(&r->wrong, 1);
      break;
    }
    for (size_t i = 0; i < n; i++) {
      if (v[i].id != ++seen || v[i].rev <= since)
        atomic_fetch_add(&r->wrong, 1);
      since = v[i].rev;
    }
  }
  free(v);
  return NULL;
}

static void a_page_that_resumes_misses_nothing(void **state) {
  struct fixture *f = *state;
  struct race r = {.writer = f->s};
  struct err e;
  pthread_t thread;
  assert_true(store_open_reader(&r.reader, f->s, &e));
  assert_int_equal(pthread_create(&thread, NULL, resume, &r), 0);
  for (uint64_t id = 1; id <= 60; id++) {
    struct store_visit v = fixture_visit(id, "粤A12345");
    assert_true(store_visit_put(f->s, &v, &e));
  }
  atomic_store(&r.stop, true);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(atomic_load(&r.wrong), 0);
  store_close(r.reader);
}

static void users_and_sessions(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_user u = {.name = "小李", .role = "advisor", .pin_hash = "h1", .created_ms = NOW};
  struct store_user w = {.name = "小王", .role = "manager", .pin_hash = "h2", .created_ms = NOW};
  struct store_user got, list[4];
  struct store_session s = {.token_hash = "abc",
                            .csrf = "c",
                            .created_ms = NOW,
                            .last_used_ms = NOW,
                            .expires_ms = NOW + 1000};
  size_t n;
  assert_true(store_user_add_first(f->s, &u, &e));
  assert_false(store_user_add_first(f->s, &w, &e)); // two first starts cannot race
  assert_int_equal(e.code, ERR_STATE);
  assert_true(store_user_add(f->s, &w, &e));
  assert_false(store_user_add(f->s, &w, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_true(store_user_list(f->s, list, 4, &n, &e));
  assert_int_equal(n, 2);
  assert_true(store_user_set_failures(f->s, u.id, 3, NOW + 60000, &e));
  assert_true(store_user_by_name(f->s, "小李", &got, &e));
  assert_int_equal(got.failed, 3);
  assert_int_equal(got.locked_until_ms, NOW + 60000);
  assert_true(store_user_set_pin(f->s, u.id, "h3", &e));
  assert_true(store_user_by_id(f->s, u.id, &got, &e));
  assert_string_equal(got.pin_hash, "h3");
  assert_int_equal(got.failed, 0);
  s.user_id = u.id;
  assert_true(store_session_put(f->s, &s, &e));
  assert_true(store_session_touch(f->s, "abc", NOW + 5, NOW + 2000, &e));
  fixture_reopen(f);
  assert_true(store_session_get(f->s, "abc", &s, &e));
  assert_int_equal(s.expires_ms, NOW + 2000);
  assert_true(store_session_expire(f->s, NOW + 1999, &e));
  assert_true(store_session_get(f->s, "abc", &s, &e));
  assert_true(store_user_delete(f->s, u.id, &e)); // takes the session along
  assert_false(store_session_get(f->s, "abc", &s, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_false(store_session_put(f->s, &s, &e)); // a session of nobody
  assert_int_equal(e.code, ERR_STATE);
  assert_false(store_user_set_pin(f->s, 99, "h", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void impossible_options_are_refused(void **state) {
  (void)state;
  struct store *s;
  struct err e;
  char path[STORE_PATH_MAX + 1];
  memset(path, 'a', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_false(store_open(&s, &(struct store_options){.path = ""}, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(store_open(&s, &(struct store_options){.path = path}, &e));
  assert_int_equal(e.code, ERR_ARG);
  store_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      T(the_file_is_for_its_owner_alone),
      T(counters_and_settings_stay),
      T(a_reader_sees_commits_and_cannot_write),
      T(an_inner_rollback_undoes_the_whole),
      T(a_file_that_is_no_database_is_set_aside),
      T(two_damaged_files_get_two_names),
      T(damage_in_a_page_is_found_and_numbers_go_on),
      T(users_are_taken_over_from_a_damaged_file),
      T(an_old_journal_is_not_replayed_into_the_new_file),
      cmocka_unit_test_setup_teardown(a_full_disk_keeps_visits_in_memory_until_there_is_room,
                                      fixture_setup, lift_quota),
      T(its_own_limit_is_a_full_disk_too),
      T(a_file_that_cannot_be_written_is_read_and_arrivals_go_on),
      T(no_usable_file_means_memory),
      T(another_programs_database_is_left_alone),
      T(nothing_acknowledged_is_lost_by_kill),
      T(a_page_that_resumes_misses_nothing),
      T(users_and_sessions),
      cmocka_unit_test(impossible_options_are_refused),
  };
  log_set_level(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
