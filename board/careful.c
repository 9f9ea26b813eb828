// SPDX-License-Identifier: Apache-2.0
#include "board/careful.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool careful_write_all(int fd, const void *bytes, size_t n) {
  const char *p = bytes;
  while (n > 0) {
    ssize_t put = write(fd, p, n);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0) {
      errno = put < 0 ? errno : ENOSPC;
      return false;
    }
    p += put;
    n -= (size_t)put;
  }
  return true;
}

bool careful_write_at(int dir, const char *name, const void *bytes, size_t n, struct err *e) {
  char tmp[CAREFUL_NAME_MAX + sizeof CAREFUL_ENDING];
  if (strlen(name) > CAREFUL_NAME_MAX || strchr(name, '/'))
    return err_set(e, ERR_LIMIT, "%.40s: no possible name", name);
  (void)snprintf(tmp, sizeof tmp, "%s" CAREFUL_ENDING, name);
  int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return err_errno(e, errno, "%s", tmp);
  bool ok = careful_write_all(fd, bytes, n) && fsync(fd) == 0;
  int why = errno;
  if (close(fd) != 0 && ok) {
    ok = false;
    why = errno;
  }
  if (ok && (renameat(dir, tmp, dir, name) != 0 || fsync(dir) != 0)) {
    ok = false;
    why = errno;
  }
  if (!ok) {
    (void)unlinkat(dir, tmp, 0); // failing already
    return err_errno(e, why, "%s", name);
  }
  return true;
}

static int open_folder_of(const char *path, const char **name, struct err *e) {
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/');
  int n = slash ? (int)(slash - path) : 0;
  *name = slash ? slash + 1 : path;
  if (n >= PATH_MAX) {
    (void)err_set(e, ERR_LIMIT, "%.40s...: too long", path);
    return -1;
  }
  (void)snprintf(dir, sizeof dir, "%.*s%s", n, path, n > 0 ? "" : slash ? "/" : ".");
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    (void)err_errno(e, errno, "%s", dir);
  return fd;
}

bool careful_write(const char *path, const void *bytes, size_t n, struct err *e) {
  const char *name = NULL;
  int dir = open_folder_of(path, &name, e);
  if (dir < 0)
    return false;
  bool ok = careful_write_at(dir, name, bytes, n, e) || err_prefix(e, "%s", path);
  (void)close(dir); // synced before
  return ok;
}

bool careful_make_folder(const char *path, struct err *e) {
  const char *name = NULL;
  char bare[PATH_MAX]; // without slashes at its end, which would hide its parent
  size_t n = strnlen(path, sizeof bare);
  while (n > 1 && path[n - 1] == '/')
    n--;
  if (n >= sizeof bare)
    return err_set(e, ERR_LIMIT, "%.40s...: too long", path);
  (void)snprintf(bare, sizeof bare, "%.*s", (int)n, path);
  if (mkdir(bare, 0700) != 0)
    return errno == EEXIST || err_errno(e, errno, "%s", path);
  int parent = open_folder_of(bare, &name, e);
  if (parent < 0)
    return false;
  bool ok = fsync(parent) == 0 || err_errno(e, errno, "%s", path);
  (void)close(parent); // only read
  return ok;
}

bool careful_sync_folder(const char *path, struct err *e) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(e, errno, "%s", path);
  bool ok = fsync(fd) == 0 || err_errno(e, errno, "%s", path);
  (void)close(fd); // only read
  return ok;
}
