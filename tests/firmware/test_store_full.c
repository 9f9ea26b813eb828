// SPDX-License-Identifier: Apache-2.0
// The store on disks that are full or read-only.
#include "tests/firmware/store_fixture.h"

#include "board/log.h"
#include "firmware/store_user.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      cmocka_unit_test_setup_teardown(a_full_disk_keeps_visits_in_memory_until_there_is_room,
                                      fixture_setup, lift_quota),
      T(its_own_limit_is_a_full_disk_too),
      T(a_file_that_cannot_be_written_is_read_and_arrivals_go_on),
  };
  log_set_level(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
