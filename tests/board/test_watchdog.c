// SPDX-License-Identifier: Apache-2.0
// systemd is played by a datagram socket, as sd_notify(3) describes it.
#include "board/watchdog.h"

#include "tests/board/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[TOOL_PATH_MAX];
static int systemd = -1;

static const char *told(void) {
  static char message[256];
  ssize_t n = recv(systemd, message, sizeof message - 1, MSG_DONTWAIT);
  message[n > 0 ? n : 0] = '\0';
  return message;
}

static void systemd_is_told_ready_status_and_stopping(void **state) {
  (void)state;
  struct watchdog *w = watchdog_new();
  watchdog_ready(w);
  assert_string_equal(told(), "READY=1");
  watchdog_status(w, "camera online");
  assert_string_equal(told(), "STATUS=camera online");
  watchdog_stopping(w);
  assert_string_equal(told(), "STOPPING=1");
  watchdog_feed(w); // systemd does not watch: nothing to say
  assert_string_equal(told(), "");
  watchdog_free(w);
}

static void a_watched_daemon_feeds_but_does_not_flood(void **state) {
  (void)state;
  char pid[16];
  (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
  assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
  assert_int_equal(setenv("WATCHDOG_USEC", "60000000", 1), 0);
  struct watchdog *w = watchdog_new();
  watchdog_feed(w);
  assert_string_equal(told(), "WATCHDOG=1");
  for (int i = 0; i < 100; i++)
    watchdog_feed(w);
  assert_string_equal(told(), "");
  watchdog_free(w);
}

static void without_systemd_nothing_happens(void **state) {
  (void)state;
  assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
  struct watchdog *w = watchdog_new();
  watchdog_ready(w);
  watchdog_feed(w);
  watchdog_stopping(w);
  assert_string_equal(told(), "");
  watchdog_free(w);
  watchdog_feed(NULL);
  watchdog_free(NULL);
}

static int set_up(void **state) {
  (void)state;
  tool_folder(dir);
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  (void)snprintf(at.sun_path, sizeof at.sun_path, "%.90s/notify", dir);
  systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return systemd < 0 || bind(systemd, (struct sockaddr *)&at, sizeof at) != 0 ||
         setenv("NOTIFY_SOCKET", at.sun_path, 1) != 0 || unsetenv("WATCHDOG_USEC") != 0 ||
         unsetenv("WATCHDOG_PID") != 0;
}

static int tear_down(void **state) {
  (void)state;
  tool_remove(dir);
  return close(systemd);
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(systemd_is_told_ready_status_and_stopping),
      CASE(a_watched_daemon_feeds_but_does_not_flood),
      CASE(without_systemd_nothing_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
