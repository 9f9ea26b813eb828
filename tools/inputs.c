// SPDX-License-Identifier: Apache-2.0
#include "tools/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool append(struct inputs *in, char *path, struct err *e) {
  if (in->n == INPUTS_MAX) {
    free(path);
    return err_set(e, ERR_LIMIT, "more than %d files", INPUTS_MAX);
  }
  if (in->n == in->room) {
    const size_t room = in->room ? 2 * in->room : 64;
    char **p = realloc(in->path, room * sizeof *p);
    if (!p) {
      free(path);
      return err_set(e, ERR_NOMEM, "out of memory for %zu file names", room);
    }
    in->path = p;
    in->room = room;
  }
  in->path[in->n++] = path;
  return true;
}

static int is_picture(const struct dirent *d) {
  static const char *const ends[] = {".jpg", ".jpeg", ".png", ".bmp"};
  const char *dot = strrchr(d->d_name, '.');
  for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++) {
    if (strcasecmp(dot, ends[i]) == 0)
      return 1;
  }
  return 0;
}

static int not_hidden(const struct dirent *d) {
  return d->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add(struct inputs *in, const char *path, int depth, struct err *e);

static bool add_entry(struct inputs *in, const char *folder, const struct dirent *d, int depth,
                      struct err *e) {
  char *path = NULL;
  if (asprintf(&path, "%s/%s", folder, d->d_name) < 0)
    return err_set(e, ERR_NOMEM, "out of memory for a file name");
  struct stat st;
  bool ok = true;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    ok = add(in, path, depth + 1, e);
  } else if (is_picture(d)) {
    return append(in, path, e);
  }
  free(path);
  return ok;
}

static bool add(struct inputs *in, const char *path, int depth, struct err *e) {
  struct stat st;
  if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
    char *copy = strdup(path);
    return copy ? append(in, copy, e) : err_set(e, ERR_NOMEM, "out of memory for a file name");
  }
  if (depth > INPUTS_DEPTH_MAX)
    return err_set(e, ERR_LIMIT, "%s: more than %d folders deep", path, INPUTS_DEPTH_MAX);
  struct dirent **list = NULL;
  const int n = scandir(path, &list, not_hidden, by_name);
  if (n < 0)
    return err_errno(e, errno, "%s", path);
  bool ok = true;
  for (int i = 0; i < n; i++) {
    ok = ok && add_entry(in, path, list[i], depth, e);
    free(list[i]);
  }
  free(list);
  return ok;
}

bool inputs_add(struct inputs *in, const char *path, struct err *e) {
  return add(in, path, 0, e);
}

void inputs_free(struct inputs *in) {
  for (size_t i = 0; i < in->n; i++)
    free(in->path[i]);
  free(in->path);
  *in = (struct inputs){0};
}
