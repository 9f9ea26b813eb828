// SPDX-License-Identifier: Apache-2.0
// bayplated's device socket, asked by bayplate-port's own client, and the newest picture behind it.
#include "firmware/device_socket.h"

#include "board/jpeg.h"
#include "firmware/newest.h"
#include "firmware/port/port_device.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define BIG 3000000

static bool copy(const char *text, uint8_t **bytes, size_t *len) {
  *len = strlen(text);
  *bytes = malloc(*len + 1);
  assert_non_null(*bytes);
  memcpy(*bytes, text, *len + 1);
  return true;
}

static bool give_state(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  (void)e;
  return copy(ctx, bytes, len);
}

static bool give_logs(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  (void)ctx;
  (void)e;
  *len = BIG;
  *bytes = calloc(1, BIG);
  return *bytes != NULL;
}

static bool give_snapshot(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  (void)ctx;
  (void)bytes;
  (void)len;
  return err_set(e, ERR_TIMEOUT, "no picture");
}

static bool give_identity(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  (void)ctx;
  (void)e;
  return copy("00ff", bytes, len);
}

static const struct device_socket_ops ops = {give_state, give_logs, give_snapshot, give_identity};

struct world {
  char dir[64], path[80];
  struct device_socket *s;
};

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof *w);
  struct err e;
  assert_non_null(w);
  (void)snprintf(w->dir, sizeof w->dir, "/tmp/bayplate-socket-XXXXXX");
  assert_non_null(mkdtemp(w->dir));
  (void)snprintf(w->path, sizeof w->path, "%s/device.sock", w->dir);
  assert_true(device_socket_new(&w->s, w->path, "", &ops, "{\"ok\":true}", &e));
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  struct world *w = *state;
  device_socket_free(w->s);
  assert_int_equal(rmdir(w->dir), 0); // the socket is gone, too
  free(w);
  return 0;
}

static void questions_are_answered(void **state) {
  struct world *w = *state;
  struct err e;
  uint8_t *bytes = NULL;
  size_t len = 0;
  assert_true(port_device_ask(w->path, "state", &bytes, &len, &e));
  assert_int_equal(len, 11);
  assert_memory_equal(bytes, "{\"ok\":true}", 11);
  free(bytes);
  assert_true(port_device_ask(w->path, "logs", &bytes, &len, &e)); // more than a socket holds
  assert_int_equal(len, BIG);
  free(bytes);
  assert_false(port_device_ask(w->path, "snapshot", &bytes, &len, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_non_null(strstr(e.text, "no picture"));
  assert_true(port_device_ask(w->path, "identity", &bytes, &len, &e));
  assert_int_equal(len, 4);
  free(bytes);
  assert_false(port_device_ask(w->path, "password", &bytes, &len, &e));
}

static int connect_to(const struct world *w) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", w->path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
  return fd;
}

static void rude_peers_do_no_harm(void **state) {
  struct world *w = *state;
  struct err e;
  uint8_t *bytes = NULL;
  size_t len = 0;
  assert_int_equal(close(connect_to(w)), 0); // says nothing
  int fd = connect_to(w);
  char line[100];
  memset(line, 'x', sizeof line);
  (void)send(fd, line, sizeof line, MSG_NOSIGNAL); // never ends its line
  assert_int_equal(close(fd), 0);
  fd = connect_to(w);
  assert_int_equal(send(fd, "logs\n", 5, 0), 5); // does not wait for the answer
  assert_int_equal(close(fd), 0);
  assert_true(port_device_ask(w->path, "state", &bytes, &len, &e));
  free(bytes);
}

static void an_old_socket_is_replaced_a_file_is_not(void **state) {
  struct world *w = *state;
  struct err e;
  struct device_socket *again = NULL;
  struct stat st;
  assert_int_equal(stat(w->path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0660);
  assert_true(device_socket_new(&again, w->path, "", &ops, "", &e));
  device_socket_free(again);
  int fd = open(w->path, O_WRONLY | O_CREAT, 0600);
  assert_true(fd >= 0 && close(fd) == 0);
  assert_false(device_socket_new(&again, w->path, "", &ops, "", &e));
  assert_int_equal(e.code, ERR_IO);
}

static void a_group_may_use_it(void **state) {
  struct world *w = *state;
  struct err e;
  struct device_socket *s = NULL;
  struct stat st;
  assert_false(device_socket_new(&s, w->path, "no-such-group", &ops, "", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  struct group *own = getgrgid(getegid()); // always allowed
  assert_non_null(own);
  assert_true(device_socket_new(&s, w->path, own->gr_name, &ops, "", &e));
  assert_int_equal(stat(w->path, &st), 0);
  assert_int_equal(st.st_gid, own->gr_gid);
  device_socket_free(s);
}

static void a_terminal_that_is_away_is_told(void **state) {
  (void)state;
  struct err e;
  uint8_t *bytes = NULL;
  size_t len = 0;
  assert_false(port_device_ask("/nowhere/device.sock", "state", &bytes, &len, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_false(port_device_ask("", "state", &bytes, &len, &e));
  assert_int_equal(e.code, ERR_STATE);
}

// --- the newest picture

static atomic_bool over;

static void *camera(void *arg) {
  struct err e;
  const struct timespec pace = {.tv_nsec = 1000000};
  struct frame *f = NULL;
  assert_true(frame_new(&f, FRAME_I420, 1920, 1080, &e));
  for (int i = 0; i < 3; i++)
    memset(f->plane[i], 128, (size_t)f->stride[i] * (size_t)(i ? 540 : 1080));
  while (!atomic_load(&over)) {
    newest_offer(arg, f);
    (void)nanosleep(&pace, NULL);
  }
  frame_unref(f);
  return NULL;
}

static void a_picture_is_the_next_one_scaled(void **state) {
  (void)state;
  struct newest *n = NULL;
  struct err e;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  assert_true(newest_new(&n, &e));
  newest_offer(NULL, NULL);
  assert_false(newest_jpeg(n, 10, &jpeg, &len, &e)); // no camera yet
  assert_int_equal(e.code, ERR_TIMEOUT);
  pthread_t t;
  assert_int_equal(pthread_create(&t, NULL, camera, n), 0);
  for (int i = 0; i < 2; i++) { // the second is not the first one's leftover
    assert_true(newest_jpeg(n, 20000, &jpeg, &len, &e));
    struct jpeg_decoder *d = NULL;
    struct frame *f = NULL;
    assert_true(jpeg_decoder_new(&d, &e));
    assert_true(jpeg_decode(d, jpeg, len, &f, &e));
    assert_int_equal(f->width, 1280);
    assert_int_equal(f->height, 720);
    assert_in_range(f->plane[0][100], 120, 136);
    frame_unref(f);
    jpeg_decoder_free(d);
    free(jpeg);
  }
  atomic_store(&over, true);
  assert_int_equal(pthread_join(t, NULL), 0);
  newest_free(n);
  newest_free(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(questions_are_answered),
      TEST(rude_peers_do_no_harm),
      TEST(a_group_may_use_it),
      TEST(an_old_socket_is_replaced_a_file_is_not),
      cmocka_unit_test(a_terminal_that_is_away_is_told),
      cmocka_unit_test(a_picture_is_the_next_one_scaled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
