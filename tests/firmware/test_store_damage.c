// SPDX-License-Identifier: Apache-2.0
// The store with a damaged, strange or missing file.
#include "tests/firmware/store_fixture.h"

#include "board/log.h"
#include "firmware/store_user.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

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

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      T(a_file_that_is_no_database_is_set_aside),
      T(two_damaged_files_get_two_names),
      T(damage_in_a_page_is_found_and_numbers_go_on),
      T(users_are_taken_over_from_a_damaged_file),
      T(an_old_journal_is_not_replayed_into_the_new_file),
      T(no_usable_file_means_memory),
      T(another_programs_database_is_left_alone),
  };
  log_set_level(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
