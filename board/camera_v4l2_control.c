// SPDX-License-Identifier: Apache-2.0
#include "board/camera_v4l2_control.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>

struct knob {
  uint32_t id;      // the value's control
  uint32_t auto_id; // the automatic's
  int manual;       // value of the automatic's control for "no"
  int automatic[2]; // values for "yes", the second for devices that refuse the first
  int unit;         // of ours in one of the driver's
};

// V4L2 counts exposure in 100 microseconds; UVC cameras have no full automatic but one that leaves
// the aperture alone.
static const struct knob knobs[CAMERA_KNOBS] = {
    [CAMERA_EXPOSURE] = {V4L2_CID_EXPOSURE_ABSOLUTE,
                         V4L2_CID_EXPOSURE_AUTO,
                         V4L2_EXPOSURE_MANUAL,
                         {V4L2_EXPOSURE_AUTO, V4L2_EXPOSURE_APERTURE_PRIORITY},
                         100},
    [CAMERA_GAIN] = {V4L2_CID_GAIN, V4L2_CID_AUTOGAIN, 0, {1, 1}, 1},
    [CAMERA_FOCUS] = {V4L2_CID_FOCUS_ABSOLUTE, V4L2_CID_FOCUS_AUTO, 0, {1, 1}, 1},
};

struct device {
  const struct v4l2_kernel *kernel;
  int fd;
};

static int call(const struct device *d, unsigned long request, void *arg) {
  int rc;
  do
    rc = d->kernel->ioctl(d->fd, request, arg);
  while (rc < 0 && errno == EINTR);
  return rc;
}

static bool query(const struct device *d, uint32_t id, struct v4l2_queryctrl *q) {
  *q = (struct v4l2_queryctrl){.id = id};
  return call(d, VIDIOC_QUERYCTRL, q) == 0 && !(q->flags & V4L2_CTRL_FLAG_DISABLED);
}

static bool get(const struct device *d, uint32_t id, int *value) {
  struct v4l2_control c = {.id = id};
  if (call(d, VIDIOC_G_CTRL, &c) != 0)
    return false;
  *value = c.value;
  return true;
}

static bool set(const struct device *d, uint32_t id, int value) {
  struct v4l2_control c = {.id = id, .value = value};
  return call(d, VIDIOC_S_CTRL, &c) == 0;
}

static void complain(struct camera_knob_state *s, const char *what) {
  char reason[64];
  (void)snprintf(s->error, sizeof s->error, "%s: %s", what,
                 strerror_r(errno, reason, sizeof reason));
}

static int fit(const struct v4l2_queryctrl *q, int value) {
  if (value < q->minimum)
    return q->minimum;
  if (value > q->maximum)
    return q->maximum;
  return q->step > 1 ? q->minimum + (value - q->minimum) / q->step * q->step : value;
}

static void meet(const struct device *d, const struct knob *k, const struct camera_wish *w,
                 const struct v4l2_queryctrl *q, struct camera_knob_state *s) {
  if (w->mode == KNOB_AUTO) {
    if (!s->has_auto)
      (void)snprintf(s->error, sizeof s->error, "the camera has no automatic for it");
    else if (!set(d, k->auto_id, k->automatic[0]) && !set(d, k->auto_id, k->automatic[1]))
      complain(s, "automatic");
    return;
  }
  if (!s->there) {
    (void)snprintf(s->error, sizeof s->error, "the camera cannot be set so");
    return;
  }
  if (s->has_auto && !set(d, k->auto_id, k->manual))
    complain(s, "switch the automatic off");
  else if (!set(d, k->id, fit(q, w->value / k->unit)))
    complain(s, "set the value");
}

static void look(const struct device *d, const struct knob *k, struct camera_knob_state *s) {
  int value = 0;
  s->automatic = s->has_auto && get(d, k->auto_id, &value) && value != k->manual;
  s->value = s->there && get(d, k->id, &value) ? value * k->unit : -1;
}

void camera_v4l2_control(const struct v4l2_kernel *kernel, int fd,
                         const struct camera_controls *want,
                         struct camera_knob_state state[CAMERA_KNOBS]) {
  const struct device d = {kernel, fd};
  for (int i = 0; i < CAMERA_KNOBS; i++) {
    const struct knob *k = &knobs[i];
    struct camera_knob_state *s = &state[i];
    struct v4l2_queryctrl value, automatic;
    *s = (struct camera_knob_state){.value = -1};
    s->there = query(&d, k->id, &value);
    s->has_auto = query(&d, k->auto_id, &automatic);
    if (s->there) {
      s->min = value.minimum * k->unit;
      s->max = value.maximum * k->unit;
      s->step = (value.step > 0 ? value.step : 1) * k->unit;
    }
    if (want->knob[i].mode != KNOB_LEAVE)
      meet(&d, k, &want->knob[i], &value, s);
    look(&d, k, s);
  }
}
