// SPDX-License-Identifier: Apache-2.0
#include "firmware/status.h"

#include "firmware/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct view {
  struct camera_status camera;
  struct store_status store;
  bool evidence_bad;
  char evidence_text[ERR_TEXT_MAX];
  bool clock_trusted;
  struct update_report update; // empty: none, or one that cannot be read
  struct update_state updating;
  int restart_s; // until the restart; -1: none is announced
  char trouble[ERR_TEXT_MAX];
  bool recovery;
};

bool status_line(const char *path, char out[ERR_TEXT_MAX]) {
  out[0] = '\0';
  FILE *f = path && path[0] ? fopen(path, "re") : NULL;
  if (!f)
    return false;
  if (!fgets(out, ERR_TEXT_MAX, f))
    out[0] = '\0';
  out[strcspn(out, "\n")] = '\0';
  (void)fclose(f); // only read
  return true;
}

void status_trouble(const char *path, char out[ERR_TEXT_MAX]) {
  if (status_line(path, out) && out[0] == '\0')
    (void)snprintf(out, ERR_TEXT_MAX, "the data partition cannot be used");
}

bool status_recovery(const char *path) {
  return path && path[0] && access(path, F_OK) == 0;
}

void status_updating(const char *path, const struct bp_clock *clock, struct update_state *out,
                     int *restart_s) {
  *restart_s = -1;
  *out = (struct update_state){.percent = -1};
  if (!path || !update_state_load(out, path, NULL))
    return; // it is written again in a moment
  const int64_t left = out->restart_mono_ms - clock_mono_ns(clock) / CLOCK_NS_PER_MS;
  if (out->phase == UPDATE_RESTART)
    *restart_s = left > 0 ? (int)((left + 999) / 1000) : 0;
}

static void look(const struct status_sources *s, struct view *v) {
  memset(v, 0, sizeof *v);
  camera_feed_status(s->feed, &v->camera);
  store_state(s->store, &v->store);
  v->evidence_bad = arrivals_evidence_trouble(s->arrivals, v->evidence_text);
  v->clock_trusted = clock_trusted(s->clock, s->clock_need_sync);
  if (s->update_file && !update_report_load(&v->update, s->update_file, NULL))
    v->update = (struct update_report){0}; // whoever wrote it has logged it
  status_updating(s->update_state, s->clock, &v->updating, &v->restart_s);
  status_trouble(s->trouble_file, v->trouble);
  v->recovery = status_recovery(s->recovery_file);
}

static json_t *text_or_null(const char *text) {
  return text[0] ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t wall_ns) {
  char iso[ISO_TIME_MAX];
  if (wall_ns == 0)
    return json_null();
  iso_time(wall_ns / CLOCK_NS_PER_MS, iso);
  return json_string(iso);
}

static bool print(json_t *root, char **json, struct err *e) {
  *json = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  return *json ? true : err_set(e, ERR_NOMEM, "no memory for the status");
}

json_t *status_report_json(const struct update_report *r) {
  char iso[ISO_TIME_MAX];
  if (!r->result[0])
    return json_null();
  if (r->time_s > 0)
    iso_time(r->time_s * 1000, iso);
  return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "result", r->result, "code", r->code,
                   "version", r->version, "what", r->what, "fine", update_report_fine(r), "time",
                   r->time_s > 0 ? json_string(iso) : json_null());
}

json_t *status_updating_json(const struct update_state *s, int restart_s) {
  if (s->phase == UPDATE_IDLE)
    return json_null();
  return json_pack("{s:s, s:i, s:s, s:i}", "phase", update_phase_name(s->phase), "percent",
                   s->percent, "version", s->version, "restart_s", restart_s);
}

bool status_json(const struct status_sources *s, char **json, struct err *e) {
  struct view v;
  look(s, &v);
  char now[ISO_TIME_MAX];
  iso_time(clock_wall_ns(s->clock) / CLOCK_NS_PER_MS, now);
  json_t *root = json_pack(
      "{s:s, s:[{s:s, s:s, s:o, s:o}], s:{s:b, s:o, s:i, s:o}, s:{s:b, s:o}, s:b, s:s, s:{s:o, "
      "s:o, s:s}, s:o, s:o, s:o, s:b}",
      "shop", s->shop, "cameras", "name", s->camera_name, "state",
      camera_state_name(v.camera.state), "last_frame", time_or_null(v.camera.last_frame_wall_ns),
      "error", text_or_null(v.camera.error), "store", "ok", v.store.condition == STORE_OK, "error",
      text_or_null(v.store.text), "unsaved", (int)v.store.unsaved, "set_aside",
      text_or_null(v.store.set_aside), "evidence", "ok", !v.evidence_bad, "error",
      text_or_null(v.evidence_bad ? v.evidence_text : ""), "clock_trusted", v.clock_trusted, "now",
      now, "device", "serial", text_or_null(s->serial), "model", text_or_null(s->model), "version",
      BAYPLATE_VERSION, "update", status_report_json(&v.update), "updating",
      status_updating_json(&v.updating, v.restart_s), "data_trouble", text_or_null(v.trouble),
      "recovery", v.recovery);
  return print(root, json, e);
}

bool status_health(const struct status_sources *s, bool *ok, char **json, struct err *e) {
  struct view v;
  look(s, &v);
  *ok = v.camera.state != CAMERA_OFFLINE && v.store.condition == STORE_OK && !v.evidence_bad;
  json_t *root =
      json_pack("{s:b, s:s, s:s, s:b, s:b, s:b}", "ok", *ok, "version", BAYPLATE_VERSION, "camera",
                camera_state_name(v.camera.state), "store", v.store.condition == STORE_OK,
                "evidence", !v.evidence_bad, "clock_trusted", v.clock_trusted);
  return print(root, json, e);
}

// FNV-1a, 64 bit (draft-eastlake-fnv): only has to differ when the text does.
static uint64_t mix(uint64_t h, const void *data, size_t n) {
  const unsigned char *at = data;
  for (size_t i = 0; i < n; i++)
    h = (h ^ at[i]) * UINT64_C(0x100000001b3);
  return h;
}

uint64_t status_digest(const struct status_sources *s) {
  struct view v;
  look(s, &v);
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  h = mix(h, &v.camera.state, sizeof v.camera.state);
  h = mix(h, v.camera.error, strlen(v.camera.error));
  h = mix(h, &v.store.condition, sizeof v.store.condition);
  h = mix(h, v.store.text, strlen(v.store.text));
  h = mix(h, &v.store.unsaved, sizeof v.store.unsaved);
  h = mix(h, &v.evidence_bad, sizeof v.evidence_bad);
  h = mix(h, &v.clock_trusted, sizeof v.clock_trusted);
  h = mix(h, v.update.result, strlen(v.update.result));
  h = mix(h, v.update.what, strlen(v.update.what));
  h = mix(h, &v.updating.phase, sizeof v.updating.phase);
  h = mix(h, &v.updating.percent, sizeof v.updating.percent);
  h = mix(h, &v.updating.restart_mono_ms, sizeof v.updating.restart_mono_ms);
  h = mix(h, v.trouble, strlen(v.trouble));
  h = mix(h, &v.recovery, sizeof v.recovery);
  return h;
}
