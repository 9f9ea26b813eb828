// SPDX-License-Identifier: Apache-2.0
#include "firmware/terminal_private.h"

#include "board/log.h"
#include "board/network.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *knobs_json(struct terminal *t) {
  struct camera_knob_state state[CAMERA_KNOBS];
  json_t *list = json_array();
  camera_feed_knobs(t->feed, state);
  for (int i = 0; i < CAMERA_KNOBS; i++) {
    const struct camera_knob_state *s = &state[i];
    const char *name = camera_knob_name((enum camera_knob)i);
    char key[32], kept[SETTINGS_VALUE_MAX];
    (void)snprintf(key, sizeof key, "camera.%s", name);
    if (s->there || s->has_auto)
      json_array_append_new(list, json_pack("{s:s,s:b,s:b,s:b,s:i,s:i,s:i,s:i,s:s,s:b}", "id", name,
                                            "there", s->there, "has_auto", s->has_auto, "auto",
                                            s->automatic, "min", s->min, "max", s->max, "step",
                                            s->step, "value", s->value, "error", s->error, "own",
                                            settings_get(t->settings, key, kept)));
  }
  return list;
}

static json_t *network_json(void) {
  struct network_address list[16];
  size_t n = 0;
  struct err e;
  json_t *out = json_array();
  if (!network_list(list, sizeof list / sizeof *list, &n, &e))
    log_warn("network", "%s", e.text);
  for (size_t i = 0; i < n; i++)
    json_array_append_new(out, json_pack("{s:s,s:s,s:b}", "name", list[i].name, "address",
                                         list[i].address, "running", list[i].running));
  return out;
}

static json_t *policy_json(struct terminal *t) {
  struct lookup_health h;
  char at[ISO_TIME_MAX] = "";
  arrivals_policy(t->arrivals, &h);
  if (h.wall_ms)
    iso_time(h.wall_ms, at);
  return json_pack("{s:b,s:b,s:s,s:b,s:i,s:i,s:s,s:s}", "configured", h.configured, "ready",
                   h.ready, "at", at, "ok", h.ok, "http_status", h.http_status, "ms", h.elapsed_ms,
                   "fault", h.fault, "text", h.text);
}

// What stands around the camera.
static json_t *world_json(void *ctx) {
  struct terminal *t = ctx;
  struct camera_status camera;
  char now[ISO_TIME_MAX];
  camera_feed_status(t->feed, &camera);
  iso_time(clock_wall_ns(t->clock) / CLOCK_NS_PER_MS, now);
  return json_pack("{s:b,s:b,s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "clock_trusted",
                   clock_trusted(t->clock, t->config.shop.clock_need_sync), "clock_synchronised",
                   t->clock->ops->synchronised(t->clock->ctx), "now", now, "camera",
                   camera_state_name(camera.state), "camera_error", camera.error, "network",
                   network_json(), "policy", policy_json(t), "knobs", knobs_json(t), "hardware",
                   hardware_json(t->hardware));
}

static bool probe(void *ctx, struct err *e) {
  return arrivals_policy_probe(((struct terminal *)ctx)->arrivals, e);
}

// bayplate-sheet lies beside this program.
static void sheet_program(char *out, size_t size) {
  char self[CONFIG_PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  self[n > 0 ? n : 0] = '\0';
  char *slash = strrchr(self, '/');
  if (slash)
    *slash = '\0';
  (void)snprintf(out, size, "%s/bayplate-sheet", slash ? self : "/usr/bin");
}

static void settings_changed(void *ctx) {
  terminal_take_over(ctx);
}

bool terminal_start_commission(struct terminal *t, struct err *e) {
  char program[CONFIG_PATH_MAX + 32];
  sheet_program(program, sizeof program);
  const struct commission_options o = {.clock = t->clock,
                                       .settings = t->settings,
                                       .dir = t->config.store.dir,
                                       .shop = t->config.shop.name,
                                       .camera = t->config.camera.name,
                                       .serial = t->id.serial,
                                       .sheet_program = program,
                                       .world = world_json,
                                       .changed = settings_changed,
                                       .probe = probe,
                                       .ctx = t};
  if (!commission_new(&t->commission, &o, e))
    return err_prefix(e, "commissioning");
  commission_set_zone(t->commission, &t->config.visit);
  return true;
}
