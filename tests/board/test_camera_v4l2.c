// SPDX-License-Identifier: Apache-2.0
// The driver against a kernel that is played here: one device, as the V4L2 API describes it.
#include "board/camera_v4l2_kernel.h"
#include "board/jpeg.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define FD 77
#define WIDTH 32
#define HEIGHT 16
#define ROW (WIDTH * 2 + 8) // the driver may pad its rows
#define BUFFER_BYTES 4096

static struct {
  int open_errno;
  uint32_t capabilities;
  uint32_t pixels; // the one format it has
  uint32_t buffers;
  bool silent, unplugged;
  uint32_t flags;
  int64_t age_ns;         // of a picture when it is taken
  int fail_from, fail_to; // these pictures are damaged
  int interrupts;         // so many ioctls say EINTR first
  // What happened:
  bool opened, streaming;
  int mapped, queued, taken;
  uint32_t sequence;
  uint32_t next;
  uint8_t memory[8][BUFFER_BYTES];
  size_t used;
  uint8_t *jpeg;
  size_t jpeg_len;
} k;

static int fake_open(const char *path) {
  assert_string_equal(path, "/dev/video0");
  if (k.open_errno) {
    errno = k.open_errno;
    return -1;
  }
  k.opened = true;
  return FD;
}

static int refuse(int errnum) {
  errno = errnum;
  return -1;
}

static void fill(uint32_t index) {
  bool damaged = k.taken >= k.fail_from && k.taken < k.fail_to;
  uint8_t *m = k.memory[index];
  if (k.pixels == V4L2_PIX_FMT_MJPEG) {
    memcpy(m, k.jpeg, k.jpeg_len);
    k.used = damaged ? k.jpeg_len / 2 : k.jpeg_len;
    return;
  }
  for (int y = 0; y < HEIGHT; y++) {
    for (int x = 0; x < WIDTH; x++) {
      m[y * ROW + 2 * x] = (uint8_t)(y * 8 + x);
      m[y * ROW + 2 * x + 1] = x % 2 ? 200 : 100; // V on odd, U on even pixels
    }
  }
  k.used = damaged ? 10 : ROW * HEIGHT;
}

static int dequeue(struct v4l2_buffer *b) {
  if (k.unplugged)
    return refuse(ENODEV);
  if (k.queued == 0)
    return refuse(EAGAIN);
  b->index = k.next;
  k.next = (k.next + 1) % k.buffers;
  fill(b->index);
  k.queued--;
  k.taken++;
  b->bytesused = (uint32_t)k.used;
  b->sequence = k.sequence++;
  b->flags = k.flags;
  int64_t at = clock_mono_ns(clock_system()) - k.age_ns;
  b->timestamp.tv_sec = at / CLOCK_NS_PER_S;
  b->timestamp.tv_usec = at % CLOCK_NS_PER_S / 1000;
  return 0;
}

static int set_format(struct v4l2_format *f) {
  f->fmt.pix.pixelformat =
      k.pixels; // drivers put what they have in the place of what they have not
  f->fmt.pix.width = WIDTH;
  f->fmt.pix.height = HEIGHT;
  f->fmt.pix.bytesperline = k.pixels == V4L2_PIX_FMT_YUYV ? ROW : 0;
  return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg) {
  assert_int_equal(fd, FD);
  if (k.interrupts > 0 && k.interrupts--)
    return refuse(EINTR);
  switch (request) {
  case VIDIOC_QUERYCAP:
    ((struct v4l2_capability *)arg)->capabilities = k.capabilities;
    return k.capabilities ? 0 : refuse(ENOTTY);
  case VIDIOC_S_FMT:
    return set_format(arg);
  case VIDIOC_S_PARM:
    return refuse(EINVAL);
  case VIDIOC_REQBUFS:
    assert_true(((struct v4l2_requestbuffers *)arg)->count >= 2);
    ((struct v4l2_requestbuffers *)arg)->count = k.buffers;
    return 0;
  case VIDIOC_QUERYBUF:
    ((struct v4l2_buffer *)arg)->length = BUFFER_BYTES;
    ((struct v4l2_buffer *)arg)->m.offset = ((struct v4l2_buffer *)arg)->index * BUFFER_BYTES;
    return 0;
  case VIDIOC_QBUF:
    k.queued++;
    return 0;
  case VIDIOC_DQBUF:
    return dequeue(arg);
  case VIDIOC_STREAMON:
    k.streaming = true;
    return 0;
  case VIDIOC_STREAMOFF:
    k.streaming = false;
    return 0;
  default:
    fail_msg("request %#lx", request);
    return -1;
  }
}

static void *fake_map(int fd, size_t length, int64_t offset) {
  assert_int_equal(fd, FD);
  assert_int_equal(length, BUFFER_BYTES);
  k.mapped++;
  return k.memory[offset / BUFFER_BYTES];
}

static int fake_unmap(void *at, size_t length) {
  assert_non_null(at);
  assert_int_equal(length, BUFFER_BYTES);
  k.mapped--;
  return 0;
}

static int fake_poll(int fd, int timeout_ms) {
  assert_int_equal(fd, FD);
  assert_true(timeout_ms > 0);
  return k.silent ? 0 : 1;
}

static int fake_close(int fd) {
  assert_int_equal(fd, FD);
  k.opened = false;
  return 0;
}

static const struct v4l2_kernel kernel = {fake_open,  fake_ioctl, fake_map,
                                          fake_unmap, fake_poll,  fake_close};

static struct camera *open_source(const char *source, struct err *e) {
  struct camera_config config = {.read_ms = 30, .clock = clock_system()};
  memcpy(config.source, source, strlen(source) + 1);
  struct camera *c = NULL;
  return camera_v4l2_open(&c, &config, &kernel, e) ? c : NULL;
}

static struct camera *open_ok(void) {
  struct err e = {0};
  struct camera *c = open_source("v4l2:/dev/video0?width=32&height=16&fps=30", &e);
  if (!c)
    fail_msg("%s", e.text);
  assert_true(k.streaming);
  return c;
}

static void close_and_check(struct camera *c) {
  camera_v4l2.close(c);
  assert_false(k.streaming);
  assert_false(k.opened);
  assert_int_equal(k.mapped, 0);
}

static void expect_open_error(const char *source, enum err_code code, const char *words) {
  struct err e = {0};
  assert_null(open_source(source, &e));
  if (e.code != code || !strstr(e.text, words))
    fail_msg("%s: %s", err_name(e.code), e.text);
  assert_false(k.opened);
  assert_int_equal(k.mapped, 0);
}

static void expect_next_error(struct camera *c, enum err_code code, const char *words) {
  struct err e = {0};
  struct frame *f = NULL;
  assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_ERROR);
  if (e.code != code || !strstr(e.text, words))
    fail_msg("%s: %s", err_name(e.code), e.text);
}

static int set_up(void **state) {
  (void)state;
  free(k.jpeg);
  memset(&k, 0, sizeof k);
  k.capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  k.pixels = V4L2_PIX_FMT_YUYV;
  k.buffers = 4;
  k.flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  uint8_t bgr[WIDTH * HEIGHT * 3];
  memset(bgr, 128, sizeof bgr);
  struct err e = {0};
  assert_true(jpeg_encode_bgr(bgr, WIDTH, HEIGHT, WIDTH * 3, 90, &k.jpeg, &k.jpeg_len, &e));
  return 0;
}

static void yuyv_becomes_i420_row_by_row(void **state) {
  (void)state;
  k.interrupts = 3;
  struct camera *c = open_ok();
  struct err e = {0};
  for (uint64_t n = 0; n < 10; n++) { // more than there are buffers: each is handed back
    struct frame *f = NULL;
    assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_FRAME);
    assert_int_equal(f->width, WIDTH);
    assert_int_equal(f->height, HEIGHT);
    assert_int_equal(f->seq, n);
    assert_int_equal(f->plane[0][3 * f->stride[0] + 5], 3 * 8 + 5);
    assert_int_equal(f->plane[1][2 * f->stride[1] + 7], 100);
    assert_int_equal(f->plane[2][7 * f->stride[2] + 15], 200);
    assert_int_equal(k.queued, 4);
    frame_unref(f);
  }
  close_and_check(c);
}

static void the_time_of_exposure_is_the_driver_s(void **state) {
  (void)state;
  k.age_ns = 80 * CLOCK_NS_PER_MS;
  struct camera *c = open_ok();
  struct err e = {0};
  struct frame *f = NULL;
  assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_FRAME);
  int64_t age = clock_mono_ns(clock_system()) - f->mono_ns;
  int64_t wall_age = clock_wall_ns(clock_system()) - f->wall_ns;
  frame_unref(f);
  assert_in_range(age, k.age_ns, k.age_ns + 500 * CLOCK_NS_PER_MS);
  assert_in_range(wall_age, k.age_ns - CLOCK_NS_PER_MS, k.age_ns + 500 * CLOCK_NS_PER_MS);
  k.flags = 0; // a time of unknown kind is not used
  int64_t before = clock_mono_ns(clock_system());
  assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_FRAME);
  assert_true(f->mono_ns >= before);
  frame_unref(f);
  close_and_check(c);
}

static void pictures_the_driver_lost_leave_a_gap(void **state) {
  (void)state;
  struct camera *c = open_ok();
  struct err e = {0};
  struct frame *f = NULL;
  assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_FRAME);
  frame_unref(f);
  k.sequence += 3;
  assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_FRAME);
  assert_int_equal(f->seq, 4);
  frame_unref(f);
  close_and_check(c);
}

static void mjpeg_is_decoded_and_a_few_damaged_pictures_are_passed_over(void **state) {
  (void)state;
  k.pixels = V4L2_PIX_FMT_MJPEG;
  k.fail_from = 1;
  k.fail_to = 4;
  struct camera *c = open_ok();
  struct err e = {0};
  for (int i = 0; i < 3; i++) {
    struct frame *f = NULL;
    assert_int_equal(camera_v4l2.next(c, &f, &e), CAMERA_FRAME);
    assert_int_equal(f->width, WIDTH);
    assert_in_range(f->plane[0][0], 120, 132); // grey 128 squeezed: 16 + 128 * 219 / 255 = 126
    frame_unref(f);
  }
  assert_int_equal(k.taken, 6);
  close_and_check(c);
}

static void nothing_but_damaged_pictures_is_an_error(void **state) {
  (void)state;
  k.pixels = V4L2_PIX_FMT_MJPEG;
  k.fail_to = 1000;
  struct camera *c = open_ok();
  expect_next_error(c, ERR_FORMAT, "in a row");
  close_and_check(c);
}

static void a_silent_camera_times_out(void **state) {
  (void)state;
  k.silent = true;
  struct camera *c = open_ok();
  expect_next_error(c, ERR_TIMEOUT, "no picture for 30 ms");
  close_and_check(c);
}

static void a_camera_pulled_out_is_an_error(void **state) {
  (void)state;
  struct camera *c = open_ok();
  k.unplugged = true;
  expect_next_error(c, ERR_IO, "pulled out");
  close_and_check(c);
}

static void what_cannot_be_opened_is_named(void **state) {
  (void)state;
  const char *plain = "v4l2:/dev/video0";
  k.open_errno = ENOENT;
  expect_open_error(plain, ERR_NOT_FOUND, "/dev/video0");
  k.open_errno = EACCES;
  expect_open_error(plain, ERR_DENIED, "/dev/video0");
  k.open_errno = 0;
  k.capabilities = 0;
  expect_open_error(plain, ERR_FORMAT, "not a video device");
  k.capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
  expect_open_error(plain, ERR_FORMAT, "does not capture");
  k.capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  k.pixels = V4L2_PIX_FMT_NV12;
  expect_open_error(plain, ERR_FORMAT, "neither MJPEG nor YUYV");
  k.pixels = V4L2_PIX_FMT_YUYV;
  expect_open_error("v4l2:/dev/video0?format=mjpeg", ERR_FORMAT, "/dev/video0");
  k.buffers = 1;
  expect_open_error(plain, ERR_NOMEM, "buffers");
}

static void options_are_checked(void **state) {
  (void)state;
  expect_open_error("v4l2:/dev/video0?width=zero", ERR_ARG, "width=zero");
  expect_open_error("v4l2:/dev/video0?fps=29.5", ERR_ARG, "fps=29.5");
  expect_open_error("v4l2:/dev/video0?width=99999", ERR_ARG, "from 2 to");
  expect_open_error("v4l2:/dev/video0?colour=red", ERR_ARG, "colour");
  expect_open_error("v4l2:/dev/video0?width", ERR_ARG, "key=value");
  expect_open_error("v4l2:/dev/video0?format=h264", ERR_ARG, "format=h264");
}

static int tear_down(void **state) {
  (void)state;
  free(k.jpeg);
  k.jpeg = NULL;
  return 0;
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup(f, set_up)
  const struct CMUnitTest tests[] = {
      CASE(yuyv_becomes_i420_row_by_row),
      CASE(the_time_of_exposure_is_the_driver_s),
      CASE(pictures_the_driver_lost_leave_a_gap),
      CASE(mjpeg_is_decoded_and_a_few_damaged_pictures_are_passed_over),
      CASE(nothing_but_damaged_pictures_is_an_error),
      CASE(a_silent_camera_times_out),
      CASE(a_camera_pulled_out_is_an_error),
      CASE(what_cannot_be_opened_is_named),
      CASE(options_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, tear_down);
}
