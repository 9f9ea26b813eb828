// SPDX-License-Identifier: Apache-2.0
#include "tools/sheet.h"

#include "tools/lettering.h"
#include "tools/picture.h"
#include "vision/crop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROP_W = 300, CROP_H = 110, LINES = 4, GAP = 6, COLUMNS = 5 };
enum { TILE_W = CROP_W + 2 * GAP, TILE_H = CROP_H + LINES * LETTERING_HEIGHT + 2 * GAP };

struct tile {
  uint8_t pixels[3 * CROP_W * CROP_H];
  int width, height;
  bool sure; // wrong, and as sure as an alert
  char line[LINES][64];
};

struct sheet {
  int tiles;
  long left_out, plates;
  struct tile *tile[SHEET_TILES_MAX];
};

bool sheet_new(struct sheet **out, struct err *e) {
  *out = calloc(1, sizeof **out);
  return *out ? true : err_set(e, ERR_NOMEM, "sheet: out of memory");
}

void sheet_free(struct sheet *s) {
  for (int i = 0; s && i < s->tiles; i++)
    free(s->tile[i]);
  free(s);
}

// A third more than the plate's box, so that one sees what lies around it.
static struct crop_box around(const struct rect *at, const struct image_view *v) {
  if (at->x1 <= at->x0)
    return (struct crop_box){0.0f, 0.0f, (float)v->width, (float)v->height};
  const float w = at->x1 - at->x0, h = at->y1 - at->y0;
  return (struct crop_box){at->x0 - w / 6, at->y0 - h / 3, at->x1 + w / 6, at->y1 + h / 3};
}

// Enlarges a small crop in place by whole numbers, up to the tile.
static void enlarge(struct tile *t) {
  const int by = (int)fminf((float)CROP_W / (float)t->width, (float)CROP_H / (float)t->height);
  if (by < 2)
    return;
  const int w = t->width, h = t->height;
  for (int y = h * by - 1; y >= 0; y--) { // backwards: what is read lies before what is written
    for (int x = w * by - 1; x >= 0; x--)
      memmove(t->pixels + 3 * ((size_t)y * (size_t)(w * by) + (size_t)x),
              t->pixels + 3 * ((size_t)(y / by) * (size_t)w + (size_t)(x / by)), 3);
  }
  t->width = w * by;
  t->height = h * by;
}

static struct tile *add(struct sheet *s, const struct picture *p, const struct rect *at,
                        struct err *e) {
  struct tile *t = calloc(1, sizeof *t);
  if (!t) {
    (void)err_set(e, ERR_NOMEM, "sheet: out of memory");
    return NULL;
  }
  s->tile[s->tiles++] = t;
  struct image_view out;
  if (p->pixels &&
      crop_bgr(&p->view, around(at, &p->view), CROP_W, CROP_H, t->pixels, sizeof t->pixels, &out)) {
    t->width = out.width;
    t->height = out.height;
    enlarge(t);
  }
  return t;
}

static void describe(struct tile *t, const struct eval_set *set, const struct eval_picture *p,
                     const struct label *l, const struct plate_read *r) {
  (void)snprintf(t->line[0], sizeof t->line[0], "is %s %s", l ? l->plate : "no plate",
                 l ? l->type : "");
  if (r)
    (void)snprintf(t->line[1], sizeof t->line[1], "read %s %s", r->text, plate_type_name(r->type));
  else
    (void)snprintf(t->line[1], sizeof t->line[1], "read nothing");
  t->sure = r && r->confidence >= SCORE_ALERT;
  const char *name = strrchr(p->path, '/');
  if (r)
    (void)snprintf(t->line[2], sizeof t->line[2], "%.3f %.18s", (double)r->confidence,
                   set->score.all.name);
  else
    (void)snprintf(t->line[2], sizeof t->line[2], "%.20s", set->score.all.name);
  (void)snprintf(t->line[3], sizeof t->line[3], "%.23s", name ? name + 1 : p->path);
}

static bool is_wrong(const struct eval_picture *p, int t) {
  const struct label *l = &p->seen.truth[t];
  const int r = p->pair.of_truth[t];
  return !l->ignored && l->plate[0] && (r < 0 || strcmp(p->seen.read[r].text, l->plate) != 0);
}

static bool add_picture(struct sheet *s, const struct eval_set *set, const struct eval_picture *p,
                        struct err *e) {
  struct picture pic = {0};
  struct err none = {0};
  bool loaded = false, ok = true;
  for (int k = 0; k < p->seen.truths + p->seen.reads && ok; k++) {
    const int t = k < p->seen.truths ? k : -1, false_read = k - p->seen.truths;
    if (t >= 0 ? !is_wrong(p, t) : p->pair.of_read[false_read] >= 0)
      continue;
    if (s->tiles == SHEET_TILES_MAX) {
      s->left_out++;
      continue;
    }
    if (!loaded && !p->seen.failed && !picture_load(&pic, p->path, &none))
      pic = (struct picture){0}; // told when it was scored; its tile has no crop
    loaded = true;
    const int r = t >= 0 ? p->pair.of_truth[t] : false_read;
    const struct label *l = t >= 0 ? &p->seen.truth[t] : NULL;
    struct rect at = {0};
    if (!l || (!score_place(l, set->form, &at) && r >= 0))
      at = score_bounds(&p->seen.read[r].quad);
    struct tile *tile = add(s, &pic, &at, e);
    ok = tile != NULL;
    if (ok)
      describe(tile, set, p, l, r < 0 ? NULL : &p->seen.read[r]);
  }
  picture_free(&pic);
  return ok;
}

bool sheet_add(struct sheet *s, const struct eval_set *set, struct err *e) {
  s->plates += set->score.all.truths;
  for (size_t i = 0; i < set->n; i++) {
    if (!add_picture(s, set, &set->picture[i], e))
      return false;
  }
  return true;
}

static void put(struct picture *out, const struct tile *t, int x, int y) {
  static const uint8_t white[3] = {255, 255, 255}, red[3] = {80, 80, 255};
  for (int row = 0; row < t->height; row++)
    memcpy(out->pixels + (size_t)(y + GAP + row) * (size_t)out->view.stride[0] +
               3 * (size_t)(x + GAP),
           t->pixels + 3 * (size_t)t->width * (size_t)row, 3 * (size_t)t->width);
  for (int i = 0; i < LINES; i++)
    lettering_draw(out, x + GAP, y + GAP + CROP_H + i * LETTERING_HEIGHT, 1, t->line[i],
                   t->sure ? red : white);
}

bool sheet_write(const struct sheet *s, const char *path, struct err *e) {
  static const uint8_t white[3] = {255, 255, 255};
  const int rows = (s->tiles + COLUMNS - 1) / COLUMNS, head = LETTERING_HEIGHT + 2 * GAP;
  struct picture out;
  if (!picture_new(&out, COLUMNS * TILE_W, head + rows * TILE_H, e))
    return false;
  memset(out.pixels, 40, (size_t)out.view.stride[0] * (size_t)out.view.height);
  char text[160];
  (void)snprintf(text, sizeof text,
                 "%ld labelled plates; %ld not read right or false%s; red: at least %.1f sure",
                 s->plates, s->tiles + s->left_out, s->left_out ? " (the first 400 are shown)" : "",
                 (double)SCORE_ALERT);
  lettering_draw(&out, GAP, GAP, 1, text, white);
  for (int i = 0; i < s->tiles; i++)
    put(&out, s->tile[i], i % COLUMNS * TILE_W, head + i / COLUMNS * TILE_H);
  const bool ok = picture_write_png(&out, path, e);
  picture_free(&out);
  return ok;
}
