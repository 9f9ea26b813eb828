// SPDX-License-Identifier: Apache-2.0
// Both sides' words: answers that come in pieces, refusals, an end that is missing. And the file
// that tells how far it is, and its lock.
#include "firmware/export/export_client.h"
#include "firmware/export/export_state.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static int peer; // the other end

static int set_up(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/bayplate-export-XXXXXX");
  return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  static const char *const names[] = {"state", "state.new", "lock", "socket"};
  char path[128];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    (void)unlink(path);
  }
  return rmdir(dir);
}

static const char *in_dir(const char *name) {
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void connected(struct export_client *c) {
  int fd[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
  assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
  *c = (struct export_client){.fd = fd[0]};
  peer = fd[1];
}

static void say(const char *bytes, size_t n) {
  assert_int_equal(write(peer, bytes, n), (ssize_t)n);
}

static void frames_in_pieces(void **state) {
  (void)state;
  struct export_client c;
  struct err e;
  char buf[16];
  static const char all[] = "ok\n\0\0\0\5hello\0\0\0\1!\0\0\0\0";
  connected(&c);
  char got[16];
  size_t n = 0, at = 0;
  for (int rc = EXPORT_WAIT; rc != EXPORT_END;) {
    rc = export_client_read(&c, buf, 3, &e);
    if (rc == EXPORT_WAIT) {
      assert_true(at < sizeof all - 1);
      say(all + at++, 1);
    } else {
      assert_true(rc >= 0);
      memcpy(got + n, buf, (size_t)rc);
      n += (size_t)rc;
    }
  }
  assert_int_equal(n, 6);
  assert_memory_equal(got, "hello!", 6);
  assert_int_equal(export_client_read(&c, buf, 3, &e), EXPORT_END); // for ever
  (void)close(peer);
  export_client_close(&c);
  export_client_close(&c);
}

static void an_end_that_is_missing_is_no_end(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
  } cut[] = {{"", 0},
             {"ok", 2},
             {"ok\n", 3},
             {"ok\n\0\0", 5},
             {"ok\n\0\0\0\5hel", 10},
             {"ok\n\0\0\0\3hel", 10}};
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
    struct export_client c;
    struct err e;
    char buf[16];
    connected(&c);
    say(cut[i].bytes, cut[i].n);
    (void)close(peer);
    int rc = 1;
    while (rc > 0)
      rc = export_client_read(&c, buf, sizeof buf, &e);
    assert_int_equal(rc, EXPORT_BROKEN);
    assert_int_equal(e.code, ERR_IO);
    export_client_close(&c);
  }
}

static void refusals_keep_their_kind(void **state) {
  (void)state;
  static const struct {
    const char *line;
    enum err_code code;
    const char *text;
  } lines[] = {{"no busy one at a time\n", ERR_BUSY, "one at a time"},
               {"no none nothing\n", ERR_NOT_FOUND, "nothing"},
               {"no unreadable take the image\n", ERR_FORMAT, "take the image"},
               {"no failed memory\n", ERR_IO, "no failed memory"},
               {"what?\n", ERR_IO, "what?"}};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    struct export_client c;
    struct err e;
    connected(&c);
    say(lines[i].line, strlen(lines[i].line));
    assert_int_equal(export_client_begin(&c, &e), EXPORT_BROKEN);
    assert_int_equal(e.code, lines[i].code);
    assert_non_null(strstr(e.text, lines[i].text));
    (void)close(peer);
    export_client_close(&c);
  }
}

static void a_frame_that_cannot_be_is_refused(void **state) {
  (void)state;
  struct export_client c;
  struct err e;
  char buf[16];
  connected(&c);
  say("ok\n\xff\0\0\0", 7);
  assert_int_equal(export_client_read(&c, buf, sizeof buf, &e), EXPORT_BROKEN);
  (void)close(peer);
  export_client_close(&c);
}

static void nobody_there_is_not_found(void **state) {
  (void)state;
  struct export_client c;
  struct err e;
  assert_false(export_client_open(&c, in_dir("socket"), "files", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_false(export_client_open(&c, "", "files", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void the_state_comes_back(void **state) {
  (void)state;
  struct err e;
  struct export_state got, s = {.phase = EXPORT_RUNS,
                                .what = "image",
                                .read = UINT64_C(1) << 40,
                                .size = 7,
                                .sent = 6,
                                .files = 5,
                                .bad = 4,
                                .sha256 = "ab",
                                .error = "why = because"};
  assert_true(export_state_load(&got, in_dir("state"), &e) && got.phase == EXPORT_NONE);
  assert_true(export_state_write(in_dir("state"), &s, &e));
  assert_true(export_state_load(&got, in_dir("state"), &e));
  assert_int_equal(got.phase, EXPORT_RUNS);
  assert_string_equal(got.what, "image");
  assert_int_equal(got.read, s.read);
  assert_true(got.size == 7 && got.sent == 6 && got.files == 5 && got.bad == 4);
  assert_string_equal(got.sha256, "ab");
  assert_string_equal(got.error, "why = because");
  FILE *f = fopen(in_dir("state"), "w");
  assert_non_null(f);
  assert_true(fputs("[export]\nphase = done\nread = many\n", f) >= 0 && fclose(f) == 0);
  assert_false(export_state_load(&got, in_dir("state"), &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_int_equal(got.phase, EXPORT_NONE);
}

static void one_at_a_time(void **state) {
  (void)state;
  struct err e;
  int first = -1, second = -1;
  assert_false(export_running(in_dir("lock")));
  assert_false(export_lock(&first, in_dir("lock"), &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  FILE *f = fopen(in_dir("lock"), "w");
  assert_non_null(f);
  assert_int_equal(fclose(f), 0);
  assert_true(export_lock(&first, in_dir("lock"), &e));
  assert_true(export_running(in_dir("lock")));
  assert_false(export_lock(&second, in_dir("lock"), &e));
  assert_int_equal(e.code, ERR_BUSY);
  (void)close(first);
  assert_false(export_running(in_dir("lock")));
  assert_true(export_lock(&second, in_dir("lock"), &e));
  (void)close(second);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(frames_in_pieces),
      TEST(an_end_that_is_missing_is_no_end),
      TEST(refusals_keep_their_kind),
      TEST(a_frame_that_cannot_be_is_refused),
      TEST(nobody_there_is_not_found),
      TEST(the_state_comes_back),
      TEST(one_at_a_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
