// SPDX-License-Identifier: Apache-2.0
#include "tools/labels.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH, PLATE, TYPE, BOX, CORNERS = BOX + 4, FIELDS = CORNERS + 8 };

// Cuts a line at its commas in place; fields that are not there are empty.
static int cut(char *line, char *field[FIELDS]) {
  line[strcspn(line, "\r\n")] = '\0';
  int n = 0;
  for (int i = 0; i < FIELDS; i++) {
    field[i] = line;
    if (*line || i == 0)
      n = i + 1;
    line += strcspn(line, ",");
    if (*line)
      *line++ = '\0';
  }
  return *line ? FIELDS + 1 : n;
}

// n numbers; *has: all are there. false: some are no numbers.
static bool numbers(char *const *field, int n, float *out, bool *has) {
  *has = true;
  for (int i = 0; i < n; i++) {
    char *end = NULL;
    if (!*field[i]) {
      *has = false;
      continue;
    }
    out[i] = strtof(field[i], &end);
    if (*end || !isfinite(out[i]))
      return false;
  }
  return true;
}

static bool row(struct label *r, char *field[FIELDS], struct err *e) {
  float c[8] = {0};
  if (!*field[PATH])
    return err_set(e, ERR_FORMAT, "field \"path\" is empty");
  if (strlen(field[PLATE]) >= sizeof r->plate || strlen(field[TYPE]) >= sizeof r->type)
    return err_set(e, ERR_FORMAT, "plate or type is too long");
  if (!numbers(field + BOX, 4, r->box, &r->has_box) ||
      !numbers(field + CORNERS, 8, c, &r->has_corners))
    return err_set(e, ERR_FORMAT, "a coordinate is no number");
  for (int i = 0; i < 4; i++)
    r->corners.corner[i] = (struct point){c[2 * i], c[2 * i + 1]};
  memcpy(r->plate, field[PLATE], strlen(field[PLATE]) + 1);
  memcpy(r->type, field[TYPE], strlen(field[TYPE]) + 1);
  r->path = strdup(field[PATH]);
  return r->path ? true : err_set(e, ERR_NOMEM, "out of memory");
}

static bool read_rows(struct labels *l, FILE *f, const char *path, struct err *e) {
  char line[LABELS_LINE_MAX], *field[FIELDS];
  size_t room = 0;
  for (long number = 1; fgets(line, sizeof line, f); number++) {
    if (!strchr(line, '\n') && !feof(f))
      return err_set(e, ERR_LIMIT, "%s:%ld: longer than %d bytes", path, number, LABELS_LINE_MAX);
    char *start = number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? line + 3 : line;
    const int n = cut(start, field);
    if (number == 1) {
      if (strcmp(field[PATH], "path") != 0 || strcmp(field[PLATE], "plate") != 0)
        return err_set(e, ERR_FORMAT, "%s:1: must begin with \"path,plate,type,x0,y0,x1,y1\"",
                       path);
      continue;
    }
    if (n == 1 && !*field[PATH])
      continue; // empty line
    if (n > FIELDS || l->n == LABELS_MAX)
      return err_set(e, ERR_LIMIT, "%s:%ld: too many %s", path, number,
                     n > FIELDS ? "fields" : "rows");
    if (l->n == room) {
      room = room ? 2 * room : 256;
      struct label *p = realloc(l->row, room * sizeof *p);
      if (!p)
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
      l->row = p;
    }
    struct label r = {0};
    if (!row(&r, field, e))
      return err_prefix(e, "%s:%ld", path, number);
    l->row[l->n++] = r;
  }
  return ferror(f) ? err_set(e, ERR_IO, "%s: cannot be read", path) : true;
}

bool labels_load(struct labels *l, const char *dir, struct err *e) {
  *l = (struct labels){0};
  char path[PATH_MAX];
  const int n = snprintf(path, sizeof path, "%s/labels.csv", dir);
  if (n < 0 || (size_t)n >= sizeof path)
    return err_set(e, ERR_LIMIT, "%s: name too long", dir);
  FILE *f = fopen(path, "re");
  if (!f)
    return err_errno(e, errno, "%s", path);
  const bool ok = read_rows(l, f, path, e);
  (void)fclose(f); // only read from
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
