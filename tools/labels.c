// SPDX-License-Identifier: Apache-2.0
#include "tools/labels.h"

#include "tools/csv.h"
#include "vision/grammar.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH, PLATE, TYPE, BOX, CORNERS = BOX + 4, KNOWN = CORNERS + 8 };

static const char *const names[KNOWN] = {"path", "plate", "type", "x0",  "y0",  "x1",  "y1", "c0x",
                                         "c0y",  "c1x",   "c1y",  "c2x", "c2y", "c3x", "c3y"};

// One file being read.
struct reading {
  const char *path;
  FILE *tell;
  size_t room;
  int columns, at[KNOWN]; // where each known column stands; -1: nowhere
  struct labels *l;
};

static bool header(struct reading *r, char *const *field, int n, struct err *e) {
  r->columns = n;
  for (int k = 0; k < KNOWN; k++) {
    r->at[k] = -1;
    for (int i = 0; i < n; i++) {
      if (strcasecmp(field[i], names[k]) != 0)
        continue;
      if (r->at[k] >= 0)
        return err_set(e, ERR_FORMAT, "%s:1: two columns are named \"%s\"", r->path, names[k]);
      r->at[k] = i;
    }
  }
  if (r->at[PATH] < 0 || r->at[PLATE] < 0)
    return err_set(e, ERR_FORMAT,
                   "%s:1: no column \"%s\"; the first line must name the columns, like "
                   "\"path,plate,type,x0,y0,x1,y1\"",
                   r->path, r->at[PATH] < 0 ? "path" : "plate");
  return true;
}

// n numbers; *has: all are there.
static bool numbers(const char *const *field, int first, int n, float *out, bool *has,
                    struct err *e) {
  *has = true;
  for (int i = 0; i < n; i++) {
    const char *s = field[first + i];
    char *end = NULL;
    if (!*s) {
      *has = false;
      continue;
    }
    out[i] = strtof(s, &end);
    if (*end || !isfinite(out[i]) || fabsf(out[i]) > 1e6f)
      return err_set(e, ERR_FORMAT, "field \"%s\" is \"%.40s\", no number of pixels",
                     names[first + i], s);
  }
  return true;
}

static bool text_field(char *out, size_t room, const char *s, const char *name, struct err *e) {
  if (strlen(s) >= room)
    return err_set(e, ERR_FORMAT, "field \"%s\" is longer than %zu bytes", name, room - 1);
  memcpy(out, s, strlen(s) + 1);
  return true;
}

static bool row(struct label *l, const char *const *field, struct err *e) {
  float c[8] = {0};
  char plate[GRAMMAR_TEXT_INPUT_MAX];
  if (!*field[PATH])
    return err_set(e, ERR_FORMAT, "field \"path\" is empty");
  if (!text_field(plate, sizeof plate, field[PLATE], "plate", e) ||
      !text_field(l->type, sizeof l->type, field[TYPE], "type", e) ||
      !numbers(field, BOX, 4, l->box, &l->has_box, e) ||
      !numbers(field, CORNERS, 8, c, &l->has_corners, e))
    return false;
  if (!grammar_clean(plate, l->plate))
    return err_set(e, ERR_FORMAT, "field \"plate\" is \"%.60s\": longer than a plate", plate);
  grammar_spell_text(l->plate);
  for (char *t = l->type; *t; t++)
    *t = (char)tolower((unsigned char)*t);
  for (int i = 0; i < 4; i++)
    l->corners.corner[i] = (struct point){c[2 * i], c[2 * i + 1]};
  l->path = strdup(field[PATH]);
  return l->path ? true : err_set(e, ERR_NOMEM, "out of memory");
}

static bool append(struct reading *r, const struct label *row, struct err *e) {
  struct labels *l = r->l;
  if (l->n == LABELS_MAX)
    return err_set(e, ERR_LIMIT, "%s:%ld: more than %d rows", r->path, row->line, LABELS_MAX);
  if (l->n == r->room) {
    r->room = r->room ? 2 * r->room : 256;
    struct label *p = realloc(l->row, r->room * sizeof *p);
    if (!p)
      return err_set(e, ERR_NOMEM, "%s: out of memory", r->path);
    l->row = p;
  }
  l->row[l->n++] = *row;
  if (row->plate[0] && !grammar_valid(PLATE_UNKNOWN, row->plate) && l->odd++ == 0)
    l->odd_line = row->line;
  return true;
}

static void leave_out(struct reading *r, long line, const struct err *why) {
  if (r->tell && r->l->left_out < LABELS_TOLD_MAX)
    (void)fprintf(r->tell, "%s:%ld: %s; this row is left out\n", r->path, line, why->text);
  r->l->left_out++;
}

static bool line_read(struct reading *r, char *line, long number, struct err *e) {
  char *cell[LABELS_COLUMNS_MAX];
  struct err why = {0};
  const int n = csv_cut(line, cell, LABELS_COLUMNS_MAX, &why);
  if (number == 1)
    return n < 0 ? err_set(e, ERR_FORMAT, "%s:1: %s", r->path, why.text) : header(r, cell, n, e);
  const char *field[KNOWN];
  for (int k = 0; k < KNOWN && n >= 0; k++)
    field[k] = r->at[k] >= 0 && r->at[k] < n ? cell[r->at[k]] : "";
  struct label l = {.line = number};
  if (n >= 0 && n > r->columns && *cell[r->columns])
    (void)err_set(&why, ERR_FORMAT, "has %d fields, the header names %d", n, r->columns);
  else if (n >= 0 && row(&l, field, &why)) {
    if (append(r, &l, e))
      return true;
    free(l.path);
    return false;
  }
  leave_out(r, number, &why);
  return true;
}

static bool read_rows(struct reading *r, FILE *f, struct err *e) {
  static char line[LABELS_LINE_MAX];
  long number = 0;
  for (size_t bytes = 0; csv_line(f, line, sizeof line, &bytes);) {
    number++;
    char *start = line;
    if (number == 1) {
      if (bytes >= 2 && (memcmp(line, "\xFF\xFE", 2) == 0 || memcmp(line, "\xFE\xFF", 2) == 0))
        return err_set(e, ERR_FORMAT, "%s: is UTF-16 text; save it as UTF-8", r->path);
      start += strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    } else if (!line[strspn(line, " \t,\r\n")] && bytes < sizeof line) {
      continue; // nothing in it
    }
    if (bytes >= sizeof line || strlen(line) != bytes) {
      struct err why = {0};
      (void)err_set(&why, ERR_FORMAT, "is longer than %d bytes, or holds a zero byte",
                    LABELS_LINE_MAX - 1);
      if (number == 1)
        return err_set(e, ERR_FORMAT, "%s:1: %s", r->path, why.text);
      leave_out(r, number, &why);
    } else if (!line_read(r, start, number, e)) {
      return false;
    }
  }
  if (ferror(f))
    return err_set(e, ERR_IO, "%s: cannot be read", r->path);
  if (number == 0)
    return err_set(e, ERR_FORMAT, "%s: is empty", r->path);
  return true;
}

static int by_path(const void *a, const void *b) {
  const struct label *p = a, *q = b;
  const int c = strcmp(p->path, q->path);
  return c ? c : (p->line > q->line) - (p->line < q->line);
}

static int by_first(const void *a, const void *b) {
  const struct label *p = a, *q = b;
  const int c = (p->first > q->first) - (p->first < q->first);
  return c ? c : (p->line > q->line) - (p->line < q->line);
}

// Rows of one picture may stand anywhere in the file.
static void together(struct reading *r) {
  struct labels *l = r->l;
  if (l->n == 0)
    return;
  qsort(l->row, l->n, sizeof *l->row, by_path);
  size_t kept = 0;
  for (size_t i = 0, k = 0; i < l->n; i++) {
    if (i == 0 || strcmp(l->row[i].path, l->row[kept - 1].path) != 0)
      k = 0;
    l->row[i].first = k ? l->row[kept - 1].first : l->row[i].line;
    if (k++ < LABELS_A_PICTURE_MAX) {
      l->row[kept++] = l->row[i];
      continue;
    }
    struct err why = {0};
    (void)err_set(&why, ERR_LIMIT, "more than %d plates of one picture", LABELS_A_PICTURE_MAX);
    leave_out(r, l->row[i].line, &why);
    free(l->row[i].path);
  }
  l->n = kept;
  qsort(l->row, l->n, sizeof *l->row, by_first);
}

bool labels_load(struct labels *l, const char *dir, FILE *tell, struct err *e) {
  *l = (struct labels){0};
  char path[PATH_MAX];
  const int n = snprintf(path, sizeof path, "%s/labels.csv", dir);
  if (n < 0 || (size_t)n >= sizeof path)
    return err_set(e, ERR_LIMIT, "%s: name too long", dir);
  FILE *f = fopen(path, "re");
  if (!f)
    return err_errno(e, errno, "%s", path);
  struct reading r = {.path = path, .tell = tell, .l = l};
  const bool ok = read_rows(&r, f, e);
  (void)fclose(f); // only read from
  if (ok)
    together(&r);
  if (ok && tell && l->left_out > LABELS_TOLD_MAX)
    (void)fprintf(tell, "%s: %ld more rows are left out\n", path, l->left_out - LABELS_TOLD_MAX);
  if (!ok)
    labels_free(l);
  return ok;
}

void labels_free(struct labels *l) {
  for (size_t i = 0; i < l->n; i++)
    free(l->row[i].path);
  free(l->row);
  *l = (struct labels){0};
}

// --- a part of them

static int by_text(const void *a, const void *b) {
  return strcmp(a, b);
}

static bool read_texts(FILE *f, char (**text)[PLATE_TEXT_MAX], size_t *n, struct err *e) {
  char line[LABELS_TYPE_MAX + GRAMMAR_TEXT_INPUT_MAX];
  size_t room = 0;
  for (size_t bytes = 0; csv_line(f, line, sizeof line, &bytes);) {
    char plate[PLATE_TEXT_MAX];
    line[strcspn(line, "\r\n")] = '\0';
    if (bytes >= sizeof line || !grammar_clean(line, plate))
      return err_set(e, ERR_FORMAT, "line %zu is no plate", *n + 1);
    if (*n == room) {
      room = room ? 2 * room : 256;
      char(*p)[PLATE_TEXT_MAX] = realloc(*text, room * sizeof *p);
      if (!p)
        return err_set(e, ERR_NOMEM, "out of memory");
      *text = p;
    }
    memcpy((*text)[(*n)++], plate, sizeof plate);
  }
  return ferror(f) ? err_set(e, ERR_IO, "cannot be read") : true;
}

static void keep_listed(struct labels *l, const char (*text)[PLATE_TEXT_MAX], size_t n) {
  size_t kept = 0;
  for (size_t i = 0; i < l->n;) {
    size_t end = i;
    bool any = false;
    for (; end < l->n && l->row[end].first == l->row[i].first; end++) {
      struct label *r = &l->row[end];
      r->ignored = !r->plate[0] || !bsearch(r->plate, text, n, sizeof *text, by_text);
      any = any || !r->ignored;
    }
    for (; i < end; i++) {
      if (any)
        l->row[kept++] = l->row[i];
      else
        free(l->row[i].path);
    }
  }
  l->n = kept;
}

bool labels_only(struct labels *l, const char *file, struct err *e) {
  FILE *f = fopen(file, "re");
  if (!f)
    return err_errno(e, errno, "%s", file);
  char(*text)[PLATE_TEXT_MAX] = NULL;
  size_t n = 0;
  const bool ok = read_texts(f, &text, &n, e);
  (void)fclose(f); // only read from
  if (ok && n > 0) {
    qsort(text, n, sizeof *text, by_text);
    keep_listed(l, (const char(*)[PLATE_TEXT_MAX])text, n);
  }
  free(text);
  if (!ok)
    return err_prefix(e, "%s", file);
  return n > 0 ? true : err_set(e, ERR_FORMAT, "%s: lists no plate", file);
}
