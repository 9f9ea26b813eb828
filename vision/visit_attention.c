// SPDX-License-Identifier: Apache-2.0
// What deserves to be looked at: which plates are followed, which reads would be news, whether a
// car is in view.
#include "vision/visit_private.h"

#include <math.h>

#define SEEN_NS 1000000000
#define FOLLOW_NS 400000000       // a plate unseen for longer is not looked for where it should be
#define FOLLOW_SPEED_NS 300000000 // and its speed is not believed for longer
#define SIGN_LOOKS 25 // a plate seen so often that never moved is a sign: it is not followed
#define SIGN_READ_NS 1000000000 // and read only so often
#define VIEW_READS 12           // reads of one view after which a further one may wait
#define BLANK_READS 6           // the same for reads that gave nothing,
#define BLANK_GROWN 1.05f       // unless the plate has become larger
#define READ_AGAIN_NS 200000000
#define CERTAIN_READ_NS 80000000 // a sure text is read again in new views, at most so often
#define CHECK_NS 400000000       // and in any case so often: another car may have taken its place

static bool is_sign(const struct visits *v, int i) {
  const struct track *t = &v->tracker.track[i];
  return v->link[i].visit == 0 && t->travel < TRAVEL_MIN && t->seen >= SIGN_LOOKS;
}

// A thing like a plate that the reader made nothing of so far.
static bool is_blank(const struct visits *v, int i) {
  return v->link[i].visit == 0 && v->link[i].blank >= BLANK_READS;
}

// Would another read of this plate say anything new?
static bool wants_read(const struct visits *v, int i, const struct quad *where, int64_t t_ns) {
  const struct track *t = &v->tracker.track[i];
  const struct link *l = &v->link[i];
  const int64_t since = l->tried_ns != 0 ? t_ns - l->tried_ns : INT64_MAX;
  if (is_sign(v, i))
    return since >= SIGN_READ_NS;
  const bool new_view = fuse_is_new_view(&t->fuse, where);
  for (int k = 0; l->visit != 0 && k < VISITS_RECENT_MAX; k++) {
    const struct visit *visit = &v->book.visit[k];
    if (visit->used && visit->id == l->visit && visit->open && visit->sure)
      return since >= (new_view ? CERTAIN_READ_NS : CHECK_NS);
  }
  const bool known_view = t->fuse.same_view >= VIEW_READS && !new_view;
  const bool known_blank = l->blank >= BLANK_READS && quad_height(where) < BLANK_GROWN * l->blank_h;
  return since >= READ_AGAIN_NS || (!known_view && !known_blank);
}

static struct quad ahead(const struct track *t, int64_t t_ns) {
  const int64_t since = t_ns - t->last_ns;
  const float dt = (float)(since < FOLLOW_SPEED_NS ? since : FOLLOW_SPEED_NS) * 1e-9f;
  struct quad q = t->quad;
  for (int i = 0; i < 4; i++) {
    q.corner[i].x += t->vx * dt;
    q.corner[i].y += t->vy * dt;
  }
  return q;
}

int visits_plates(const struct visits *v, int64_t t_ns, struct visit_plate *out, int max) {
  int64_t tried[TRACKS_MAX] = {0};
  int n = 0;
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *t = &v->tracker.track[i];
    if (!t->used || t_ns - t->last_ns > FOLLOW_NS || is_sign(v, i) || is_blank(v, i) || max < 1)
      continue;
    struct visit_plate p = {.quad = ahead(t, t_ns)};
    p.read = wants_read(v, i, &p.quad, t_ns);
    const int64_t at = p.read ? v->link[i].tried_ns : INT64_MAX; // the longest unread first
    int k = n < max ? n++ : max;
    if (k == max && tried[--k] <= at)
      continue;
    for (; k > 0 && tried[k - 1] > at; k--) {
      out[k] = out[k - 1];
      tried[k] = tried[k - 1];
    }
    out[k] = p;
    tried[k] = at;
  }
  return n;
}

bool visits_wants_read(const struct visits *v, const struct quad *plate, int64_t t_ns) {
  const float x =
      0.25f * (plate->corner[0].x + plate->corner[1].x + plate->corner[2].x + plate->corner[3].x);
  const float y =
      0.25f * (plate->corner[0].y + plate->corner[1].y + plate->corner[2].y + plate->corner[3].y);
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *t = &v->tracker.track[i];
    if (t->used && t_ns - t->last_ns <= FOLLOW_NS && hypotf(x - t->x, y - t->y) < 0.5f * t->w)
      return wants_read(v, i, plate, t_ns);
  }
  return true;
}

bool visits_car_in_view(const struct visits *v, int64_t t_ns) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++)
    if (v->book.visit[i].used && v->book.visit[i].open && !v->book.visit[i].seeded)
      return true;
  for (int i = 0; i < TRACKS_MAX; i++)
    if (v->tracker.track[i].used && t_ns - v->tracker.track[i].last_ns < IN_VIEW_NS &&
        !is_sign(v, i))
      return true;
  return false;
}

bool visits_car_seen(const struct visits *v, int64_t t_ns) {
  for (int i = 0; i < VISITS_RECENT_MAX; i++)
    if (v->book.visit[i].used && v->book.visit[i].open &&
        t_ns - v->book.visit[i].last_seen_ns < SEEN_NS)
      return true;
  for (int i = 0; i < TRACKS_MAX; i++)
    if (v->tracker.track[i].used && t_ns - v->tracker.track[i].last_ns < SEEN_NS &&
        (v->link[i].visit != 0 || v->tracker.track[i].travel >= TRAVEL_MIN))
      return true;
  return false;
}

bool visits_undecided(const struct visits *v, int64_t t_ns) {
  for (int i = 0; i < TRACKS_MAX; i++) {
    const struct track *t = &v->tracker.track[i];
    if (t->used && v->link[i].visit == 0 && t->travel >= TRAVEL_MIN &&
        t_ns - t->last_ns < IN_VIEW_NS)
      return true;
  }
  return false;
}
