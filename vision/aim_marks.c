// SPDX-License-Identifier: Apache-2.0
#include "vision/aim_marks.h"

#include "vision/aim.h"

#include <math.h>
#include <string.h>

#define MOVED 0.25f // of a plate's width: it is not where it was
#define CELL 8      // pixels
#define CAME_NS INT64_C(1500000000)
#define CAME_WIDTHS 1.5f
#define STEPS_MIN 5 // hard steps in a cell of lettering
#define GAP_MAX 2   // cells without any between two letters

static struct point middle(const struct quad *q) {
  struct point m = {0, 0};
  for (int i = 0; i < 4; i++) {
    m.x += 0.25f * q->corner[i].x;
    m.y += 0.25f * q->corner[i].y;
  }
  return m;
}

static bool same_place(const struct quad *a, const struct quad *b) {
  const struct point p = middle(a), q = middle(b);
  return hypotf(p.x - q.x, p.y - q.y) < MOVED * quad_width(a);
}

// Did something near here go away just now? Then this is it, and it moves.
static bool came_from(const struct aim_marks *m, const struct quad *q, int64_t t_ns) {
  const struct point p = middle(q);
  for (int i = 0; i < AIM_MARKS_MAX; i++) {
    const struct aim_mark *k = &m->mark[i];
    const struct point o = middle(&k->quad);
    if (k->used && k->last_ns < t_ns && t_ns - k->last_ns <= CAME_NS &&
        hypotf(p.x - o.x, p.y - o.y) < CAME_WIDTHS * quad_width(q))
      return true;
  }
  return false;
}

static struct aim_mark *place_for(struct aim_marks *m, const struct quad *q) {
  struct aim_mark *oldest = &m->mark[0];
  for (int i = 0; i < AIM_MARKS_MAX; i++) {
    struct aim_mark *k = &m->mark[i];
    if (k->used && same_place(&k->quad, q))
      return k;
    if (!k->used || (oldest->used && k->last_ns < oldest->last_ns))
      oldest = k;
  }
  oldest->used = false;
  return oldest;
}

void aim_marks_step(struct aim_marks *m, const struct plate_read *reads, int n, int64_t t_ns) {
  for (int i = 0; i < AIM_MARKS_MAX; i++) {
    if (m->mark[i].used && t_ns - m->mark[i].last_ns > AIM_FORGET_NS)
      m->mark[i].used = false;
  }
  for (int i = 0; i < n; i++) {
    const bool came = came_from(m, &reads[i].quad, t_ns);
    struct aim_mark *k = place_for(m, &reads[i].quad);
    if (!k->used)
      *k = (struct aim_mark){.used = true, .quad = reads[i].quad, .first_ns = t_ns, .came = came};
    k->last_ns = t_ns;
    k->looks++;
    if (reads[i].text[0])
      memcpy(k->text, reads[i].text, sizeof k->text);
  }
}

const struct aim_mark *aim_marks_standing(const struct aim_marks *m, int64_t t_ns) {
  const struct aim_mark *best = NULL;
  for (int i = 0; i < AIM_MARKS_MAX; i++) {
    const struct aim_mark *k = &m->mark[i];
    if (k->used && !k->came && k->looks >= AIM_LOOKS_MIN &&
        k->last_ns - k->first_ns >= AIM_STANDS_NS && t_ns - k->last_ns <= AIM_FORGET_NS &&
        (!best || k->first_ns < best->first_ns))
      best = k;
  }
  return best;
}

static int hard_steps(const struct image_view *v, int x0, int y0) {
  int n = 0;
  for (int y = y0; y < y0 + CELL; y++) {
    int before = aim_luma(v, x0, y);
    for (int x = x0 + 1; x <= x0 + CELL && x < v->width; x++) {
      const int now = aim_luma(v, x, y);
      n += now - before >= AIM_LETTER_STEP || before - now >= AIM_LETTER_STEP;
      before = now;
    }
  }
  return n;
}

static bool in_zone(const struct zone *zone, const struct image_view *v,
                    const struct image_rect *r) {
  return !zone || zone_contains(zone, ((float)r->x + 0.5f * (float)r->width) / (float)v->width,
                                ((float)r->y + 0.5f * (float)r->height) / (float)v->height);
}

// Is the cell, or the one below, lettering by now? Characters seldom keep to one row of cells.
static bool letters_at(const struct aim_letters *l, int x, int y, int rows) {
  return l->looks[y][x] >= AIM_LETTER_LOOKS ||
         (y + 1 < rows && l->looks[y + 1][x] >= AIM_LETTER_LOOKS);
}

bool aim_letters_step(struct aim_letters *l, const struct image_view *frame,
                      const struct zone *zone, struct image_rect *box) {
  const int columns = frame->width / CELL < AIM_CELLS_X ? frame->width / CELL : AIM_CELLS_X;
  const int rows = frame->height / CELL < AIM_CELLS_Y ? frame->height / CELL : AIM_CELLS_Y;
  if (l->width != frame->width || l->height != frame->height) {
    memset(l->looks, 0, sizeof l->looks);
    l->width = frame->width;
    l->height = frame->height;
  }
  for (int y = 0; y < rows; y++) {
    for (int x = 0; x < columns; x++) {
      uint8_t *looks = &l->looks[y][x];
      if (hard_steps(frame, x * CELL, y * CELL) >= STEPS_MIN)
        *looks = (uint8_t)(*looks < 255 ? *looks + 1 : 255);
      else // a clock's digit may be a thin 1 for a while
        *looks = *looks > AIM_LETTER_LOOKS ? AIM_LETTER_LOOKS - 1 : 0;
    }
  }
  int longest = 0;
  for (int y = 0; y < rows; y++) {
    int begin = -1, last = -1, filled = 0;
    for (int x = 0; x <= columns; x++) {
      const bool here = x < columns && letters_at(l, x, y, rows);
      if (here) {
        begin = begin < 0 ? x : begin;
        filled++;
        last = x;
      } else if (begin >= 0 && (x == columns || x - last > GAP_MAX)) {
        const struct image_rect r = {begin * CELL, y * CELL, (last - begin + 1) * CELL, 2 * CELL};
        if (filled >= AIM_LETTER_RUN && filled > longest && in_zone(zone, frame, &r)) {
          longest = filled;
          *box = r;
        }
        begin = last = -1;
        filled = 0;
      }
    }
  }
  return longest > 0;
}
