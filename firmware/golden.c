// SPDX-License-Identifier: Apache-2.0
#include "firmware/golden.h"

#include "board/careful.h"
#include "board/file.h"
#include "board/jpeg.h"
#include "board/log.h"
#include "vision/grammar.h"
#include "vision/visit.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEADER "file,plate,type,hour,by,time_ms\n"
#define ROW_MAX 160
#define LABELS_MAX ((size_t)(GOLDEN_MAX + 2) * ROW_MAX)
#define FILES_LOOKED_AT 1000
#define QUALITY 95 // it is compressed for the second time

struct golden {
  pthread_mutex_t lock;
  struct golden_row row[GOLDEN_MAX];
  int n;
  char dir[FILE_PATH_MAX - 64];
};

static void path_of(const struct golden *g, const char *name, char out[FILE_PATH_MAX]) {
  (void)snprintf(out, FILE_PATH_MAX, "%s/%s", g->dir, name); // dir is short enough
}

static void name_of(uint64_t visit, char out[32]) {
  (void)snprintf(out, 32, "%" PRIu64 ".jpg", visit);
}

// --- labels.csv

static const char *skip(const char *at, char *out, size_t size) {
  const size_t n = strcspn(at, ",\n");
  if (n >= size || at[n] == '\0')
    return NULL;
  memcpy(out, at, n);
  out[n] = '\0';
  return at + n + 1;
}

static bool number(const char *text, int64_t max, int64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return *text && *end == '\0' && errno == 0 && *out >= 0 && *out <= max;
}

// One line; NULL: it is not as it was written.
static const char *parse_row(const char *at, struct golden_row *r) {
  char file[32], type[16], hour[8], by[12], ms[24];
  int64_t visit = 0, h = 0;
  if (!(at = skip(at, file, sizeof file)) || !(at = skip(at, r->plate, sizeof r->plate)) ||
      !(at = skip(at, type, sizeof type)) || !(at = skip(at, hour, sizeof hour)) ||
      !(at = skip(at, by, sizeof by)) || !(at = skip(at, ms, sizeof ms)))
    return NULL;
  char *dot = strchr(file, '.');
  if (!dot || strcmp(dot, ".jpg") != 0 || !plate_type_parse(type, &r->type) ||
      !grammar_valid(PLATE_UNKNOWN, r->plate))
    return NULL;
  *dot = '\0';
  if (!number(file, INT64_MAX, &visit) || !number(hour, 23, &h) ||
      !number(ms, INT64_MAX, &r->wall_ms))
    return NULL;
  r->visit = (uint64_t)visit;
  r->hour = (int)h;
  r->by_person = strcmp(by, "person") == 0;
  return at;
}

static bool parse(struct golden *g, const char *text) {
  g->n = 0;
  if (strncmp(text, HEADER, strlen(HEADER)) != 0)
    return false;
  for (const char *at = text + strlen(HEADER); at && *at;) {
    if (g->n == GOLDEN_MAX || !(at = parse_row(at, &g->row[g->n])))
      return false;
    g->n++;
  }
  return true;
}

static bool write_labels(const struct golden *g, struct err *e) {
  char path[FILE_PATH_MAX], text[LABELS_MAX];
  size_t at = (size_t)snprintf(text, sizeof text, "%s", HEADER);
  for (int i = 0; i < g->n; i++) {
    const struct golden_row *r = &g->row[i];
    const int n = snprintf(text + at, sizeof text - at, "%" PRIu64 ".jpg,%s,%s,%d,%s,%" PRId64 "\n",
                           r->visit, r->plate, plate_type_name(r->type), r->hour,
                           r->by_person ? "person" : "readers", r->wall_ms);
    if (n < 0 || (size_t)n >= ROW_MAX)
      return err_set(e, ERR_LIMIT, "golden: a row is too long");
    at += (size_t)n;
  }
  path_of(g, "labels.csv", path);
  return careful_write(path, text, at, e) || err_prefix(e, "golden");
}

// --- the folder

static bool listed(const struct golden *g, const char *name) {
  char own[32];
  for (int i = 0; i < g->n; i++) {
    name_of(g->row[i].visit, own);
    if (strcmp(own, name) == 0)
      return true;
  }
  return strcmp(name, "labels.csv") == 0;
}

// A crop that no row names was left by a power cut: it is somebody's plate, and goes.
static void sweep(const struct golden *g) {
  DIR *d = opendir(g->dir);
  if (!d)
    return; // none yet
  const struct dirent *f = NULL;
  for (int n = 0; n < FILES_LOOKED_AT && (f = readdir(d)); n++)
    if (f->d_name[0] != '.' && !listed(g, f->d_name) && unlinkat(dirfd(d), f->d_name, 0) != 0)
      log_warn("golden", "%s: %s", f->d_name, strerror(errno));
  (void)closedir(d); // only read
}

bool golden_open(struct golden **out, const char *dir, struct err *e) {
  *out = NULL;
  struct golden *g = calloc(1, sizeof *g);
  if (!g)
    return err_set(e, ERR_NOMEM, "golden: out of memory");
  const int n = snprintf(g->dir, sizeof g->dir, "%s", dir);
  if (n < 1 || (size_t)n >= sizeof g->dir || pthread_mutex_init(&g->lock, NULL) != 0) {
    free(g);
    return err_set(e, ERR_ARG, "golden: %s: no name, or too long a one", dir);
  }
  char path[FILE_PATH_MAX];
  void *text = NULL;
  size_t len = 0;
  struct err why;
  path_of(g, "labels.csv", path);
  if (!file_get(path, LABELS_MAX, &text, &len, &why)) {
    if (why.code != ERR_NOT_FOUND)
      log_warn("golden", "begun anew: %s", why.text);
  } else if (!parse(g, text)) {
    log_warn("golden", "begun anew: %s is not as it was written", path);
    g->n = 0;
  }
  free(text);
  sweep(g);
  *out = g;
  return true;
}

void golden_free(struct golden *g) {
  if (!g)
    return;
  (void)pthread_mutex_destroy(&g->lock); // nobody holds it any more
  free(g);
}

// --- crops

// The plate alone, as a reader of cut-out plates wants it.
static bool cut_plate(const struct golden_crop *c, uint8_t **out, size_t *len, struct err *e) {
  int w = 0, h = 0;
  if (!jpeg_measure(c->evidence, c->len, &w, &h, e))
    return false;
  const int x = (int)(VISIT_CROP_X / (1 + 2 * VISIT_CROP_X) * (float)w + 0.5f);
  const int y = (int)(VISIT_CROP_Y / (1 + 2 * VISIT_CROP_Y) * (float)h + 0.5f);
  return jpeg_cut(c->evidence, c->len, x, y, w - 2 * x, h - 2 * y, QUALITY, out, len, e);
}

// A person's word about a car counts more than what is there, and a later word more than an
// earlier.
static void make_way(struct golden *g, const struct golden_row *in) {
  int n = 0;
  for (int i = 0; i < g->n; i++)
    if (g->row[i].visit != in->visit && strcmp(g->row[i].plate, in->plate) != 0)
      g->row[n++] = g->row[i];
  g->n = n;
}

// The crop first, then the row that names it, then crops that no row names any more.
static bool keep(struct golden *g, const struct golden_row *in, int at, const uint8_t *jpeg,
                 size_t len, struct err *e) {
  char name[32], path[FILE_PATH_MAX];
  name_of(in->visit, name);
  path_of(g, name, path);
  if (!careful_make_folder(g->dir, e) || !careful_write(path, jpeg, len, e))
    return err_prefix(e, "golden");
  g->row[at] = *in;
  g->n += at == g->n;
  if (!write_labels(g, e))
    return false;
  sweep(g);
  return true;
}

static bool offer(struct golden *g, const struct golden_row *in, const struct golden_crop *c,
                  bool *taken, struct err *e) {
  struct golden_row before[GOLDEN_MAX];
  const int n = g->n;
  memcpy(before, g->row, sizeof before);
  if (in->by_person)
    make_way(g, in);
  int at = g->n;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  // A picture that is none, or too large a one, is not worth an error: the next car comes.
  *taken = golden_choose(g->row, g->n, in, &at) != GOLDEN_KEEP_OUT &&
           cut_plate(c, &jpeg, &len, NULL) && len <= GOLDEN_BYTES_MAX;
  const bool ok = !*taken || keep(g, in, at, jpeg, len, e);
  free(jpeg);
  *taken = *taken && ok;
  if (!*taken) {
    memcpy(g->row, before, sizeof before);
    g->n = n;
  }
  return ok;
}

bool golden_offer(struct golden *g, const struct golden_crop *crop, bool *taken, struct err *e) {
  bool kept = false;
  const time_t t = (time_t)(crop->wall_ms / 1000);
  struct tm local;
  const bool fits = grammar_types(crop->plate) >> crop->type & 1;
  struct golden_row in = {.visit = crop->visit,
                          .type = fits ? crop->type : PLATE_UNKNOWN,
                          .by_person = crop->by_person,
                          .wall_ms = crop->wall_ms};
  if (taken)
    *taken = false;
  if (crop->visit == 0 || crop->visit > INT64_MAX || crop->wall_ms <= 0 ||
      !grammar_valid(PLATE_UNKNOWN, crop->plate) || !localtime_r(&t, &local))
    return true;
  (void)snprintf(in.plate, sizeof in.plate, "%s", crop->plate);
  in.hour = local.tm_hour;
  if (pthread_mutex_lock(&g->lock) != 0)
    return err_set(e, ERR_STATE, "golden: lock");
  const bool ok = offer(g, &in, crop, &kept, e);
  (void)pthread_mutex_unlock(&g->lock); // held by us
  if (taken)
    *taken = kept;
  return ok;
}

static bool expire(struct golden *g, int64_t now_ms, struct err *e) {
  int at = golden_expired(g->row, g->n, now_ms);
  if (at < 0)
    return true;
  for (; at >= 0; at = golden_expired(g->row, g->n, now_ms)) {
    memmove(&g->row[at], &g->row[at + 1], sizeof *g->row * (size_t)(g->n - at - 1));
    g->n--;
  }
  if (!write_labels(g, e))
    return false; // the rows are gone all the same; the file is written with the next crop
  sweep(g);
  return true;
}

bool golden_expire(struct golden *g, int64_t now_ms, struct err *e) {
  if (pthread_mutex_lock(&g->lock) != 0)
    return err_set(e, ERR_STATE, "golden: lock");
  const bool ok = expire(g, now_ms, e);
  (void)pthread_mutex_unlock(&g->lock); // held by us
  return ok;
}
