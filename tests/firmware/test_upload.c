// SPDX-License-Identifier: Apache-2.0
// A bundle that comes in pieces: order, bounds, a new start, what goes wrong.
#include "tests/firmware/store_fixture.h"

#include "board/file.h"
#include "firmware/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define SIZE 300000u

static uint8_t bytes[SIZE];

static struct upload *open_in(struct fixture *f, uint64_t max, uint64_t reserve) {
  char dir[96];
  struct upload *u = NULL;
  (void)snprintf(dir, sizeof dir, "%s/update", f->dir);
  const struct upload_options o = {.dir = dir, .max = max, .reserve = reserve};
  assert_true(upload_new(&u, &o, NULL));
  return u;
}

// Sends from `at` up to `end` as a page does: a busy disk is asked again.
static void send_all(struct upload *u, uint64_t at, uint64_t end) {
  struct err e = {0};
  while (at < end) {
    const size_t n = end - at < 50000 ? (size_t)(end - at) : 50000;
    if (upload_put(u, "a-1", at, bytes + at, n, &at, &e))
      continue;
    assert_int_equal(e.code, ERR_BUSY);
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL), 0); // asks again
  }
}

static void *read_bundle(struct fixture *f, size_t *len) {
  char path[128];
  void *data = NULL;
  (void)snprintf(path, sizeof path, "%s/update/upload.bundle", f->dir);
  return file_get(path, 2u * SIZE, &data, len, NULL) ? data : NULL;
}

static bool there(struct fixture *f, const char *name) {
  char path[128];
  (void)snprintf(path, sizeof path, "%s/update/%s", f->dir, name);
  return access(path, F_OK) == 0;
}

static void pieces_become_the_file(void **state) {
  struct fixture *f = *state;
  struct upload *u = open_in(f, SIZE, 0);
  struct err e = {0};
  uint64_t have = 9;
  assert_true(upload_begin(u, "a-1", SIZE, &have, &e));
  assert_int_equal(have, 0);
  assert_false(upload_put(u, "a-1", 10, bytes, 10, &have, &e)); // not at its place
  assert_int_equal(e.code, ERR_STATE);
  assert_false(upload_put(u, "b-1", 0, bytes, 10, &have, &e)); // another's
  assert_int_equal(e.code, ERR_STATE);
  send_all(u, 0, SIZE - 10);
  assert_false(upload_put(u, "a-1", SIZE - 10, bytes, 11, &have, &e)); // longer than it was said
  assert_int_equal(e.code, ERR_STATE);
  send_all(u, SIZE - 10, SIZE);
  upload_free(u); // writes what it accepted
  size_t len = 0;
  void *data = read_bundle(f, &len);
  assert_non_null(data);
  assert_int_equal(len, SIZE);
  assert_memory_equal(data, bytes, SIZE);
  free(data);
  assert_false(there(f, "upload.part") || there(f, "upload.note"));
}

static void it_goes_on_after_a_restart(void **state) {
  struct fixture *f = *state;
  struct upload *u = open_in(f, SIZE, 0);
  struct err e = {0};
  uint64_t have = 0;
  assert_true(upload_begin(u, "a-1", SIZE, &have, &e));
  send_all(u, 0, 123456);
  upload_free(u);
  u = open_in(f, SIZE, 0);
  struct upload_state s;
  upload_get(u, &s);
  assert_string_equal(s.id, "a-1");
  assert_int_equal(s.have, 123456);
  assert_int_equal(s.size, SIZE);
  assert_true(upload_begin(u, "a-1", SIZE, &have, &e));
  assert_int_equal(have, 123456);
  send_all(u, have, SIZE);
  upload_free(u);
  size_t len = 0;
  void *data = read_bundle(f, &len);
  assert_non_null(data);
  assert_memory_equal(data, bytes, SIZE);
  free(data);
}

static void another_file_begins_anew_and_one_at_hand_is_not_overwritten(void **state) {
  struct fixture *f = *state;
  struct upload *u = open_in(f, SIZE, 0);
  struct err e = {0};
  uint64_t have = 0;
  assert_true(upload_begin(u, "a-1", SIZE, &have, &e));
  send_all(u, 0, 100000);
  assert_true(upload_begin(u, "b-1", 5, &have, &e));
  assert_int_equal(have, 0);
  assert_true(upload_put(u, "b-1", 0, "hello", 5, &have, &e));
  upload_free(u);
  u = open_in(f, SIZE, 0);
  assert_false(upload_begin(u, "c-1", 5, &have, &e)); // upload.bundle waits for the updater
  assert_int_equal(e.code, ERR_BUSY);
  char path[128];
  (void)snprintf(path, sizeof path, "%s/update/upload.bundle", f->dir);
  assert_int_equal(unlink(path), 0);
  assert_true(upload_begin(u, "c-1", 5, &have, &e));
  upload_drop(u);
  assert_false(there(f, "upload.part"));
  struct upload_state s;
  upload_get(u, &s);
  assert_string_equal(s.id, "");
  upload_free(u);
}

static void what_cannot_be_taken_is_said(void **state) {
  struct fixture *f = *state;
  struct upload *u = open_in(f, SIZE, 0);
  struct err e = {0};
  uint64_t have = 0;
  assert_false(upload_begin(u, "../x", 5, &have, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(upload_begin(u, "x", 0, &have, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(upload_begin(u, "x", SIZE + 1, &have, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  upload_free(u);
  u = open_in(f, SIZE, UINT64_C(1) << 60);
  assert_false(upload_begin(u, "x", 5, &have, &e));
  assert_int_equal(e.code, ERR_FULL);
  upload_free(u);
  // A note that makes no sense, and a part longer than it was said, are begun anew.
  char path[128];
  (void)snprintf(path, sizeof path, "%s/update/upload.note", f->dir);
  assert_true(file_put(path, "a-1 3\n", 6, NULL));
  (void)snprintf(path, sizeof path, "%s/update/upload.part", f->dir);
  assert_true(file_put(path, "longer", 6, NULL));
  u = open_in(f, SIZE, 0);
  assert_false(there(f, "upload.part"));
  upload_free(u);
}

static void a_disk_that_fails_is_told(void **state) {
  struct fixture *f = *state;
  struct upload *u = open_in(f, SIZE, 0);
  struct err e = {0};
  uint64_t have = 0;
  struct upload_state s = {0};
  char path[128];
  assert_true(upload_begin(u, "a-1", SIZE, &have, &e));
  // Where the whole file should get its name there is a folder that cannot be replaced.
  (void)snprintf(path, sizeof path, "%s/update/upload.bundle", f->dir);
  assert_int_equal(mkdir(path, 0700), 0);
  send_all(u, 0, SIZE);
  for (int i = 0; i < 5000 && !s.error[0]; i++) { // the thread's turn
    upload_get(u, &s);
    assert_int_equal(nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL), 0);
  }
  assert_non_null(strstr(s.error, "upload.bundle"));
  assert_false(s.whole);
  assert_false(upload_put(u, "a-1", SIZE, bytes, 1, &have, &e));
  assert_int_equal(e.code, ERR_IO);
  upload_free(u);
}

int main(void) {
  for (size_t i = 0; i < SIZE; i++)
    bytes[i] = (uint8_t)(i * 31 + i / 251);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(pieces_become_the_file, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(it_goes_on_after_a_restart, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(another_file_begins_anew_and_one_at_hand_is_not_overwritten,
                                      fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(what_cannot_be_taken_is_said, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(a_disk_that_fails_is_told, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
