// SPDX-License-Identifier: Apache-2.0
#include "board/camera.h"
#include "board/camera_feed.h"
#include "tests/board/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char dir[TOOL_PATH_MAX], clip[TOOL_PATH_MAX]; // clip: 12 frames of 160x90, H.264 in MPEG-TS

static struct camera_config config_of(const char *path) {
  struct camera_config c = {.fast = true, .clock = clock_system()};
  (void)snprintf(c.source, sizeof c.source, "%s", path);
  return c;
}

static struct camera *open_ok(const struct camera_config *config) {
  struct err e = {0};
  struct camera *c = NULL;
  const struct camera_ops *ops = camera_driver(config->source, &e);
  assert_non_null(ops);
  if (!ops->open(&c, config, &e))
    fail_msg("%s", e.text);
  return c;
}

static void expect_open_error(const char *path, enum err_code code, const char *words) {
  struct camera_config config = config_of(path);
  struct err e = {0};
  struct camera *c = NULL;
  assert_false(camera_file.open(&c, &config, &e));
  if (e.code != code || !strstr(e.text, words) || !strstr(e.text, path))
    fail_msg("%s: %s", err_name(e.code), e.text);
}

static void every_frame_of_a_file_comes_with_the_times_of_the_recording(void **state) {
  (void)state;
  struct camera_config config = config_of(clip);
  struct camera *c = open_ok(&config);
  struct err e = {0};
  struct frame *f = NULL;
  int64_t first = 0;
  int n = 0;
  enum camera_next got;
  while ((got = camera_file.next(c, &f, &e)) == CAMERA_FRAME) {
    assert_int_equal(f->format, FRAME_I420);
    assert_int_equal(f->width, 160);
    assert_int_equal(f->height, 90);
    assert_int_equal(f->seq, n);
    first = n == 0 ? f->mono_ns : first;
    assert_in_range(f->mono_ns - first + 100000, (int64_t)n * 40 * CLOCK_NS_PER_MS,
                    (int64_t)n * 40 * CLOCK_NS_PER_MS + 200000);
    frame_unref(f);
    n++;
  }
  assert_int_equal(got, CAMERA_END);
  assert_int_equal(n, 12);
  camera_file.close(c);
}

static void a_looped_file_goes_on_with_rising_times(void **state) {
  (void)state;
  struct camera_config config = config_of(clip);
  config.loop = true;
  struct camera *c = open_ok(&config);
  struct err e = {0};
  int64_t last = 0;
  for (int n = 0; n < 40; n++) {
    struct frame *f = NULL;
    if (camera_file.next(c, &f, &e) != CAMERA_FRAME)
      fail_msg("frame %d: %s", n, e.text);
    assert_int_equal(f->seq, n);
    if (n > 0)
      assert_in_range(f->mono_ns - last, 30 * CLOCK_NS_PER_MS, 90 * CLOCK_NS_PER_MS);
    last = f->mono_ns;
    frame_unref(f);
  }
  camera_file.close(c);
}

static void real_pace_waits(void **state) {
  (void)state;
  struct camera_config config = config_of(clip);
  config.fast = false;
  struct camera *c = open_ok(&config);
  struct err e = {0};
  int64_t first = 0, last = 0;
  struct frame *f = NULL;
  while (camera_file.next(c, &f, &e) == CAMERA_FRAME) {
    last = clock_mono_ns(clock_system());
    first = first ? first : last;
    assert_true(f->mono_ns <= last);
    frame_unref(f);
  }
  assert_true(last - first >= INT64_C(11) * 39 * CLOCK_NS_PER_MS);
  camera_file.close(c);
}

static void colours_come_out_as_bt601(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, "red.mjpeg");
  struct camera_config config = config_of(path);
  struct camera *c = open_ok(&config);
  struct err e = {0};
  struct frame *f = NULL;
  assert_int_equal(camera_file.next(c, &f, &e), CAMERA_FRAME);
  // Pure red in BT.601 limited range is 81, 90, 240.
  assert_in_range(f->plane[0][0], 78, 84);
  assert_in_range(f->plane[1][0], 86, 94);
  assert_in_range(f->plane[2][0], 236, 241);
  frame_unref(f);
  camera_file.close(c);
}

static void files_that_are_no_video_are_refused_by_name(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, "absent.mp4");
  expect_open_error(path, ERR_NOT_FOUND, "no such file");
  tool_path(path, dir, "empty.mp4");
  tool_write(path, "", 0);
  expect_open_error(path, ERR_FORMAT, "open");
  tool_path(path, dir, "text.mp4");
  tool_write(path, "this is not a video, only words\n", 32);
  expect_open_error(path, ERR_FORMAT, "open");
  expect_open_error(dir, ERR_IO, "open");
  // A playlist must not lead to other files or to the network.
  tool_path(path, dir, "list.m3u8");
  char list[600];
  int n = snprintf(list, sizeof list,
                   "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n");
  tool_write(path, list, (size_t)n);
  expect_open_error(path, ERR_FORMAT, "not a kind of video file");
}

static void an_index_that_is_cut_off_is_an_error(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, "cut.mp4");
  tool_cut(path, tool_size(path) / 2); // an MP4's index stands at its end
  expect_open_error(path, ERR_FORMAT, "open");
}

static int count_until_error(const char *path, struct err *e) {
  struct camera_config config = config_of(path);
  struct camera *c = open_ok(&config);
  struct frame *f = NULL;
  int n = 0;
  enum camera_next got;
  while ((got = camera_file.next(c, &f, e)) == CAMERA_FRAME) {
    frame_unref(f);
    n++;
  }
  camera_file.close(c);
  return got == CAMERA_ERROR ? n : -1;
}

static void a_file_that_ends_within_a_frame_says_so(void **state) {
  (void)state;
  static const char *const names[] = {"cut.mkv", "cut.avi", "cut.mov"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[TOOL_PATH_MAX];
    tool_path(path, dir, names[i]);
    tool_cut(path, tool_size(path) * 6 / 10);
    struct err e = {0};
    int n = count_until_error(path, &e);
    if (n < 1 || n > 11 || e.code != ERR_FORMAT || !strstr(e.text, "cut short"))
      fail_msg("%s: %d frames, %s: %s", names[i], n, err_name(e.code), e.text);
  }
}

static void a_feed_ends_at_a_broken_frame_and_does_not_replay(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, "feed.avi");
  tool_cut(path, tool_size(path) * 6 / 10);
  struct camera_feed_config config = {.camera = config_of(path), .pause_ms = 1};
  struct camera_feed *feed = NULL;
  struct err e = {0};
  assert_true(camera_feed_new(&feed, &config, &e));
  struct frame *f = NULL;
  uint64_t next = 0;
  enum camera_feed_take got;
  while ((got = camera_feed_take(feed, 2000, &f)) == FEED_FRAME) {
    assert_int_equal(f->seq, next++); // `fast` drops nothing
    frame_unref(f);
  }
  assert_int_equal(got, FEED_ENDED);
  assert_int_equal(camera_feed_take(feed, 20, &f), FEED_ENDED);
  struct camera_status s;
  camera_feed_status(feed, &s);
  assert_int_equal(s.dropped, 0);
  assert_non_null(strstr(s.error, "cut short"));
  camera_feed_free(feed);
}

static void a_file_that_appears_later_is_found(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX], early[TOOL_PATH_MAX];
  tool_path(early, dir, "early.ts");
  tool_path(path, dir, "late.ts");
  struct camera_feed_config config = {.camera = config_of(path), .pause_ms = 5, .pause_max_ms = 5};
  struct camera_feed *feed = NULL;
  struct err e = {0};
  assert_true(camera_feed_new(&feed, &config, &e));
  struct camera_status s;
  do
    camera_feed_status(feed, &s);
  while (s.state != CAMERA_OFFLINE);
  assert_int_equal(rename(early, path), 0);
  struct frame *f = NULL;
  assert_int_equal(camera_feed_take(feed, 2000, &f), FEED_FRAME);
  frame_unref(f);
  camera_feed_free(feed);
}

#define OUT(name) "-map", "0", "-pix_fmt", "yuv420p", "-g", "1", name

// All clips by one run of the ffmpeg program. Every picture is whole in itself, so that all are of
// about one size.
static int set_up(void **state) {
  (void)state;
  tool_folder(dir);
  tool_path(clip, dir, "clip.ts");
  const char *const argv[] = {"env",
                              "-C",
                              dir,
                              "ffmpeg",
                              "-nostdin",
                              "-y",
                              "-threads",
                              "1",
                              "-f",
                              "lavfi",
                              "-i",
                              "testsrc=size=160x90:rate=25:duration=0.48",
                              "-f",
                              "lavfi",
                              "-i",
                              "color=red:size=64x48:duration=0.1",
                              OUT("clip.ts"),
                              OUT("early.ts"),
                              OUT("cut.mp4"),
                              OUT("cut.mkv"),
                              OUT("cut.avi"),
                              OUT("feed.avi"),
                              "-movflags",
                              "+faststart",
                              OUT("cut.mov"),
                              "-map",
                              "1",
                              "-pix_fmt",
                              "yuvj422p",
                              "red.mjpeg",
                              NULL};
  return tool_run(argv);
}

static int tear_down(void **state) {
  (void)state;
  tool_remove(dir);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_frame_of_a_file_comes_with_the_times_of_the_recording),
      cmocka_unit_test(a_looped_file_goes_on_with_rising_times),
      cmocka_unit_test(real_pace_waits),
      cmocka_unit_test(colours_come_out_as_bt601),
      cmocka_unit_test(files_that_are_no_video_are_refused_by_name),
      cmocka_unit_test(an_index_that_is_cut_off_is_an_error),
      cmocka_unit_test(a_file_that_ends_within_a_frame_says_so),
      cmocka_unit_test(a_feed_ends_at_a_broken_frame_and_does_not_replay),
      cmocka_unit_test(a_file_that_appears_later_is_found),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
