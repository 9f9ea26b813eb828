// SPDX-License-Identifier: Apache-2.0
// A bay in front of the visit tracker, for its tests: frames with synthetic plates and motion, and
// the events they give.
#ifndef BAYPLATE_TESTS_VISIT_SCENE_H
#define BAYPLATE_TESTS_VISIT_SCENE_H

#include "tests/vision/visit_world.h"
#include "vision/visit.h"

#define SCENE_EVENTS_MAX 512
#define SCENE_W 1280
#define SCENE_H 720

struct scene {
  struct visits *v;
  int64_t t; // of the next frame
  uint8_t shade;
  uint8_t *pixels;
  int n;
  struct visit_event event[SCENE_EVENTS_MAX];
  uint8_t evidence[SCENE_EVENTS_MAX]; // grey of the crop's middle; 0: none
};

void scene_note(void *ctx, const struct visit_event *event);
struct analyser_config scene_config(void);
struct scene scene_start(void);
void scene_finish(struct scene *w);
void scene_frame(struct scene *w, const struct plate_read *reads, int n,
                 const struct motion_result *m);
void scene_empty(struct scene *w, double seconds);
struct motion_result scene_stir(float x, float y, float w, float moving);
void scene_show(struct scene *w, const char *text, float conf, float x, float y, float width,
                float moving);
void scene_arrive(struct scene *w, const char *text, float conf);
void scene_stand(struct scene *w, const char *text, float conf, double seconds);
void scene_leave(struct scene *w, const char *text, float conf);
int scene_count(const struct scene *w, enum visit_event_kind kind);
const struct visit_event *scene_nth(const struct scene *w, enum visit_event_kind kind, int nth_one);
const struct visit_event *scene_last(const struct scene *w);

#endif
