// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/visit_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

void scene_note(void *ctx, const struct visit_event *event) {
  struct scene *w = ctx;
  assert_true(w->n < SCENE_EVENTS_MAX);
  w->event[w->n] = *event;
  const struct image_view *c = &event->evidence;
  w->evidence[w->n] =
      c->plane[0] ? c->plane[0][(c->height / 2) * c->stride[0] + c->width / 2 * 3] : 0;
  w->n++;
}

struct analyser_config scene_config(void) {
  return (struct analyser_config){.in_direction_deg = 90,
                                  .same_car_gap_ns = 600 * SECOND_NS,
                                  .gone_after_ns = 3 * SECOND_NS,
                                  .hold_ns = 2 * SECOND_NS,
                                  .first_visit = 7,
                                  .certain_threshold = 0.9f};
}

struct scene scene_start(void) {
  struct scene w = {.t = SECOND_NS};
  struct err e;
  struct analyser_config c = scene_config();
  assert_true(visits_new(&w.v, &c, &e));
  w.pixels = malloc((size_t)SCENE_W * SCENE_H);
  assert_non_null(w.pixels);
  return w;
}

void scene_finish(struct scene *w) {
  visits_free(w->v);
  free(w->pixels);
}

// One frame with these plates and moving things; the whole picture has the shade of the frame's
// number.
void scene_frame(struct scene *w, const struct plate_read *reads, int n,
                 const struct motion_result *m) {
  static const struct motion_result calm;
  w->shade = (uint8_t)(w->shade % 250 + 1);
  memset(w->pixels, w->shade, (size_t)SCENE_W * SCENE_H);
  struct image_view image = {
      IMAGE_GRAY8, SCENE_W, SCENE_H, {w->pixels, NULL, NULL}, {SCENE_W, 0, 0}};
  struct visit_look look = {.frame = &image,
                            .t_ns = w->t,
                            .looked = true,
                            .reads = reads,
                            .n = n,
                            .motion = m ? m : &calm};
  visits_step(w->v, &look, scene_note, w);
  w->t += FRAME_NS;
}

void scene_empty(struct scene *w, double seconds) {
  for (int i = 0; i < (int)(seconds * 25); i++)
    scene_frame(w, NULL, 0, NULL);
}

// Motion where a plate's car is.
struct motion_result scene_stir(float x, float y, float w, float moving) {
  float fw = 2.2f * w / SCENE_W, cx = x / SCENE_W, cy = y / SCENE_H;
  struct motion_result m = {.moving = moving > 0, .occupied = true, .boxes = 1};
  m.box[0] = (struct motion_box){.x0 = cx - fw < 0 ? 0 : cx - fw,
                                 .y0 = cy - 3 * w / SCENE_H < 0 ? 0 : cy - 3 * w / SCENE_H,
                                 .x1 = cx + fw,
                                 .y1 = cy + w / SCENE_H,
                                 .moving = moving};
  m.box[0].area = 0.8f * (m.box[0].x1 - m.box[0].x0) * (m.box[0].y1 - m.box[0].y0);
  return m;
}

void scene_show(struct scene *w, const char *text, float conf, float x, float y, float width,
                float moving) {
  struct plate_read r = world_read(text, conf, x, y, width);
  struct motion_result m = scene_stir(x, y, width, moving);
  scene_frame(w, &r, 1, &m);
}

void scene_arrive(struct scene *w, const char *text, float conf) {
  for (int i = 0; i < 40; i++)
    scene_show(w, text, conf, 640, 300 + 6 * (float)i, 40 + 1.8f * (float)i, 0.5f);
}

void scene_stand(struct scene *w, const char *text, float conf, double seconds) {
  for (int i = 0; i < (int)(seconds * 25); i++)
    scene_show(w, text, conf, 640, 534, 110.2f, 0);
}

void scene_leave(struct scene *w, const char *text, float conf) {
  for (int i = 0; i < 25; i++)
    scene_show(w, text, conf, 640 + 20 * (float)i, 534 + 4 * (float)i, 110.2f + (float)i, 0.5f);
}

int scene_count(const struct scene *w, enum visit_event_kind kind) {
  int n = 0;
  for (int i = 0; i < w->n; i++)
    n += w->event[i].kind == kind;
  return n;
}

const struct visit_event *scene_nth(const struct scene *w, enum visit_event_kind kind,
                                    int nth_one) {
  for (int i = 0; i < w->n; i++)
    if (w->event[i].kind == kind && nth_one-- == 0)
      return &w->event[i];
  fail_msg("no such event");
  return NULL;
}

const struct visit_event *scene_last(const struct scene *w) {
  assert_true(w->n > 0);
  return &w->event[w->n - 1];
}
