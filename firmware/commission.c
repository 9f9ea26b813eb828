// SPDX-License-Identifier: Apache-2.0
#include "firmware/commission.h"

#include "board/jpeg.h"
#include "board/log.h"
#include "firmware/calendar.h"
#include "firmware/commission_private.h"
#include "firmware/frame_view.h"
#include "vision/ocv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PICTURE_QUALITY 75
#define CROP_QUALITY 88

static bool open_now(const struct commission *c) {
  return clock_mono_ns(c->o.clock) < atomic_load(&c->open_until_ns);
}

// --- the analysis thread

void commission_frame(struct commission *c, struct frame *f, const struct plate_read *reads, int n,
                      bool occupied) {
  if (!c || !open_now(c))
    return;
  (void)pthread_mutex_lock(&c->lock);
  // Plates that wait are not pushed out by frames in which nothing was looked for.
  if (!c->next.frame || n >= 0 || c->next.n <= 0) {
    frame_unref(c->next.frame);
    c->next.frame = frame_ref(f);
    c->next.n = n > COMMISSION_READS_MAX ? COMMISSION_READS_MAX : n;
    if (n > 0)
      memcpy(c->next.reads, reads, (size_t)c->next.n * sizeof *reads);
    c->next.occupied = occupied;
    (void)pthread_cond_signal(&c->work);
  }
  (void)pthread_mutex_unlock(&c->lock);
}

void commission_visit(struct commission *c, const struct visit_event *event) {
  if (!c || !atomic_load(&c->trial_on))
    return;
  struct commission_arrival in = {.event = *event,
                                  .wall_ms = clock_wall_ns(c->o.clock) / CLOCK_NS_PER_MS};
  const struct image_view *v = &event->evidence;
  struct err e;
  if (v->plane[0] && !jpeg_encode_bgr(v->plane[0], v->width, v->height, v->stride[0], CROP_QUALITY,
                                      &in.jpeg, &in.len, &e))
    log_warn("commission", "a test car's picture: %s", e.text);
  in.event.evidence = (struct image_view){0}; // valid during the call only
  (void)pthread_mutex_lock(&c->lock);
  const bool room = c->arrivals < COMMISSION_ARRIVALS;
  if (room)
    c->arrival[c->arrivals++] = in;
  (void)pthread_cond_signal(&c->work);
  (void)pthread_mutex_unlock(&c->lock);
  if (!room) {
    free(in.jpeg);
    log_warn("commission", "a change of a test car was lost: too many at once");
  }
}

// --- its own thread

static void make_picture(struct commission *c, const struct image_view *v) {
  const float scale = fminf(1.0f, (float)COMMISSION_SIDE_MAX /
                                      (float)(v->width > v->height ? v->width : v->height));
  const int w = (int)fmaxf(1.0f, (float)v->width * scale),
            h = (int)fmaxf(1.0f, (float)v->height * scale);
  const struct ocv_box box = {
      .version = OCV_VERSION, .in_width = w, .in_height = h, .width = w, .height = h};
  const size_t bytes = (size_t)w * (size_t)h * 3;
  uint8_t *bgr = malloc(bytes), *jpeg = NULL;
  size_t len = 0;
  struct err e = {0};
  const bool ok = bgr && ocv_letterbox(c->ocv, v, NULL, &box, bgr, bytes, &e) &&
                  jpeg_encode_bgr(bgr, w, h, 3 * w, PICTURE_QUALITY, &jpeg, &len, &e);
  free(bgr);
  if (!ok) {
    log_warn("commission", "the picture: %s", e.text);
    return;
  }
  (void)pthread_mutex_lock(&c->state);
  free(c->picture);
  c->picture = jpeg;
  c->picture_len = len;
  c->picture_number++;
  (void)pthread_mutex_unlock(&c->state);
}

static void measure(struct commission *c, struct commission_look *look) {
  const struct image_view v = frame_view(look->frame);
  const int64_t t_ns = look->frame->mono_ns;
  (void)pthread_mutex_lock(&c->state);
  meters_frame(&c->meters, &v, &c->zone, look->reads, look->n, look->occupied, t_ns);
  (void)pthread_mutex_unlock(&c->state);
  const int64_t now = clock_mono_ns(c->o.clock);
  if (now - c->picture_ns >= COMMISSION_PICTURE_NS) {
    c->picture_ns = now;
    make_picture(c, &v);
  }
}

static void take_in(struct commission *c, struct commission_arrival *list, int n) {
  struct err e;
  bool changed = false;
  (void)pthread_mutex_lock(&c->state);
  for (int i = 0; i < n; i++) {
    changed = trial_event(&c->trial, &list[i].event, list[i].wall_ms, list[i].jpeg, list[i].len) ||
              changed;
    free(list[i].jpeg);
  }
  if (changed && !trial_save(&c->trial, &e))
    log_error("commission", "the trial cannot be kept: %s", e.text);
  (void)pthread_mutex_unlock(&c->state);
}

static void *run(void *ctx) {
  struct commission *c = ctx;
  struct commission_look look = {0};
  struct commission_arrival list[COMMISSION_ARRIVALS];
  (void)pthread_mutex_lock(&c->lock);
  while (!c->stop) {
    while (!c->stop && !c->next.frame && c->arrivals == 0 && !c->sheet_wanted)
      (void)pthread_cond_wait(&c->work, &c->lock); // looked at again either way
    look = c->next;
    c->next.frame = NULL;
    c->next.n = -1;
    const int n = c->arrivals;
    memcpy(list, c->arrival, (size_t)n * sizeof list[0]);
    c->arrivals = 0;
    const bool sheet = c->sheet_wanted && !c->stop;
    c->sheet_wanted = false;
    (void)pthread_mutex_unlock(&c->lock);
    take_in(c, list, n);
    if (look.frame) {
      measure(c, &look);
      frame_unref(look.frame);
    }
    if (sheet)
      commission_make_sheet(c);
    (void)pthread_mutex_lock(&c->lock);
  }
  (void)pthread_mutex_unlock(&c->lock);
  return NULL;
}

// --- life

static void copy(char *out, size_t size, const char *text) {
  (void)snprintf(out, size, "%s", text ? text : ""); // cut is fine: shown only
}

static bool locks(struct commission *c, struct err *e) {
  if (pthread_mutex_init(&c->lock, NULL) == 0) {
    if (pthread_mutex_init(&c->state, NULL) == 0) {
      if (pthread_cond_init(&c->work, NULL) == 0)
        return true;
      (void)pthread_mutex_destroy(&c->state);
    }
    (void)pthread_mutex_destroy(&c->lock);
  }
  return err_set(e, ERR_NOMEM, "no memory for the commissioning");
}

bool commission_new(struct commission **out, const struct commission_options *o, struct err *e) {
  struct commission *c = calloc(1, sizeof *c);
  char dir[sizeof c->trial.dir];
  if (!c || !locks(c, e)) {
    free(c);
    return err_set(e, ERR_NOMEM, "no memory for the commissioning");
  }
  c->o = *o;
  c->next.n = -1;
  copy(c->shop, sizeof c->shop, o->shop);
  copy(c->camera, sizeof c->camera, o->camera);
  copy(c->serial, sizeof c->serial, o->serial);
  copy(c->program, sizeof c->program, o->sheet_program);
  (void)snprintf(c->sheets, sizeof c->sheets, "%s/commission/sheets", o->dir);
  (void)snprintf(dir, sizeof dir, "%s/commission", o->dir);
  meters_init(&c->meters);
  trial_init(&c->trial, dir);
  atomic_store(&c->trial_on, c->trial.on);
  if (ocv_work_new(&c->ocv, e)) {
    if (pthread_create(&c->thread, NULL, run, c) == 0) {
      *out = c;
      return true;
    }
    err_set(e, ERR_NOMEM, "the commissioning thread cannot be started");
    ocv_work_free(c->ocv);
  }
  trial_finish(&c->trial);
  (void)pthread_cond_destroy(&c->work);
  (void)pthread_mutex_destroy(&c->state);
  (void)pthread_mutex_destroy(&c->lock);
  free(c);
  return false;
}

void commission_free(struct commission *c) {
  if (!c)
    return;
  (void)pthread_mutex_lock(&c->lock);
  c->stop = true;
  (void)pthread_cond_signal(&c->work);
  (void)pthread_mutex_unlock(&c->lock);
  (void)pthread_join(c->thread, NULL); // our own joinable thread: cannot fail
  frame_unref(c->next.frame);
  for (int i = 0; i < c->arrivals; i++)
    free(c->arrival[i].jpeg);
  trial_finish(&c->trial);
  ocv_work_free(c->ocv);
  free(c->picture);
  (void)pthread_cond_destroy(&c->work);
  (void)pthread_mutex_destroy(&c->state);
  (void)pthread_mutex_destroy(&c->lock);
  free(c);
}

// --- the page's thread

void commission_wake(struct commission *c) {
  atomic_store(&c->open_until_ns, clock_mono_ns(c->o.clock) + COMMISSION_OPEN_NS);
}

void commission_set_zone(struct commission *c, const struct analyser_config *visit) {
  struct zone zone;
  if (!zone_init(&zone, visit->zone, visit->zone_points, NULL))
    return; // the analyser refuses it too, with words
  (void)pthread_mutex_lock(&c->state);
  c->zone = zone;
  c->direction = visit->in_direction_deg;
  (void)pthread_mutex_unlock(&c->state);
}

static bool give(const void *from, size_t n, uint8_t **out, size_t *len, struct err *e) {
  if (!from || n == 0)
    return err_set(e, ERR_NOT_FOUND, "no picture yet");
  *out = malloc(n);
  if (!*out)
    return err_set(e, ERR_NOMEM, "no memory for a picture");
  memcpy(*out, from, n);
  *len = n;
  return true;
}

bool commission_picture(struct commission *c, uint8_t **jpeg, size_t *len, struct err *e) {
  commission_wake(c);
  (void)pthread_mutex_lock(&c->state);
  const bool ok = give(c->picture, c->picture_len, jpeg, len, e);
  (void)pthread_mutex_unlock(&c->state);
  return ok;
}

bool commission_car(struct commission *c, uint64_t visit, uint8_t **jpeg, size_t *len,
                    struct err *e) {
  (void)pthread_mutex_lock(&c->state);
  const struct trial_car *car = trial_find(&c->trial, visit);
  const bool ok = give(car ? car->jpeg : NULL, car ? car->jpeg_len : 0, jpeg, len, e);
  (void)pthread_mutex_unlock(&c->state);
  return ok;
}

bool commission_set(struct commission *c, const char *key, const char *value, struct err *e) {
  if (!settings_put(c->o.settings, key, value, e))
    return false;
  log_info("commission", "%s is now %s", key, value ? value : "as configured");
  if (c->o.changed)
    c->o.changed(c->o.ctx);
  return true;
}

bool commission_trial(struct commission *c, bool begin, struct err *e) {
  (void)pthread_mutex_lock(&c->state);
  const bool ok = begin ? trial_begin(&c->trial, e) : trial_end(&c->trial, e);
  atomic_store(&c->trial_on, c->trial.on);
  (void)pthread_mutex_unlock(&c->state);
  return ok;
}

bool commission_expect(struct commission *c, enum visit_direction d, struct err *e) {
  (void)pthread_mutex_lock(&c->state);
  const bool ok = trial_expect(&c->trial, d, e);
  atomic_store(&c->trial_on, c->trial.on);
  (void)pthread_mutex_unlock(&c->state);
  return ok;
}

bool commission_judge(struct commission *c, uint64_t visit, enum trial_word word, struct err *e) {
  (void)pthread_mutex_lock(&c->state);
  const bool ok = trial_judge(&c->trial, visit, word, e);
  (void)pthread_mutex_unlock(&c->state);
  return ok;
}

bool commission_probe(struct commission *c, struct err *e) {
  return c->o.probe ? c->o.probe(c->o.ctx, e)
                    : err_set(e, ERR_STATE, "no policy gateway is configured");
}
