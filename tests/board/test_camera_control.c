// SPDX-License-Identifier: Apache-2.0
// Exposure, gain and focus: the words of the configuration, V4L2's controls against a kernel that
// is played here, and the feed that meets wishes while pictures flow.
#include "board/camera_control.h"

#include "board/camera_feed.h"
#include "board/camera_v4l2_control.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void wishes_are_read_as_written(void **state) {
  (void)state;
  struct camera_wish w;
  struct err e;
  assert_true(camera_wish_parse("", &w, &e));
  assert_int_equal(w.mode, KNOB_LEAVE);
  assert_true(camera_wish_parse("auto", &w, &e));
  assert_int_equal(w.mode, KNOB_AUTO);
  assert_true(camera_wish_parse("4000", &w, &e));
  assert_int_equal(w.mode, KNOB_VALUE);
  assert_int_equal(w.value, 4000);
  static const char *const bad[] = {"Auto", "-1", "1.5", "4 ms", "99999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(camera_wish_parse(bad[i], &w, &e));
}

// A UVC camera: exposure from 3 to 2047 times 100 us, which knows aperture priority but no full
// automatic; gain in steps of 4 without an automatic; no focus.
static struct {
  int exposure_auto, exposure, gain;
  bool refuses;
} k;

static int fake_query(struct v4l2_queryctrl *q) {
  switch (q->id) {
  case V4L2_CID_EXPOSURE_AUTO:
    q->minimum = 0;
    q->maximum = 3;
    return 0;
  case V4L2_CID_EXPOSURE_ABSOLUTE:
    q->minimum = 3;
    q->maximum = 2047;
    q->step = 1;
    return 0;
  case V4L2_CID_GAIN:
    q->minimum = 0;
    q->maximum = 100;
    q->step = 4;
    return 0;
  case V4L2_CID_AUTOGAIN:
    q->flags = V4L2_CTRL_FLAG_DISABLED;
    return 0;
  default:
    errno = EINVAL;
    return -1;
  }
}

static int *place_of(uint32_t id) {
  return id == V4L2_CID_EXPOSURE_AUTO       ? &k.exposure_auto
         : id == V4L2_CID_EXPOSURE_ABSOLUTE ? &k.exposure
         : id == V4L2_CID_GAIN              ? &k.gain
                                            : NULL;
}

static int fake_set(const struct v4l2_control *c) {
  if (k.refuses || (c->id == V4L2_CID_EXPOSURE_AUTO && c->value != V4L2_EXPOSURE_MANUAL &&
                    c->value != V4L2_EXPOSURE_APERTURE_PRIORITY)) {
    errno = EINVAL;
    return -1;
  }
  assert_non_null(place_of(c->id));
  *place_of(c->id) = c->value;
  return 0;
}

static int fake_ioctl(int fd, unsigned long request, void *arg) {
  static bool interrupt;
  assert_int_equal(fd, 5);
  interrupt = !interrupt;
  if (interrupt) { // every call is interrupted once
    errno = EINTR;
    return -1;
  }
  if (request == VIDIOC_QUERYCTRL)
    return fake_query(arg);
  if (request == VIDIOC_S_CTRL)
    return fake_set(arg);
  assert_int_equal(request, VIDIOC_G_CTRL);
  struct v4l2_control *c = arg;
  if (!place_of(c->id)) {
    errno = EINVAL;
    return -1;
  }
  c->value = *place_of(c->id);
  return 0;
}

static const struct v4l2_kernel fake = {.ioctl = fake_ioctl};

static void v4l2_controls_are_met_as_far_as_they_go(void **state) {
  (void)state;
  struct camera_knob_state s[CAMERA_KNOBS];
  struct camera_controls want = {0};
  memset(&k, 0, sizeof k);
  k.exposure_auto = V4L2_EXPOSURE_APERTURE_PRIORITY;
  k.exposure = 156;
  k.gain = 8;
  camera_v4l2_control(&fake, 5, &want, s); // nothing is wished: nothing is touched
  assert_int_equal(k.exposure, 156);
  assert_true(s[CAMERA_EXPOSURE].there && s[CAMERA_EXPOSURE].has_auto);
  assert_true(s[CAMERA_EXPOSURE].automatic);
  assert_int_equal(s[CAMERA_EXPOSURE].value, 15600); // microseconds
  assert_int_equal(s[CAMERA_EXPOSURE].max, 204700);
  assert_true(s[CAMERA_GAIN].there);
  assert_false(s[CAMERA_GAIN].has_auto); // a disabled control is none
  assert_false(s[CAMERA_FOCUS].there);
  want.knob[CAMERA_EXPOSURE] = (struct camera_wish){KNOB_VALUE, 4000};
  want.knob[CAMERA_GAIN] = (struct camera_wish){KNOB_VALUE, 999};
  want.knob[CAMERA_FOCUS] = (struct camera_wish){KNOB_VALUE, 1};
  camera_v4l2_control(&fake, 5, &want, s);
  assert_int_equal(k.exposure_auto, V4L2_EXPOSURE_MANUAL);
  assert_int_equal(k.exposure, 40);
  assert_int_equal(k.gain, 100); // cut to the range
  assert_false(s[CAMERA_EXPOSURE].automatic);
  assert_string_equal(s[CAMERA_EXPOSURE].error, "");
  assert_non_null(strstr(s[CAMERA_FOCUS].error, "cannot be set"));
  want.knob[CAMERA_GAIN].value = 30;
  camera_v4l2_control(&fake, 5, &want, s);
  assert_int_equal(k.gain, 28); // and to its steps
  want.knob[CAMERA_EXPOSURE] = (struct camera_wish){KNOB_AUTO, 0};
  want.knob[CAMERA_GAIN] = (struct camera_wish){KNOB_AUTO, 0};
  camera_v4l2_control(&fake, 5, &want, s);
  assert_int_equal(k.exposure_auto, V4L2_EXPOSURE_APERTURE_PRIORITY); // the automatic it has
  assert_non_null(strstr(s[CAMERA_GAIN].error, "no automatic"));
  k.refuses = true;
  want.knob[CAMERA_EXPOSURE] = (struct camera_wish){KNOB_VALUE, 4000};
  camera_v4l2_control(&fake, 5, &want, s);
  assert_non_null(strstr(s[CAMERA_EXPOSURE].error, "automatic off"));
}

static void the_feed_meets_wishes_while_pictures_flow(void **state) {
  (void)state;
  struct camera_feed *f = NULL;
  struct camera_feed_config c = {.camera.source = "sim:?fps=500", .camera.clock = clock_system()};
  struct camera_knob_state s[CAMERA_KNOBS];
  struct err e;
  c.controls.knob[CAMERA_GAIN] = (struct camera_wish){KNOB_VALUE, 42};
  assert_true(camera_feed_new(&f, &c, &e));
  struct camera_controls want = c.controls;
  bool met = false;
  for (int step = 0; step < 2; step++) {
    met = false;
    for (int i = 0; i < 10000 && !met; i++) {
      struct frame *frame = NULL;
      if (camera_feed_take(f, 20, &frame) == FEED_FRAME)
        frame_unref(frame);
      camera_feed_knobs(f, s);
      met = step == 0 ? s[CAMERA_GAIN].value == 42 && !s[CAMERA_GAIN].automatic
                      : s[CAMERA_EXPOSURE].value == 2000 && !s[CAMERA_EXPOSURE].automatic;
    }
    assert_true(met);
    want.knob[CAMERA_EXPOSURE] = (struct camera_wish){KNOB_VALUE, 2000};
    camera_feed_control(f, &want);
    camera_feed_control(f, &want); // said twice at once: still met
  }
  camera_feed_free(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wishes_are_read_as_written),
      cmocka_unit_test(v4l2_controls_are_met_as_far_as_they_go),
      cmocka_unit_test(the_feed_meets_wishes_while_pictures_flow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
