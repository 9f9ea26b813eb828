// SPDX-License-Identifier: Apache-2.0
// The store as a whole: its file, readers, kills, users.
#include "tests/firmware/store_fixture.h"

#include "board/log.h"
#include "firmware/store_user.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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
      T(nothing_acknowledged_is_lost_by_kill),
      T(a_page_that_resumes_misses_nothing),
      T(users_and_sessions),
      cmocka_unit_test(impossible_options_are_refused),
  };
  log_set_level(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
