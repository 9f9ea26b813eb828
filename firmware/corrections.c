// SPDX-License-Identifier: Apache-2.0
#include "firmware/corrections.h"

#include "board/careful.h"

#include "vision/grammar.h"
#include "vision/visit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER                                                                                     \
  "path,plate,type,x0,y0,x1,y1,c0x,c0y,c1x,c1y,c2x,c2y,c3x,c3y,read,confidence,corrected_ms\n"
#define ROW_MAX 320
#define FILE_MAX ((size_t)(CORRECTIONS_MAX + 2) * ROW_MAX)
#define JPEG_MAX (8u << 20)

struct corrections {
  pthread_mutex_t lock;
  int max;
  char dir[PATH_MAX - 64];
};

bool corrections_open(struct corrections **out, const char *dir, int max, struct err *e) {
  *out = NULL;
  if (!dir || !*dir || max < 1 || max > CORRECTIONS_MAX)
    return err_set(e, ERR_ARG, "corrections: no folder, or not 1 to %d rows", CORRECTIONS_MAX);
  struct corrections *c = calloc(1, sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "corrections: out of memory");
  c->max = max;
  const int n = snprintf(c->dir, sizeof c->dir, "%s", dir);
  if (n < 0 || (size_t)n >= sizeof c->dir || pthread_mutex_init(&c->lock, NULL) != 0) {
    free(c);
    return err_set(e, ERR_ARG, "corrections: %s: name too long", dir);
  }
  *out = c;
  return true;
}

void corrections_free(struct corrections *c) {
  if (!c)
    return;
  (void)pthread_mutex_destroy(&c->lock); // nobody holds it any more
  free(c);
}

// --- files

// Whole or not at all.
static bool write_file(const char *dir, const char *name, const void *data, size_t len,
                       struct err *e) {
  char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", dir, name); // dir is short enough
  return careful_write(path, data, len, e) || err_prefix(e, "corrections");
}

static bool folder(const char *path, struct err *e) {
  return careful_make_folder(path, e) || err_prefix(e, "corrections");
}

// labels.csv as it is, with a NUL; "" where there is none yet.
static bool read_labels(const char *dir, char **text, size_t *len, struct err *e) {
  char path[PATH_MAX];
  struct stat st = {0};
  (void)snprintf(path, sizeof path, "%s/labels.csv", dir);
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno != ENOENT)
    return err_errno(e, errno, "corrections: %s", path);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
  *text = NULL;
  *len = 0;
  if (fd >= 0 && (!f || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
                  (unsigned long long)st.st_size > FILE_MAX))
    (void)err_set(e, ERR_FORMAT, "corrections: %s: no file, or larger than %zu bytes", path,
                  FILE_MAX);
  else if (!(*text = calloc(1, (size_t)st.st_size + 1)))
    (void)err_set(e, ERR_NOMEM, "corrections: out of memory");
  else if (f && (*len = fread(*text, 1, (size_t)st.st_size, f)) != (size_t)st.st_size)
    (void)err_set(e, ERR_IO, "corrections: %s: cannot be read", path);
  else if (*len && (strlen(*text) != *len || strncmp(*text, HEADER, strlen(HEADER)) != 0 ||
                    (*text)[*len - 1] != '\n'))
    (void)err_set(e, ERR_FORMAT, "corrections: %s: is not as it was written; move it away", path);
  else {
    if (f)
      (void)fclose(f); // only read from
    return true;
  }
  free(*text);
  *text = NULL;
  if (f)
    (void)fclose(f);
  else if (fd >= 0)
    (void)close(fd);
  return false;
}

// --- rows

// Width and height from the frame header of a JPEG (ITU T.81 B.2.2). false: it has none.
static bool jpeg_size(const uint8_t *d, size_t n, int *w, int *h) {
  for (size_t at = 2; at + 9 < n && d[at] == 0xFF;) {
    const uint8_t m = d[at + 1];
    if (m >= 0xC0 && m <= 0xCF && m != 0xC4 && m != 0xC8 && m != 0xCC) {
      *h = d[at + 5] << 8 | d[at + 6];
      *w = d[at + 7] << 8 | d[at + 8];
      return *w > 0 && *h > 0;
    }
    at += 2 + (size_t)(d[at + 2] << 8 | d[at + 3]);
  }
  return false;
}

// The type as read where the text can stand on it, else the only one that it can stand on; "" where
// that is not known.
static const char *type_of(const struct correction *what) {
  const unsigned can = grammar_types(what->plate);
  if (what->type != PLATE_UNKNOWN && can >> what->type & 1)
    return plate_type_name(what->type);
  for (int t = 0; t < PLATE_TYPE_COUNT; t++) {
    if (can == 1u << t)
      return plate_type_name((enum plate_type)t);
  }
  return "";
}

static void row_of(const struct correction *what, char row[ROW_MAX]) {
  int w = 0, h = 0;
  char box[80] = ",,,";
  // Around the plate lies what visit.h says, unless the picture ended there.
  if (what->read[0] && jpeg_size(what->jpeg, what->len, &w, &h)) {
    const double mx = VISIT_CROP_X / (1.0 + 2.0 * VISIT_CROP_X) * w;
    const double my = VISIT_CROP_Y / (1.0 + 2.0 * VISIT_CROP_Y) * h;
    (void)snprintf(box, sizeof box, "%.1f,%.1f,%.1f,%.1f", mx, my, w - mx, h - my);
  }
  (void)snprintf(row, ROW_MAX, "img/%" PRIu64 ".jpg,%s,%s,%s,,,,,,,,,%s,%.4f,%" PRId64 "\n",
                 what->visit, what->plate, type_of(what), box, what->read, what->confidence,
                 what->wall_ms);
}

// Takes out the row of this picture and, when there are more than max - 1, the oldest; their
// pictures' names go to `gone` ("": none).
static void make_room(char *text, const char *name, int max, char gone[64]) {
  char *first = text + strlen(HEADER), *at = first;
  const size_t n = strlen(name);
  gone[0] = '\0';
  int rows = 0;
  while (*at) {
    char *next = strchr(at, '\n') + 1; // read_labels(): the last line ends too
    if (strncmp(at, name, n) == 0 && at[n] == ',') {
      memmove(at, next, strlen(next) + 1);
      continue;
    }
    rows++;
    at = next;
  }
  if (rows < max)
    return;
  (void)snprintf(gone, 64, "%.*s", (int)strcspn(first, ","), first);
  char *second = strchr(first, '\n') + 1;
  memmove(first, second, strlen(second) + 1);
}

static bool put(struct corrections *c, const struct correction *what, struct err *e) {
  char img[PATH_MAX], name[64], row[ROW_MAX], gone[64] = "", *text = NULL;
  size_t len = 0;
  (void)snprintf(img, sizeof img, "%s/img", c->dir);
  (void)snprintf(name, sizeof name, "img/%" PRIu64 ".jpg", what->visit);
  if (!folder(c->dir, e) || !folder(img, e) || !read_labels(c->dir, &text, &len, e))
    return false;
  if (len > 0)
    make_room(text, name, c->max, gone);
  row_of(what, row);
  const char *old = len > 0 ? text : HEADER;
  char *all = malloc(strlen(old) + sizeof row);
  // The crop first: a row never names a picture that is not there.
  bool ok = all && write_file(c->dir, name, what->jpeg, what->len, e);
  if (ok) {
    const int n = snprintf(all, strlen(old) + sizeof row, "%s%s", old, row);
    ok = write_file(c->dir, "labels.csv", all, (size_t)n, e);
  } else if (!all) {
    (void)err_set(e, ERR_NOMEM, "corrections: out of memory");
  }
  if (ok && gone[0] && strcmp(gone, name) != 0) {
    (void)snprintf(img, sizeof img, "%s/%s", c->dir, gone);
    if (strncmp(gone, "img/", 4) == 0 && !strstr(gone, ".."))
      (void)unlink(img); // a crop too many does no harm
  }
  free(all);
  free(text);
  return ok;
}

bool corrections_put(struct corrections *c, const struct correction *what, struct err *e) {
  if (what->visit == 0 || !what->plate || !grammar_valid(PLATE_UNKNOWN, what->plate))
    return err_set(e, ERR_ARG, "plate: not a plate");
  if (!what->jpeg || what->len == 0 || what->len > JPEG_MAX || !what->read ||
      strlen(what->read) >= PLATE_TEXT_MAX || what->read[strcspn(what->read, ",\"\n\r")])
    return err_set(e, ERR_ARG, "corrections: no crop, too large a one, or no text");
  if (pthread_mutex_lock(&c->lock) != 0)
    return err_set(e, ERR_STATE, "corrections: lock");
  const bool ok = put(c, what, e);
  (void)pthread_mutex_unlock(&c->lock); // held by us
  return ok;
}
