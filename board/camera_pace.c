// SPDX-License-Identifier: Apache-2.0
#include "board/camera_pace.h"

#include <time.h>

#define WAIT_STEP_NS (20 * CLOCK_NS_PER_MS) // how soon a cancel is noticed
#define LATE_MAX_NS CLOCK_NS_PER_S          // further behind: begin anew instead of hurrying after

bool camera_cancelled(const struct camera_config *config) {
  return config->cancel && atomic_load(config->cancel);
}

bool camera_wait(const struct camera_config *config, int64_t until_ns, struct err *e) {
  for (;;) {
    if (camera_cancelled(config))
      return err_set(e, ERR_STATE, "camera: told to stop");
    int64_t left = until_ns - clock_mono_ns(config->clock);
    if (left <= 0)
      return true;
    struct timespec step = {.tv_nsec = left < WAIT_STEP_NS ? left : WAIT_STEP_NS};
    (void)nanosleep(&step, NULL); // a signal only wakes us early
  }
}

void camera_stamp_now(const struct camera_config *config, struct frame *f) {
  f->mono_ns = clock_mono_ns(config->clock);
  f->wall_ns = clock_wall_ns(config->clock);
}

bool camera_pace(struct camera_pace *p, const struct camera_config *config, int64_t media_ns,
                 struct frame *f, struct err *e) {
  int64_t now = clock_mono_ns(config->clock);
  if (!p->begun || (!config->fast && now - (p->mono_ns + media_ns) > LATE_MAX_NS)) {
    p->begun = true;
    p->mono_ns = now - media_ns;
    p->wall_ns = clock_wall_ns(config->clock) - media_ns;
  }
  if (config->fast) {
    f->mono_ns = p->mono_ns + media_ns;
    f->wall_ns = p->wall_ns + media_ns;
    return !camera_cancelled(config) || err_set(e, ERR_STATE, "camera: told to stop");
  }
  if (!camera_wait(config, p->mono_ns + media_ns, e))
    return false;
  camera_stamp_now(config, f);
  return true;
}
