// SPDX-License-Identifier: Apache-2.0
#include "firmware/trial.h"

#include "board/careful.h"
#include "board/file.h"
#include "board/log.h"
#include "firmware/calendar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u << 10)

static const char *const certainties[] = {"unread", "unsure", "certain"};
static const char *const directions[] = {"unknown", "in", "out"};
static const char *const words[] = {"open", "right", "wrong"};

const char *trial_word_name(enum trial_word w) {
  return (unsigned)w < 3 ? words[w] : "open";
}

static int index_of(const char *const *list, const char *word) {
  for (int i = 0; i < 3; i++) {
    if (word && strcmp(list[i], word) == 0)
      return i;
  }
  return 0;
}

static void picture_path(const struct trial *t, uint64_t visit, char path[FILE_PATH_MAX]) {
  (void)snprintf(path, FILE_PATH_MAX, "%s/car-%" PRIu64 ".jpg", t->dir, visit);
}

static void drop(struct trial *t, int i) {
  char path[FILE_PATH_MAX];
  picture_path(t, t->car[i].visit, path);
  (void)unlink(path); // a picture too many does no harm
  free(t->car[i].jpeg);
  memmove(&t->car[i], &t->car[i + 1], (size_t)(t->cars - i - 1) * sizeof t->car[0]);
  t->cars--;
}

// --- kept as a file

static json_t *way_json(const struct trial_way *w) {
  char at[ISO_TIME_MAX] = "", visit[24];
  if (w->wall_ms)
    iso_time(w->wall_ms, at);
  (void)snprintf(visit, sizeof visit, "%" PRIu64, w->visit);
  return json_pack("{s:s,s:s,s:s,s:I}", "state", w->waiting ? "waiting" : trial_word_name(w->word),
                   "visit", visit, "at", at, "at_ms", (json_int_t)w->wall_ms);
}

static json_t *car_json(const struct trial_car *c) {
  char at[ISO_TIME_MAX], visit[24];
  iso_time(c->wall_ms, at);
  (void)snprintf(visit, sizeof visit, "%" PRIu64, c->visit);
  return json_pack("{s:s,s:s,s:s,s:s,s:f,s:s,s:s,s:I,s:s,s:b}", "visit", visit, "plate", c->text,
                   "type", plate_type_name(c->type), "certainty", certainties[c->certainty],
                   "confidence", (double)c->confidence, "direction", directions[c->direction], "at",
                   at, "at_ms", (json_int_t)c->wall_ms, "word", trial_word_name(c->word), "picture",
                   c->jpeg != NULL);
}

json_t *trial_json(const struct trial *t) {
  json_t *cars = json_array();
  for (int i = t->cars; i-- > 0;)
    json_array_append_new(cars, car_json(&t->car[i]));
  return json_pack("{s:b,s:o,s:o,s:o,s:i,s:i,s:b}", "on", t->on, "in", way_json(&t->in), "out",
                   way_json(&t->out), "cars", cars, "right", trial_right(t), "wanted", TRIAL_CARS,
                   "passed", trial_passed(t));
}

static uint64_t number_of(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s && strspn(s, "0123456789") == strlen(s) ? strtoull(s, NULL, 10) : 0;
}

static void read_way(struct trial_way *w, const json_t *o) {
  w->word = (enum trial_word)index_of(words, json_string_value(json_object_get(o, "state")));
  w->visit = number_of(o, "visit");
  w->wall_ms = json_integer_value(json_object_get(o, "at_ms"));
}

static void read_car(struct trial *t, const json_t *o) {
  struct trial_car *c = &t->car[t->cars];
  const char *text = json_string_value(json_object_get(o, "plate"));
  *c = (struct trial_car){.visit = number_of(o, "visit")};
  if (c->visit == 0 || !text || strlen(text) >= sizeof c->text)
    return;
  memcpy(c->text, text, strlen(text) + 1);
  const char *type = json_string_value(json_object_get(o, "type"));
  if (!type || !plate_type_parse(type, &c->type))
    c->type = PLATE_UNKNOWN;
  c->certainty = (enum visit_certainty)index_of(certainties,
                                                json_string_value(json_object_get(o, "certainty")));
  c->direction = (enum visit_direction)index_of(directions,
                                                json_string_value(json_object_get(o, "direction")));
  c->word = (enum trial_word)index_of(words, json_string_value(json_object_get(o, "word")));
  c->confidence = (float)json_number_value(json_object_get(o, "confidence"));
  c->wall_ms = json_integer_value(json_object_get(o, "at_ms"));
  char path[FILE_PATH_MAX];
  picture_path(t, c->visit, path);
  struct err e;
  if (!file_get(path, TRIAL_JPEG_MAX, &c->jpeg, &c->jpeg_len, &e))
    c->jpeg = NULL; // shown without its picture
  c->kept = true;
  t->cars++;
}

void trial_init(struct trial *t, const char *dir) {
  char path[FILE_PATH_MAX];
  void *text = NULL;
  size_t len = 0;
  struct err e;
  memset(t, 0, sizeof *t);
  (void)snprintf(t->dir, sizeof t->dir, "%s", dir);
  (void)snprintf(path, sizeof path, "%s/trial.json", dir);
  if (!file_get(path, FILE_MAX, &text, &len, &e)) {
    if (e.code != ERR_NOT_FOUND)
      log_error("commission", "the trial of before is not read: %s", e.text);
    return;
  }
  json_t *all = json_loadb(text, len, 0, NULL);
  free(text);
  if (!json_is_object(all))
    log_error("commission", "%s is damaged; the trial begins anew", path);
  t->on = json_is_true(json_object_get(all, "on"));
  read_way(&t->in, json_object_get(all, "in"));
  read_way(&t->out, json_object_get(all, "out"));
  const json_t *cars = json_object_get(all, "cars");
  for (size_t i = json_array_size(cars); i-- > 0 && t->cars < TRIAL_CARS_MAX;)
    read_car(t, json_array_get(cars, i));
  json_decref(all);
}

void trial_finish(struct trial *t) {
  for (int i = 0; i < t->cars; i++)
    free(t->car[i].jpeg);
  t->cars = 0;
}

bool trial_save(struct trial *t, struct err *e) {
  char path[FILE_PATH_MAX];
  if (!careful_make_folder(t->dir, e))
    return false;
  for (int i = 0; i < t->cars; i++) { // a picture first: the list never names one that is not there
    struct trial_car *c = &t->car[i];
    picture_path(t, c->visit, path);
    if (c->jpeg && !c->kept && !file_put(path, c->jpeg, c->jpeg_len, e))
      return false;
    c->kept = true;
  }
  json_t *all = trial_json(t);
  char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
  json_decref(all);
  (void)snprintf(path, sizeof path, "%s/trial.json", t->dir);
  const bool ok = text ? file_put(path, text, strlen(text), e)
                       : err_set(e, ERR_NOMEM, "no memory for the trial");
  free(text);
  return ok;
}

// --- what the technician does

bool trial_begin(struct trial *t, struct err *e) {
  while (t->cars > 0)
    drop(t, t->cars - 1);
  t->in = t->out = (struct trial_way){0};
  t->on = true;
  return trial_save(t, e);
}

bool trial_end(struct trial *t, struct err *e) {
  t->on = false;
  t->in.waiting = t->out.waiting = false;
  return trial_save(t, e);
}

bool trial_expect(struct trial *t, enum visit_direction d, struct err *e) {
  if (d == DIRECTION_UNKNOWN)
    return err_set(e, ERR_ARG, "direction: in or out");
  t->in.waiting = d == DIRECTION_IN;
  t->out.waiting = d == DIRECTION_OUT;
  t->on = true;
  return trial_save(t, e);
}

bool trial_judge(struct trial *t, uint64_t visit, enum trial_word word, struct err *e) {
  for (int i = 0; i < t->cars; i++) {
    if (t->car[i].visit == visit) {
      t->car[i].word = word;
      return trial_save(t, e);
    }
  }
  return err_set(e, ERR_NOT_FOUND, "no such test car");
}

// --- what the cars do

static struct trial_car *car_of(struct trial *t, uint64_t visit, int64_t wall_ms) {
  for (int i = 0; i < t->cars; i++) {
    if (t->car[i].visit == visit)
      return &t->car[i];
  }
  if (t->cars == TRIAL_CARS_MAX) {
    int oldest = 0;
    while (oldest < TRIAL_CARS_MAX - 1 && t->car[oldest].word == TRIAL_RIGHT)
      oldest++;
    drop(t, oldest);
  }
  t->car[t->cars] = (struct trial_car){.visit = visit, .wall_ms = wall_ms};
  return &t->car[t->cars++];
}

static void settle_way(struct trial_way *w, enum visit_direction want,
                       const struct visit_event *event, int64_t wall_ms) {
  if (!w->waiting || event->direction == DIRECTION_UNKNOWN)
    return;
  w->waiting = false;
  w->word = event->direction == want ? TRIAL_RIGHT : TRIAL_WRONG;
  w->visit = event->visit;
  w->wall_ms = wall_ms;
}

bool trial_event(struct trial *t, const struct visit_event *event, int64_t wall_ms,
                 const void *jpeg, size_t len) {
  if (!t->on)
    return false;
  if (event->kind == VISIT_MERGED) {
    for (int i = 0; i < t->cars; i++) {
      if (t->car[i].visit == event->visit) {
        drop(t, i);
        return true;
      }
    }
    return false;
  }
  // A car that leaves says nothing new; after a restart the event does not even hold what was read.
  if (event->kind == VISIT_CLOSED && !trial_find(t, event->visit))
    return false;
  struct trial_car *c = car_of(t, event->visit, wall_ms);
  const enum visit_direction before = c->direction;
  if (event->kind != VISIT_CLOSED) {
    if (strcmp(c->text, event->best.text) != 0)
      c->word = TRIAL_OPEN; // another text: it must be looked at again
    memcpy(c->text, event->best.text, sizeof c->text);
    c->type = event->best.type;
    c->certainty = event->certainty;
    c->confidence = event->best.confidence;
  }
  if (event->direction != DIRECTION_UNKNOWN)
    c->direction = event->direction;
  if (jpeg && len > 0 && len <= TRIAL_JPEG_MAX) {
    void *copy = malloc(len);
    if (copy) { // without memory the old picture stays
      memcpy(copy, jpeg, len);
      free(c->jpeg);
      c->jpeg = copy;
      c->jpeg_len = len;
      c->kept = false;
    }
  }
  // A way counts when it is told anew: a car that stood there before says nothing about it.
  if (c->direction != before || event->kind == VISIT_OPENED) {
    settle_way(&t->in, DIRECTION_IN, event, wall_ms);
    settle_way(&t->out, DIRECTION_OUT, event, wall_ms);
  }
  return true;
}

const struct trial_car *trial_find(const struct trial *t, uint64_t visit) {
  for (int i = 0; i < t->cars; i++) {
    if (t->car[i].visit == visit)
      return &t->car[i];
  }
  return NULL;
}

int trial_right(const struct trial *t) {
  int n = 0;
  for (int i = t->cars; i-- > 0 && t->car[i].word != TRIAL_WRONG;)
    n += t->car[i].word == TRIAL_RIGHT;
  return n;
}

bool trial_passed(const struct trial *t) {
  return trial_right(t) >= TRIAL_CARS && t->in.word == TRIAL_RIGHT && t->out.word == TRIAL_RIGHT;
}
