// SPDX-License-Identifier: Apache-2.0
#include "board/camera_sim.h"

#include "board/camera_option.h"
#include "board/camera_pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BAR_WIDTH 16
#define GREY 96
#define BRIGHT 208

static atomic_int fault_now, width_now, height_now;
static atomic_uint_least64_t opens;

struct camera {
  struct camera_config config;
  int width, height;
  double fps;
  uint64_t seq;
  uint64_t shown; // what the picture shows; stands still while frozen
  int64_t due_ns;
};

void camera_sim_fault(enum camera_sim_fault fault) {
  atomic_store(&fault_now, (int)fault);
}

void camera_sim_size(int width, int height) {
  atomic_store(&width_now, width);
  atomic_store(&height_now, height);
}

uint64_t camera_sim_opens(void) {
  return atomic_load(&opens);
}

static bool sim_open(struct camera **out, const struct camera_config *config, struct err *e) {
  atomic_fetch_add(&opens, 1);
  struct camera *c = calloc(1, sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "sim camera: no memory");
  c->config = *config;
  c->width = 640;
  c->height = 360;
  c->fps = 25;
  char path[CAMERA_SOURCE_MAX];
  const struct camera_option options[] = {{"width", CAMERA_INT, 2, 4096, &c->width},
                                          {"height", CAMERA_INT, 2, 4096, &c->height},
                                          {"fps", CAMERA_REAL, 0.1, 1000, &c->fps}};
  bool ok = camera_option_parse(config->source, path, options, 3, e);
  if (ok && atomic_load(&fault_now) == CAMERA_SIM_GONE)
    ok = err_set(e, ERR_NOT_FOUND, "sim camera: gone");
  if (!ok) {
    free(c);
    return false;
  }
  if (atomic_load(&width_now) > 0) {
    c->width = atomic_load(&width_now);
    c->height = atomic_load(&height_now);
  }
  c->due_ns = clock_mono_ns(config->clock);
  *out = c;
  return true;
}

static void draw(struct frame *f, uint64_t shown) {
  for (int y = 0; y < f->height; y++)
    memset(f->plane[0] + (size_t)y * (size_t)f->stride[0], GREY, (size_t)f->width);
  for (int p = 1; p < 3; p++)
    memset(f->plane[p], 128, (size_t)f->stride[p] * (size_t)((f->height + 1) / 2));
  int left = (int)(shown * 4 % (uint64_t)f->width);
  int bar = f->width - left < BAR_WIDTH ? f->width - left : BAR_WIDTH;
  for (int y = 0; y < f->height; y++)
    memset(f->plane[0] + (size_t)y * (size_t)f->stride[0] + left, BRIGHT, (size_t)bar);
}

static enum camera_next sim_next(struct camera *c, struct frame **out, struct err *e) {
  int64_t give_up = clock_mono_ns(c->config.clock) + c->config.read_ms * CLOCK_NS_PER_MS;
  c->due_ns += (int64_t)(1e9 / c->fps);
  do {
    if (!camera_wait(&c->config, c->due_ns < give_up ? c->due_ns : give_up, e))
      return CAMERA_ERROR;
    if (atomic_load(&fault_now) == CAMERA_SIM_GONE) {
      err_set(e, ERR_IO, "sim camera: gone");
      return CAMERA_ERROR;
    }
    if (clock_mono_ns(c->config.clock) >= give_up) {
      err_set(e, ERR_TIMEOUT, "sim camera: no picture for %d ms", c->config.read_ms);
      return CAMERA_ERROR;
    }
    if (atomic_load(&fault_now) == CAMERA_SIM_SILENT)
      c->due_ns += CLOCK_NS_PER_MS;
  } while (atomic_load(&fault_now) == CAMERA_SIM_SILENT);
  if (!frame_new(out, FRAME_I420, c->width, c->height, e))
    return CAMERA_ERROR;
  if (atomic_load(&fault_now) != CAMERA_SIM_FROZEN)
    c->shown++;
  draw(*out, c->shown);
  camera_stamp_now(&c->config, *out);
  (*out)->seq = c->seq++;
  return CAMERA_FRAME;
}

static void sim_close(struct camera *c) {
  free(c);
}

// Exposure and gain alone, as many cameras have it; what was set is kept over openings.
static void sim_control(struct camera *c, const struct camera_controls *want,
                        struct camera_knob_state state[CAMERA_KNOBS]) {
  static struct {
    bool automatic;
    int value;
  } now[CAMERA_KNOBS] = {{true, 10000}, {true, 10}, {false, -1}};
  (void)c;
  for (int i = 0; i < CAMERA_KNOBS; i++) {
    const struct camera_wish *w = &want->knob[i];
    struct camera_knob_state *s = &state[i];
    *s = (struct camera_knob_state){.value = -1};
    if (i == CAMERA_FOCUS) {
      if (w->mode != KNOB_LEAVE)
        snprintf(s->error, sizeof s->error, "the camera cannot be set so");
      continue;
    }
    s->there = s->has_auto = true;
    s->min = i == CAMERA_EXPOSURE ? 100 : 0;
    s->max = i == CAMERA_EXPOSURE ? 40000 : 100;
    s->step = i == CAMERA_EXPOSURE ? 100 : 1;
    if (w->mode != KNOB_LEAVE)
      now[i].automatic = w->mode == KNOB_AUTO;
    if (w->mode == KNOB_VALUE)
      now[i].value = w->value < s->min ? s->min : w->value > s->max ? s->max : w->value;
    s->automatic = now[i].automatic;
    s->value = now[i].value;
  }
}

const struct camera_ops camera_sim = {"sim", true, sim_open, sim_next, sim_close, sim_control};
