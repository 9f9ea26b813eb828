// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/drive_sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDING ".drive"
#define NEVER UINT64_MAX

struct rules {
  struct drive_info *info; // NULL while it is opened
  uint64_t unplug_at, unplug_read_at, flip_at, fail_at;
};

struct handle {
  int fd;
  bool gone;
  struct rules rules;
  char path[sizeof((struct drive_info *)0)->path];
};

static bool is_yes(const char *value) {
  return strcmp(value, "yes") == 0;
}

static int on_rule(void *ctx, const char *section, const char *key, const char *value) {
  (void)section;
  struct rules *r = ctx;
  const struct {
    const char *key;
    uint64_t *at;
  } numbers[] = {{"unplug_at", &r->unplug_at},
                 {"unplug_read_at", &r->unplug_read_at},
                 {"flip_at", &r->flip_at},
                 {"fail_at", &r->fail_at}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (strcmp(key, numbers[i].key) == 0) {
      *numbers[i].at = strtoull(value, NULL, 10);
      return 1;
    }
  }
  struct drive_info none = {0}, *d = r->info ? r->info : &none;
  if (strcmp(key, "model") == 0)
    (void)snprintf(d->model, sizeof d->model, "%s", value);
  else if (strcmp(key, "mounts") == 0)
    (void)snprintf(d->mounts, sizeof d->mounts, "%s", value);
  else if (strcmp(key, "held") == 0)
    (void)snprintf(d->held, sizeof d->held, "%s", value);
  else if (strcmp(key, "fixed") == 0)
    d->removable = !is_yes(value);
  else if (strcmp(key, "system") == 0)
    d->system = is_yes(value);
  else if (strcmp(key, "read_only") == 0)
    d->read_only = is_yes(value);
  else
    return 0;
  return 1;
}

static bool read_rules(const char *drive, struct rules *r, struct err *e) {
  char path[PATH_MAX];
  r->unplug_at = r->unplug_read_at = r->flip_at = r->fail_at = NEVER;
  (void)snprintf(path, sizeof path, "%.*s.ini", (int)(strlen(drive) - strlen(ENDING)), drive);
  if (access(path, F_OK) != 0)
    return true;
  int line = ini_parse(path, on_rule, r);
  return line == 0 || err_set(e, ERR_FORMAT, "%s:%d: no rule of a simulated drive", path, line);
}

static int by_name(const void *a, const void *b) {
  const struct drive_info *x = a, *y = b;
  return strcmp(x->name, y->name);
}

static bool sim_list(void *ctx, struct drive_list *out, struct err *e) {
  const char *folder = ctx;
  memset(out, 0, sizeof *out);
  DIR *d = opendir(folder);
  if (!d)
    return err_errno(e, errno, "%s", folder);
  bool ok = true;
  struct dirent *entry;
  while (ok && (entry = readdir(d))) {
    size_t n = strlen(entry->d_name), ending = strlen(ENDING);
    struct stat st;
    if (n <= ending || strcmp(entry->d_name + n - ending, ENDING) != 0 || out->n == DRIVES_MAX)
      continue;
    struct drive_info *i = &out->drive[out->n++];
    (void)snprintf(i->name, sizeof i->name, "%.*s", (int)(n - ending), entry->d_name);
    (void)snprintf(i->path, sizeof i->path, "%s/%s", folder, entry->d_name);
    i->removable = true;
    struct rules r = {.info = i};
    ok = read_rules(i->path, &r, e) &&
         (stat(i->path, &st) == 0 || err_errno(e, errno, "%s", i->path));
    i->size = ok ? (uint64_t)st.st_size : 0;
  }
  (void)closedir(d); // only read
  qsort(out->drive, (size_t)out->n, sizeof out->drive[0], by_name);
  return ok;
}

static bool sim_open(void *ctx, const struct drive_info *d, void **out, struct err *e) {
  (void)ctx;
  struct handle *h = calloc(1, sizeof *h);
  if (!h)
    return err_set(e, ERR_NOMEM, "no memory for the drive");
  (void)snprintf(h->path, sizeof h->path, "%s", d->path);
  h->fd = open(d->path, O_RDWR | O_CLOEXEC);
  if (h->fd < 0 || !read_rules(d->path, &h->rules, e)) {
    if (h->fd < 0)
      (void)err_errno(e, errno, "%s", d->path);
    else
      (void)close(h->fd);
    free(h);
    return false;
  }
  *out = h;
  return true;
}

static bool gone(struct handle *h, uint64_t at, size_t n, uint64_t pulled_at, struct err *e) {
  h->gone = h->gone || (pulled_at >= at && pulled_at - at < n);
  return !h->gone || err_set(e, ERR_NOT_FOUND, "%s", h->path);
}

static bool sim_write(void *handle, uint64_t at, const void *bytes, size_t n, struct err *e) {
  struct handle *h = handle;
  if (!gone(h, at, n, h->rules.unplug_at, e))
    return false;
  if (h->rules.fail_at >= at && h->rules.fail_at - at < n)
    return err_errno(e, EIO, "%s: writing at %llu", h->path, (unsigned long long)at);
  for (const char *p = bytes; n > 0;) {
    ssize_t put = pwrite(h->fd, p, n, (off_t)at);
    if (put <= 0)
      return err_errno(e, put < 0 ? errno : ENOSPC, "%s", h->path);
    p += put;
    at += (uint64_t)put;
    n -= (size_t)put;
  }
  return true;
}

static bool sim_sync(void *handle, struct err *e) {
  struct handle *h = handle;
  return !h->gone || err_set(e, ERR_NOT_FOUND, "%s", h->path);
}

static bool sim_read(void *handle, uint64_t at, void *bytes, size_t *n, struct err *e) {
  struct handle *h = handle;
  if (!gone(h, at, *n, h->rules.unplug_read_at, e))
    return false;
  size_t got = 0;
  while (got < *n) {
    ssize_t r = pread(h->fd, (char *)bytes + got, *n - got, (off_t)(at + got));
    if (r < 0)
      return err_errno(e, errno, "%s", h->path);
    if (r == 0)
      break;
    got += (size_t)r;
  }
  *n = got;
  if (h->rules.flip_at >= at && h->rules.flip_at - at < got)
    ((unsigned char *)bytes)[h->rules.flip_at - at] ^= 0x10;
  return true;
}

static bool sim_uncached(void *handle) {
  (void)handle;
  return true;
}

static void sim_close(void *handle) {
  struct handle *h = handle;
  (void)close(h->fd); // a simulated drive has nothing to lose
  free(h);
}

const struct drive_ops drive_sim_ops = {
    .list = sim_list,
    .open = sim_open,
    .write = sim_write,
    .sync = sim_sync,
    .read = sim_read,
    .uncached = sim_uncached,
    .close = sim_close,
};
