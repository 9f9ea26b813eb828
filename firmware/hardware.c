// SPDX-License-Identifier: Apache-2.0
#include "firmware/hardware.h"

#include "board/lamp.h"
#include "board/log.h"
#include "board/trigger.h"
#include "board/wear.h"
#include "firmware/frame_view.h"
#include "vision/aim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARDS_SEEN 64 // due cards that lit the lamp already

struct hardware {
  const struct bp_clock *clock;
  char root[CONFIG_PATH_MAX], dir[CONFIG_PATH_MAX];
  void (*attend)(void *ctx, int64_t for_ns);
  void *ctx;
  int64_t attend_ns, due_ns;
  struct trigger *trigger;
  atomic_bool trigger_on;
  struct lamp *due, *ir;
  // The frames' thread:
  struct dusk dusk;
  int64_t light_ns;
  // The cards' thread:
  char seen[CARDS_SEEN][24];
  unsigned next_seen;
  // The tick's thread:
  int64_t wear_ns;
  bool wear_known;
  pthread_mutex_t lock; // for wear
  struct wear wear;
};

static void on_trigger(void *ctx, bool on) {
  struct hardware *h = ctx;
  atomic_store(&h->trigger_on, on);
  if (on)
    h->attend(h->ctx, h->attend_ns);
}

static bool start_lamp(struct lamp **out, const char *name, const struct gpio_line *line,
                       struct err *e) {
  return line->chip[0] == '\0' || lamp_new(out, name, line, e);
}

bool hardware_new(struct hardware **out, const struct hardware_options *o, struct err *e) {
  const struct config *c = o->config;
  struct hardware *h = calloc(1, sizeof *h);
  if (!h || pthread_mutex_init(&h->lock, NULL) != 0) {
    free(h);
    return err_set(e, ERR_NOMEM, "no memory for the hardware");
  }
  h->clock = o->clock;
  h->attend = o->attend;
  h->ctx = o->ctx;
  h->attend_ns = c->trigger.attend_ns;
  h->due_ns = c->lamp.due_ns;
  (void)snprintf(h->root, sizeof h->root, "%s", o->root);
  (void)snprintf(h->dir, sizeof h->dir, "%s", c->store.dir);
  dusk_init(&h->dusk, (float)c->lamp.ir_on_below, (float)c->lamp.ir_off_above, c->lamp.ir_dwell_ns,
            clock_mono_ns(h->clock));
  const struct trigger_options to = {.line = c->trigger.line,
                                     .debounce_ms = c->trigger.debounce_ms,
                                     .changed = on_trigger,
                                     .ctx = h};
  if (!start_lamp(&h->due, "due", &c->lamp.due, e) || !start_lamp(&h->ir, "ir", &c->lamp.ir, e) ||
      (c->trigger.line.chip[0] && !trigger_new(&h->trigger, &to, e))) {
    hardware_free(h);
    return false;
  }
  *out = h;
  return true;
}

void hardware_free(struct hardware *h) {
  if (!h)
    return;
  trigger_free(h->trigger);
  lamp_free(h->due);
  lamp_free(h->ir);
  (void)pthread_mutex_destroy(&h->lock); // nobody holds it
  free(h);
}

void hardware_frame(struct hardware *h, const struct frame *f) {
  if (!h || !h->ir || f->mono_ns - h->light_ns < HARDWARE_LIGHT_NS)
    return;
  const struct image_view v = frame_view(f);
  struct aim_light light;
  h->light_ns = f->mono_ns;
  if (aim_light_measure(&v, NULL, &light) && dusk_step(&h->dusk, light.mean, f->mono_ns)) {
    log_info("lamp", "infrared %s at a brightness of %.0f", h->dusk.lit ? "on" : "off",
             (double)light.mean);
    lamp_set(h->ir, h->dusk.lit);
  }
}

static bool seen_before(struct hardware *h, const char *visit) {
  for (int i = 0; i < CARDS_SEEN; i++) {
    if (strcmp(h->seen[i], visit) == 0)
      return true;
  }
  (void)snprintf(h->seen[h->next_seen++ % CARDS_SEEN], sizeof h->seen[0], "%s", visit);
  return false;
}

void hardware_card(struct hardware *h, const char *json) {
  if (!h || !h->due)
    return;
  json_t *card = json_loads(json, 0, NULL);
  const char *state = json_string_value(json_object_get(card, "state"));
  const char *visit = json_string_value(json_object_get(card, "visit"));
  if (json_is_true(json_object_get(card, "due")) && state && strcmp(state, "open") == 0 && visit &&
      !seen_before(h, visit))
    lamp_flash(h->due, clock_mono_ns(h->clock), h->due_ns);
  json_decref(card);
}

void hardware_tick(struct hardware *h) {
  if (!h)
    return;
  const int64_t now = clock_mono_ns(h->clock);
  lamp_tick(h->due, now);
  lamp_tick(h->ir, now);
  if (h->wear_known && now - h->wear_ns < HARDWARE_WEAR_NS)
    return;
  struct wear w;
  wear_read(&w, h->root, h->dir);
  wear_metrics(&w);
  (void)pthread_mutex_lock(&h->lock);
  if (w.pre_eol >= 2 && h->wear.pre_eol != w.pre_eol)
    log_error("storage", "%s wears out: %s", w.disk,
              w.pre_eol == 2 ? "80 %% of its reserved blocks are used; plan to replace the board"
                             : "90 %% of its reserved blocks are used; replace the board now");
  h->wear = w;
  (void)pthread_mutex_unlock(&h->lock);
  h->wear_known = true;
  h->wear_ns = now;
}

static json_t *lamp_json(struct lamp *l, const char *name) {
  char fault[ERR_TEXT_MAX];
  lamp_fault(l, fault);
  return json_pack("{s:s,s:b,s:s}", "name", name, "lit", lamp_lit(l), "fault", fault);
}

json_t *hardware_json(struct hardware *h) {
  char fault[ERR_TEXT_MAX];
  (void)pthread_mutex_lock(&h->lock);
  const struct wear w = h->wear;
  (void)pthread_mutex_unlock(&h->lock);
  json_t *lamps = json_array(), *heat = json_array(), *trigger = NULL;
  if (h->due)
    json_array_append_new(lamps, lamp_json(h->due, "due"));
  if (h->ir)
    json_array_append_new(lamps, lamp_json(h->ir, "ir"));
  for (int i = 0; i < w.zones; i++)
    json_array_append_new(
        heat, json_pack("{s:s,s:i}", "name", w.zone[i].name, "celsius", w.zone[i].milli_c / 1000));
  if (h->trigger) {
    trigger_fault(h->trigger, fault);
    trigger = json_pack("{s:b,s:s}", "on", atomic_load(&h->trigger_on), "fault", fault);
  }
  return json_pack("{s:o,s:o,s:o,s:{s:s,s:o,s:o,s:o}}", "trigger", trigger ? trigger : json_null(),
                   "lamps", lamps, "temperature", heat, "storage", "disk", w.disk,
                   "life_used_percent",
                   w.has_life ? json_integer(w.life_used_percent) : json_null(), "pre_eol",
                   w.pre_eol ? json_integer(w.pre_eol) : json_null(), "written_mb",
                   w.has_written ? json_integer(w.written_mb) : json_null());
}
