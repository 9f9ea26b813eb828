// SPDX-License-Identifier: Apache-2.0
#include "tools/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

// A folder being looked into, and those it lies in.
struct folder {
  const struct folder *above;
  const char *path;
  dev_t device;
  ino_t inode;
  int depth;
};

static bool append(struct inputs *in, const char *path, const char *error, struct err *e) {
  if (in->n == INPUTS_MAX)
    return err_set(e, ERR_LIMIT, "more than %d files", INPUTS_MAX);
  if (in->n == in->room) {
    const size_t room = in->room ? 2 * in->room : 64;
    struct input *p = realloc(in->file, room * sizeof *p);
    if (!p)
      return err_set(e, ERR_NOMEM, "out of memory for %zu file names", room);
    in->file = p;
    in->room = room;
  }
  struct input f = {.path = strdup(path), .error = error ? strdup(error) : NULL};
  if (!f.path || (error && !f.error)) {
    free(f.path);
    free(f.error);
    return err_set(e, ERR_NOMEM, "out of memory for a file name");
  }
  in->file[in->n++] = f;
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

static bool leads_back(const struct folder *above, const struct stat *st) {
  for (; above; above = above->above) {
    if (above->device == st->st_dev && above->inode == st->st_ino)
      return true;
  }
  return false;
}

static bool add_folder(struct inputs *in, const struct folder *f, struct err *e);

static bool add_entry(struct inputs *in, const struct folder *f, const struct dirent *d,
                      struct err *e) {
  char *path = NULL;
  const size_t length = strlen(f->path);
  const bool slash = length > 0 && f->path[length - 1] == '/';
  if (asprintf(&path, "%s%s%s", f->path, slash ? "" : "/", d->d_name) < 0)
    return err_set(e, ERR_NOMEM, "out of memory for a file name");
  struct stat st;
  bool ok = true;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    const struct folder inner = {f, path, st.st_dev, st.st_ino, f->depth + 1};
    ok = leads_back(f, &st) || add_folder(in, &inner, e);
  } else if (is_picture(d)) {
    ok = append(in, path, NULL, e);
  }
  free(path);
  return ok;
}

static bool add_folder(struct inputs *in, const struct folder *f, struct err *e) {
  if (f->depth > INPUTS_DEPTH_MAX)
    return append(in, f->path, "more folders in each other than are looked into", e);
  struct dirent **list = NULL;
  const int n = scandir(f->path, &list, not_hidden, by_name);
  if (n < 0)
    return append(in, f->path, strerror(errno), e);
  bool ok = true;
  for (int i = 0; i < n; i++) {
    ok = ok && add_entry(in, f, list[i], e);
    free(list[i]);
  }
  free(list);
  return ok;
}

bool inputs_add(struct inputs *in, const char *path, struct err *e) {
  struct stat st;
  if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
    return append(in, path, NULL, e);
  const struct folder f = {NULL, path, st.st_dev, st.st_ino, 0};
  return add_folder(in, &f, e);
}

void inputs_free(struct inputs *in) {
  for (size_t i = 0; i < in->n; i++) {
    free(in->file[i].path);
    free(in->file[i].error);
  }
  free(in->file);
  *in = (struct inputs){0};
}
