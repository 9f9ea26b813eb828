// SPDX-License-Identifier: Apache-2.0
// What the commissioning page and the pass sheet are told.
#include "board/log.h"
#include "firmware/calendar.h"
#include "firmware/commission_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *region_json(struct commission *c) {
  char kept[SETTINGS_VALUE_MAX];
  json_t *points = json_array();
  for (int i = 0; i < c->zone.points; i++)
    json_array_append_new(
        points, json_pack("[f,f]", (double)c->zone.point[i].x, (double)c->zone.point[i].y));
  return json_pack("{s:o,s:f,s:b,s:b}", "zone", points, "direction", (double)c->direction, "own",
                   settings_get(c->o.settings, "camera.zone", kept), "own_direction",
                   settings_get(c->o.settings, "camera.in_direction_deg", kept));
}

// What a pass still wants: "meter:width", "marks", "direction", "cars", "clock", "picture".
static json_t *wanted_json(struct commission *c, const json_t *world, int64_t now) {
  json_t *open = json_array();
  char word[64];
  for (int i = 0; i < METER_COUNT; i++) {
    const enum grade g = c->meters.meter[i].grade;
    if (g != GRADE_BAD && (g != GRADE_NONE || i == METER_SMEAR))
      continue;
    (void)snprintf(word, sizeof word, "meter:%s", meter_name((enum meter)i));
    json_array_append_new(open, json_string(word));
  }
  if (aim_marks_standing(&c->meters.marks, now))
    json_array_append_new(open, json_string("marks"));
  if (c->trial.in.word != TRIAL_RIGHT || c->trial.out.word != TRIAL_RIGHT)
    json_array_append_new(open, json_string("direction"));
  if (trial_right(&c->trial) < TRIAL_CARS)
    json_array_append_new(open, json_string("cars"));
  if (!json_is_true(json_object_get(world, "clock_trusted")))
    json_array_append_new(open, json_string("clock"));
  return open;
}

json_t *commission_shown(struct commission *c) {
  const int64_t now = clock_mono_ns(c->o.clock);
  json_t *world = c->o.world ? c->o.world(c->o.ctx) : json_object();
  json_t *open = wanted_json(c, world, now);
  const bool passed = json_array_size(open) == 0;
  meters_age(&c->meters, now);
  return json_pack("{s:o,s:o,s:o,s:o,s:s,s:s,s:s,s:s,s:I,s:o,s:b}", "meters",
                   meters_json(&c->meters, now), "trial", trial_json(&c->trial), "region",
                   region_json(c), "world", world, "camera", c->camera, "shop", c->shop, "serial",
                   c->serial, "version", BAYPLATE_VERSION, "picture", (json_int_t)c->picture_number,
                   "open", open, "passed", passed);
}

bool commission_json(struct commission *c, char **json, struct err *e) {
  static const char *const states[] = {"none", "working", "ready", "failed"};
  commission_wake(c);
  (void)pthread_mutex_lock(&c->state);
  json_t *all = commission_shown(c);
  json_t *sheet = json_pack("{s:s,s:s,s:s}", "state", states[c->sheet], "id", c->sheet_id, "error",
                            c->sheet_error);
  (void)pthread_mutex_unlock(&c->state);
  const bool ok = json_object_set_new(all, "sheet", sheet) == 0;
  *json = ok ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  return *json ? true : err_set(e, ERR_NOMEM, "no memory for the meters");
}

// --- the pass sheet

bool commission_sheet(struct commission *c, const char *person, const char *note, bool sign,
                      struct err *e) {
  (void)pthread_mutex_lock(&c->state);
  const bool busy = c->sheet == SHEET_WORKING;
  if (!busy) {
    c->sheet = SHEET_WORKING;
    c->sheet_id[0] = c->sheet_error[0] = '\0';
    (void)snprintf(c->person, sizeof c->person, "%s", person); // cut is fine
    (void)snprintf(c->note, sizeof c->note, "%s", note);
    c->sign = sign;
  }
  (void)pthread_mutex_unlock(&c->state);
  if (busy)
    return err_set(e, ERR_BUSY, "a sheet is being made");
  (void)pthread_mutex_lock(&c->lock);
  c->sheet_wanted = true;
  (void)pthread_cond_signal(&c->work);
  (void)pthread_mutex_unlock(&c->lock);
  return true;
}

// Copies of the pictures in one piece of memory.
struct album {
  struct sheet_picture picture[1 + TRIAL_CARS];
  char name[1 + TRIAL_CARS][40];
  size_t n;
  uint8_t *bytes;
  size_t used, room;
};

static void album_init(struct album *a, const struct commission *c) {
  *a = (struct album){.room = c->picture_len};
  for (int i = 0; i < c->trial.cars; i++)
    a->room += c->trial.car[i].jpeg_len;
  a->bytes = malloc(a->room + 1);
}

static bool add_picture(struct album *a, const char *name, const void *jpeg, size_t len) {
  if (!a->bytes || !jpeg || len == 0 || len > a->room - a->used)
    return false; // the sheet says that there is none
  memcpy(a->bytes + a->used, jpeg, len);
  (void)snprintf(a->name[a->n], sizeof a->name[a->n], "%s", name);
  a->picture[a->n] = (struct sheet_picture){a->name[a->n], a->bytes + a->used, len};
  a->used += len;
  a->n++;
  return true;
}

// The five newest cars that were judged right, else whatever was judged.
static void add_cars(struct commission *c, struct album *a, json_t *sheet) {
  json_t *cars = json_array();
  for (int pass = 0; pass < 2; pass++) {
    for (int i = c->trial.cars; i-- > 0 && json_array_size(cars) < TRIAL_CARS;) {
      const struct trial_car *car = &c->trial.car[i];
      if (car->word != (pass == 0 ? TRIAL_RIGHT : TRIAL_WRONG))
        continue;
      char name[40], at[ISO_TIME_MAX];
      iso_time(car->wall_ms, at);
      (void)snprintf(name, sizeof name, "car-%" PRIu64 ".jpg", car->visit);
      const bool has = add_picture(a, name, car->jpeg, car->jpeg_len);
      json_array_append_new(cars,
                            json_pack("{s:s,s:s,s:s,s:s,s:f,s:s}", "plate", car->text, "picture",
                                      has ? name : "", "word", trial_word_name(car->word), "type",
                                      plate_type_name(car->type), "confidence",
                                      (double)car->confidence, "at", at));
    }
  }
  if (json_object_set_new(sheet, "cars", cars) != 0)
    log_error("commission", "no memory for the sheet's cars");
}

void commission_make_sheet(struct commission *c) {
  struct album album;
  char id[SHEET_ID_MAX] = "", at[ISO_TIME_MAX];
  struct err e = {0};
  const int64_t wall_ms = clock_wall_ns(c->o.clock) / CLOCK_NS_PER_MS;
  iso_time(wall_ms, at);
  (void)pthread_mutex_lock(&c->state);
  album_init(&album, c);
  json_t *sheet = commission_shown(c);
  add_cars(c, &album, sheet);
  const bool scene = add_picture(&album, "scene.jpg", c->picture, c->picture_len);
  json_t *more = json_pack("{s:s,s:s,s:s,s:b,s:s}", "at", at, "person", c->person, "note", c->note,
                           "sign", c->sign, "scene", scene ? "scene.jpg" : "");
  (void)pthread_mutex_unlock(&c->state);
  bool ok = more && json_object_update(sheet, more) == 0;
  json_decref(more);
  ok = ok ? sheet_write(c->sheets, wall_ms, sheet, album.picture, album.n, id, &e)
          : err_set(&e, ERR_NOMEM, "no memory for the sheet");
  ok = ok && sheet_draw(c->sheets, id, c->program, &e);
  sheet_rotate(c->sheets, COMMISSION_SHEETS_MAX);
  json_decref(sheet);
  free(album.bytes);
  if (!ok)
    log_error("commission", "pass sheet: %s", e.text);
  (void)pthread_mutex_lock(&c->state);
  c->sheet = ok ? SHEET_READY : SHEET_FAILED;
  memcpy(c->sheet_id, id, sizeof c->sheet_id);
  (void)snprintf(c->sheet_error, sizeof c->sheet_error, "%s", ok ? "" : e.text);
  (void)pthread_mutex_unlock(&c->state);
}

bool commission_sheets(struct commission *c, char **json, struct err *e) {
  json_t *all = json_pack("{s:o}", "sheets", sheet_list(c->sheets));
  *json = all ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  return *json ? true : err_set(e, ERR_NOMEM, "no memory for the sheets");
}

bool commission_sheet_file(struct commission *c, const char *name, void **data, size_t *len,
                           const char **type, struct err *e) {
  return sheet_read(c->sheets, name, data, len, type, e);
}
