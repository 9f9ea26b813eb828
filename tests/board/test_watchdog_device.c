// SPDX-License-Identifier: Apache-2.0
// The watchdog device against a kernel that is played here.
#include "board/watchdog_device.h"

#include <errno.h>
#include <linux/watchdog.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct {
  int open_errno, timeout, fed, feed_errno;
  char written[4];
  bool closed;
} k;

static int fake_open(const char *path) {
  assert_string_equal(path, "/dev/watchdog");
  errno = k.open_errno;
  return k.open_errno ? -1 : 9;
}

static int fake_ioctl(int fd, unsigned long request, void *arg) {
  assert_int_equal(fd, 9);
  if (request == WDIOC_SETTIMEOUT) {
    k.timeout =
        *(int *)arg > 16 ? 16 : *(int *)arg; // as the Raspberry Pi's, which has 16 s at most
    *(int *)arg = k.timeout;
    return 0;
  }
  assert_int_equal(request, WDIOC_KEEPALIVE);
  errno = k.feed_errno;
  k.fed += k.feed_errno == 0;
  return k.feed_errno ? -1 : 0;
}

static long fake_write(int fd, const void *data, size_t len) {
  assert_int_equal(fd, 9);
  memcpy(k.written, data, len < 4 ? len : 4);
  return (long)len;
}

static int fake_close(int fd) {
  assert_int_equal(fd, 9);
  k.closed = true;
  return 0;
}

static const struct watchdog_kernel fake = {fake_open, fake_ioctl, fake_write, fake_close};

static void it_is_armed_fed_and_disarmed(void **state) {
  (void)state;
  struct watchdog_device *w = NULL;
  struct err e;
  memset(&k, 0, sizeof k);
  assert_true(watchdog_device_open(&w, "/dev/watchdog", 60, &fake, &e));
  assert_int_equal(k.timeout, 16);
  watchdog_device_feed(w);
  watchdog_device_feed(w);
  assert_int_equal(k.fed, 2);
  k.feed_errno = EIO; // told, and tried again
  watchdog_device_feed(w);
  k.feed_errno = 0;
  watchdog_device_feed(w);
  assert_int_equal(k.fed, 3);
  assert_false(k.closed);
  watchdog_device_close(w);
  assert_int_equal(k.written[0], 'V'); // the magic close, without which it would restart the board
  assert_true(k.closed);
}

static void one_that_another_feeds_is_left_alone(void **state) {
  (void)state;
  struct watchdog_device *w = NULL;
  struct err e;
  memset(&k, 0, sizeof k);
  k.open_errno = EBUSY;
  assert_false(watchdog_device_open(&w, "/dev/watchdog", 60, &fake, &e));
  assert_int_equal(e.code, ERR_BUSY);
  assert_non_null(strstr(e.text, "systemd"));
  k.open_errno = ENOENT;
  assert_false(watchdog_device_open(&w, "/dev/watchdog", 60, &fake, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  watchdog_device_feed(NULL);
  watchdog_device_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_armed_fed_and_disarmed),
      cmocka_unit_test(one_that_another_feeds_is_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
