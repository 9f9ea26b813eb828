// SPDX-License-Identifier: Apache-2.0
// Against real servers on the loopback: GStreamer's RTSP server, Python's HTTP server.
#include "board/camera_feed.h"
#include "tests/board/tool.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_NS (20 * CLOCK_NS_PER_S)
#define RTSP BAYPLATE_SOURCE_DIR "/tests/system/rtsp_server.py"
#define HTTP BAYPLATE_SOURCE_DIR "/tests/system/mjpeg_server.py"

static int64_t now(void) {
  return clock_mono_ns(clock_system());
}

static struct camera_feed *watch(const char *scheme, int port) {
  struct camera_feed_config config = {.offline_ms = 1000, .pause_ms = 20, .pause_max_ms = 100};
  (void)snprintf(config.camera.source, sizeof config.camera.source, "%s://127.0.0.1:%d/cam", scheme,
                 port);
  config.camera.clock = clock_system();
  struct camera_feed *f = NULL;
  struct err e = {0};
  if (!camera_feed_new(&f, &config, &e))
    fail_msg("%s", e.text);
  return f;
}

// Takes frames until `width` comes; no frame may be older than `since`.
static void expect_width(struct camera_feed *f, int width, int64_t since) {
  int64_t until = now() + PATIENCE_NS;
  int got = 0;
  while (got != width && now() < until) {
    struct frame *frame = NULL;
    if (camera_feed_take(f, 100, &frame) != FEED_FRAME)
      continue;
    assert_true(frame->mono_ns >= since);
    assert_true(frame->mono_ns <= now());
    got = frame->width;
    frame_unref(frame);
  }
  assert_int_equal(got, width);
}

static void expect_lost(struct camera_feed *f) {
  int64_t until = now() + PATIENCE_NS;
  enum camera_feed_take got = FEED_NOTHING;
  while (got != FEED_LOST && now() < until) {
    struct frame *frame = NULL;
    got = camera_feed_take(f, 100, &frame);
    if (got == FEED_FRAME)
      frame_unref(frame);
  }
  assert_int_equal(got, FEED_LOST);
  struct camera_status s;
  camera_feed_status(f, &s);
  assert_int_equal(s.state, CAMERA_OFFLINE);
  assert_true(s.last_frame_wall_ns > 0);
  assert_true(s.error[0] != '\0');
}

static void killed_and_restarted(const char *scheme, const char *server) {
  pid_t pid = 0;
  const char *const first[] = {"/usr/bin/python3", server, NULL};
  int port = tool_serve(first, &pid);
  struct camera_feed *f = watch(scheme, port);
  expect_width(f, 320, 0);
  tool_kill(pid);
  expect_lost(f);
  int64_t back = now();
  char number[16];
  (void)snprintf(number, sizeof number, "%d", port);
  const char *const second[] = {"/usr/bin/python3", server,    "--port", number,
                                "--size",           "160x120", NULL};
  assert_int_equal(tool_serve(second, &pid), port);
  expect_width(f, 160, back); // another size, and nothing from before
  tool_kill(pid);
  camera_feed_free(f);
}

static void an_rtsp_camera_that_is_killed_and_restarted_comes_back(void **state) {
  (void)state;
  killed_and_restarted("rtsp", RTSP);
}

static void an_http_mjpeg_camera_that_is_killed_and_restarted_comes_back(void **state) {
  (void)state;
  killed_and_restarted("http", HTTP);
}

// A stopped process keeps its connections open and sends nothing.
static void an_rtsp_camera_that_hangs_is_lost(void **state) {
  (void)state;
  pid_t pid = 0;
  const char *const argv[] = {"/usr/bin/python3", RTSP, NULL};
  struct camera_feed *f = watch("rtsp", tool_serve(argv, &pid));
  expect_width(f, 320, 0);
  tool_stop(pid);
  expect_lost(f);
  int64_t begin = now();
  camera_feed_free(f);
  assert_true(now() - begin < 2 * CLOCK_NS_PER_S);
  tool_kill(pid);
}

static void a_server_that_accepts_and_says_nothing_times_out(void **state) {
  (void)state;
  int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof at), 0);
  assert_int_equal(listen(s, 8), 0);
  assert_int_equal(getsockname(s, (struct sockaddr *)&at, &len), 0);
  static const char *const schemes[] = {"rtsp", "http"};
  for (int i = 0; i < 2; i++) {
    struct camera_config config = {.open_ms = 150, .clock = clock_system()};
    (void)snprintf(config.source, sizeof config.source, "%s://user:secret@127.0.0.1:%d/cam",
                   schemes[i], ntohs(at.sin_port));
    struct camera *c = NULL;
    struct err e = {0};
    int64_t begin = now();
    assert_false(camera_stream.open(&c, &config, &e));
    assert_true(now() - begin < 3 * CLOCK_NS_PER_S);
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_null(strstr(e.text, "secret"));
    assert_non_null(strstr(e.text, "127.0.0.1"));
  }
  assert_int_equal(close(s), 0);
}

static void nobody_listening_is_told_as_such(void **state) {
  (void)state;
  struct camera_config config = {.source = "rtsp://127.0.0.1:1/cam", .clock = clock_system()};
  struct camera *c = NULL;
  struct err e = {0};
  assert_false(camera_stream.open(&c, &config, &e));
  assert_int_equal(e.code, ERR_NET);
  assert_non_null(strstr(e.text, "refused"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_rtsp_camera_that_is_killed_and_restarted_comes_back),
      cmocka_unit_test(an_rtsp_camera_that_hangs_is_lost),
      cmocka_unit_test(an_http_mjpeg_camera_that_is_killed_and_restarted_comes_back),
      cmocka_unit_test(a_server_that_accepts_and_says_nothing_times_out),
      cmocka_unit_test(nobody_listening_is_told_as_such),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
