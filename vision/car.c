// SPDX-License-Identifier: Apache-2.0
#include "vision/car.h"

#include <math.h>
#include <string.h>

#define CAR_COVER_MIN 0.05f // parts of the frame
#define CAR_COVER_MAX 0.85f // more is the light, or a hand before the camera
#define CAR_WIDTH_MIN 0.16f
#define CAR_UPRIGHT_MAX                                                                            \
  1.1f // height over width (in parts of the frame, 16:9: 0.62 of the pixels); people are slimmer
#define SAME_OVERLAP 0.5f
#define LOST_NS 1500000000 // a box may flicker for so long
#define MOVING_PART 0.12f  // of a thing, to be called moving
#define MOVED_FRAMES 5
#define STILL_SPEED 0.04f // parts of the frame a second
#define GROWN 1.5f
#define JUMP 3.0f // in the part covered, from one frame to the next
#define SMOOTH_S 0.3f
#define GHOST_NS (MOTION_ABSORB_NS + 10 * INT64_C(1000000000))
#define GHOST_BEFORE_NS (5 * INT64_C(1000000000))

static float size(const struct car_area *a) {
  return fmaxf(0, a->x1 - a->x0) * fmaxf(0, a->y1 - a->y0);
}

float car_overlap(const struct car_area *a, const struct car_area *b) {
  float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
  float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
  float least = fminf(size(a), size(b));
  return w > 0 && h > 0 && least > 0 ? w * h / least : 0;
}

struct car_area car_around(const struct quad *plate, int width, int height) {
  float x0, y0, x1, y1;
  quad_bounds(plate, &x0, &y0, &x1, &y1);
  float cx = (x0 + x1) / 2, cy = (y0 + y1) / 2, w = fmaxf(quad_width(plate), 1);
  // A car is about 4.2 plates wide, 3.4 high; its plate hangs half a metre (1.1 plates) above the
  // floor.
  float fw = (float)width, fh = (float)height;
  return (struct car_area){fmaxf(0, (cx - 2.4f * w) / fw), fmaxf(0, (cy - 2.9f * w) / fh),
                           fminf(1, (cx + 2.4f * w) / fw), fminf(1, (cy + 1.3f * w) / fh)};
}

void car_again(struct car *c, int64_t t_ns) {
  c->first_ns = t_ns;
  c->cover0 = c->cover;
  c->moving = 0;
}

static void follow(struct car *c, const struct motion_box *b, int64_t t_ns) {
  float dt = fmaxf((float)(t_ns - c->last_ns) * 1e-9f, 1e-3f);
  float k = 1 - expf(-dt / SMOOTH_S);
  float x = (b->x0 + b->x1) / 2, y = (b->y0 + b->y1) / 2;
  float dx = k * (x - c->x), dy = k * (y - c->y);
  c->x += dx;
  c->y += dy;
  if (b->area > JUMP * c->cover ||
      b->area < c->cover / JUMP) { // something else is in its place at once
    c->cover = b->area;
    car_again(c, t_ns);
  }
  c->cover += k * (b->area - c->cover);
  bool moving = b->moving > MOVING_PART;
  if (moving)
    c->moving++;
  if (moving || hypotf(dx, dy) / dt > STILL_SPEED)
    c->still_ns = INT64_MAX;
  else if (c->still_ns == INT64_MAX)
    c->still_ns = t_ns;
  c->area = (struct car_area){b->x0, b->y0, b->x1, b->y1};
  c->last_ns = t_ns;
}

static void begin(struct cars *cs, const struct motion_box *b, int64_t t_ns) {
  struct car *free_one = NULL;
  for (int i = 0; i < CARS_MAX && free_one == NULL; i++)
    if (!cs->car[i].used)
      free_one = &cs->car[i];
  if (free_one == NULL)
    return; // CARS_MAX things at once: the largest ones came first
  *free_one = (struct car){.used = true,
                           .area = {b->x0, b->y0, b->x1, b->y1},
                           .first_ns = t_ns,
                           .last_ns = t_ns,
                           .still_ns = INT64_MAX,
                           .x = (b->x0 + b->x1) / 2,
                           .y = (b->y0 + b->y1) / 2,
                           .cover = b->area,
                           .cover0 = b->area,
                           .moving = b->moving > MOVING_PART};
}

void cars_step(struct cars *cs, const struct motion_result *m, int64_t t_ns) {
  if (m->scene_changed)
    cars_forget(cs);
  bool used[MOTION_BOXES_MAX] = {false};
  for (int i = 0; i < CARS_MAX; i++) {
    struct car *c = &cs->car[i];
    if (!c->used)
      continue;
    int best = -1;
    float most = SAME_OVERLAP;
    for (int k = 0; k < m->boxes && k < MOTION_BOXES_MAX; k++) {
      struct car_area a = {m->box[k].x0, m->box[k].y0, m->box[k].x1, m->box[k].y1};
      float o = used[k] ? 0 : car_overlap(&c->area, &a);
      if (o > most)
        most = o, best = k;
    }
    if (best >= 0) {
      used[best] = true;
      follow(c, &m->box[best], t_ns);
    } else if (t_ns - c->last_ns > LOST_NS) {
      c->used = false;
    }
  }
  for (int k = 0; k < m->boxes && k < MOTION_BOXES_MAX; k++)
    if (!used[k] && m->box[k].area > CAR_COVER_MIN / 4)
      begin(cs, &m->box[k], t_ns);
  cs->step_ns = t_ns;
}

bool car_arrived(const struct cars *cs, const struct car *c, int64_t t_ns, int64_t hold_ns) {
  float w = c->area.x1 - c->area.x0, h = c->area.y1 - c->area.y0;
  if (c->cover < CAR_COVER_MIN || c->cover > CAR_COVER_MAX || w < CAR_WIDTH_MIN ||
      h > w * CAR_UPRIGHT_MAX * 2 || c->moving < MOVED_FRAMES || t_ns - c->first_ns < hold_ns)
    return false;
  for (int i = 0; i < CAR_GHOSTS_MAX; i++)
    if (t_ns < cs->ghost[i].until_ns && c->first_ns > cs->ghost[i].from_ns - GHOST_BEFORE_NS &&
        c->first_ns < cs->ghost[i].from_ns + GHOST_BEFORE_NS &&
        car_overlap(&c->area, &cs->ghost[i].area) > 0.6f)
      return false;
  bool stands = c->still_ns != INT64_MAX && t_ns - c->still_ns >= hold_ns / 2;
  bool grows = c->cover > GROWN * c->cover0 && c->still_ns == INT64_MAX;
  return stands || grows;
}

void cars_left(struct cars *cs, struct car_area area, int64_t t_ns) {
  int oldest = 0;
  for (int i = 1; i < CAR_GHOSTS_MAX; i++)
    if (cs->ghost[i].until_ns < cs->ghost[oldest].until_ns)
      oldest = i;
  cs->ghost[oldest].area = area;
  cs->ghost[oldest].from_ns = t_ns;
  cs->ghost[oldest].until_ns = t_ns + GHOST_NS;
}

void cars_forget(struct cars *cs) {
  for (int i = 0; i < CARS_MAX; i++)
    cs->car[i].used = false;
}
