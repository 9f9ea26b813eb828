// SPDX-License-Identifier: Apache-2.0
// An export on its way through the web server: whole, refused, broken off, given up by either end.
#include "firmware/export_relay.h"
#include "tests/net/http_client.h"

#include <pthread.h>
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

static struct http_server *server;
static char dir[64], path[96];
static char answer[1 << 16];
static atomic_int going;
// The exporter: what it says, byte by byte; then it ends, or says more or just holds on until its
// peer goes away.
static int listener;
static pthread_t exporter;
static const char *says;
static size_t says_n;
static enum { ENDS, MORE, HOLDS } then;
static char asked[16];
static bool gave_up; // its peer went away

static void *serve(void *arg) {
  (void)arg;
  int fd = accept(listener, NULL, NULL);
  size_t n = 0;
  gave_up = false;
  while (fd >= 0 && n + 1 < sizeof asked && read(fd, asked + n, 1) == 1 && asked[n] != '\n')
    n++;
  asked[n] = '\0';
  for (size_t i = 0; fd >= 0 && i < says_n; i++) {
    if (send(fd, says + i, 1, MSG_NOSIGNAL) != 1)
      gave_up = true;
  }
  while (fd >= 0 && then == MORE && !gave_up)
    gave_up = send(fd, "\0\0\0\4more", 8, MSG_NOSIGNAL) != 8;
  char none;
  if (fd >= 0 && then == HOLDS)
    gave_up = read(fd, &none, 1) == 0;
  if (fd >= 0)
    (void)close(fd);
  return NULL;
}

static void exports(const char *bytes, size_t n, int what_then) {
  says = bytes;
  says_n = n;
  then = what_then;
  assert_int_equal(pthread_create(&exporter, NULL, serve, NULL), 0);
}

static void over(void) {
  assert_int_equal(pthread_join(exporter, NULL), 0);
}

static void handler(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  export_relay(r, path, http_request_tail(q), &going);
}

static const struct http_route routes[] = {{HTTP_GET, "/export/", true, handler}};

static int start(void **state) {
  (void)state;
  struct err e;
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  struct http_options o = {
      .clock = clock_system(), .address = "127.0.0.1", .routes = routes, .route_count = 1};
  snprintf(dir, sizeof dir, "/tmp/bayplate-relay-XXXXXX");
  if (!mkdtemp(dir))
    return -1;
  snprintf(path, sizeof path, "%s/export.sock", dir);
  memcpy(a.sun_path, path, strlen(path) + 1);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (const struct sockaddr *)&a, sizeof a) != 0 ||
      listen(listener, 4) != 0)
    return -1;
  return http_server_new(&server, &o, &e) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  http_server_free(server);
  (void)close(listener);
  (void)unlink(path);
  return rmdir(dir);
}

static int get(const char *what) {
  char target[32];
  snprintf(target, sizeof target, "/export/%s", what);
  return test_request(http_server_port(server), "GET", target, "", NULL, answer, sizeof answer);
}

static bool ends_whole(void) {
  return strstr(answer, "\r\n0\r\n") != NULL;
}

static void all_of_it_comes(void **state) {
  (void)state;
  static const char bytes[] = "ok\n\0\0\0\5hello\0\0\0\6 world\0\0\0\0";
  exports(bytes, sizeof bytes - 1, ENDS);
  assert_int_equal(get("files"), 200);
  over();
  assert_string_equal(asked, "files");
  assert_true(ends_whole());
  assert_non_null(strstr(answer, "application/gzip"));
}

static void what_is_refused_or_breaks_off_is_cut(void **state) {
  (void)state;
  static const char refused[] = "no busy another one\n", broken[] = "ok\n\0\0\0\5hel";
  exports(refused, sizeof refused - 1, ENDS);
  assert_int_equal(get("image"), 200);
  over();
  assert_false(ends_whole());
  exports(broken, sizeof broken - 1, ENDS);
  assert_int_equal(get("image"), 200);
  over();
  assert_false(ends_whole());
  assert_non_null(strstr(answer, "h"));
}

static void who_goes_away_ends_it(void **state) {
  (void)state;
  exports("ok\n", 3, MORE);
  int fd = test_connect(http_server_port(server));
  static const char text[] = "GET /export/image HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_true(test_send(fd, text, strlen(text)));
  assert_true(test_read(fd, answer, sizeof answer, "more") > 0);
  assert_int_equal(atomic_load(&going), 1);
  (void)close(fd);
  over();
  assert_true(gave_up);
}

// Nobody is asked for an export that nobody reads.
static void a_head_alone_asks_nobody(void **state) {
  (void)state;
  assert_int_equal(test_request(http_server_port(server), "HEAD", "/export/files", "", NULL, answer,
                                sizeof answer),
                   200);
  static const char bytes[] = "ok\n\0\0\0\0";
  exports(bytes, sizeof bytes - 1, ENDS); // the first to be asked
  assert_int_equal(get("files"), 200);
  over();
  assert_true(ends_whole());
}

static void a_server_that_stops_cuts_it(void **state) {
  (void)state;
  struct err e;
  struct http_options o = {
      .clock = clock_system(), .address = "127.0.0.1", .routes = routes, .route_count = 1};
  exports("ok\n\0\0\0\4part", 11, HOLDS);
  int fd = test_connect(http_server_port(server));
  static const char text[] = "GET /export/image HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_true(test_send(fd, text, strlen(text)));
  assert_true(test_read(fd, answer, sizeof answer, "part") > 0);
  http_server_free(server);
  over();
  assert_true(gave_up);
  assert_true(test_read(fd, answer, sizeof answer, NULL) >= 0);
  assert_false(ends_whole());
  assert_int_equal(atomic_load(&going), 0);
  (void)close(fd);
  assert_true(http_server_new(&server, &o, &e));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_of_it_comes),
      cmocka_unit_test(what_is_refused_or_breaks_off_is_cut),
      cmocka_unit_test(who_goes_away_ends_it),
      cmocka_unit_test(a_head_alone_asks_nobody),
      cmocka_unit_test(a_server_that_stops_cuts_it),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
