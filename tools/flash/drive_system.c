// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/drive_system.h"

#include "tools/flash/words.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct handle {
  int fd;
  bool direct;
  char path[sizeof((struct drive_info *)0)->path];
};

static bool open_failed(const struct drive_info *d, struct err *e) {
  int why = errno;
  if (why == EBUSY)
    return err_set(e, ERR_BUSY,
                   words("%s 正被使用；请卸载后重试", "%s is in use; unmount it and try again"),
                   d->path);
  if (why == EACCES || why == EPERM)
    return err_set(e, ERR_DENIED,
                   words("没有写 %s 的权限；请用 sudo 运行", "no right to write %s; run with sudo"),
                   d->path);
  if (why == ENOMEDIUM || why == ENXIO || why == ENODEV || why == ENOENT)
    return err_set(e, ERR_NOT_FOUND, words("%s 已不在", "%s is no longer there"), d->path);
  return err_errno(e, why, "%s", d->path);
}

static bool system_open(void *ctx, const struct drive_info *d, void **out, struct err *e) {
  (void)ctx;
  struct handle *h = calloc(1, sizeof *h);
  if (!h)
    return err_set(e, ERR_NOMEM, "no memory for the drive");
  (void)snprintf(h->path, sizeof h->path, "%s", d->path);
  // O_EXCL: the kernel refuses while a part is mounted, and to mount while we write.
  const int flags = O_RDWR | O_EXCL | O_CLOEXEC;
  h->fd = open(d->path, flags | O_DIRECT);
  h->direct = h->fd >= 0;
  if (h->fd < 0 && errno == EINVAL)
    h->fd = open(d->path, flags);
  if (h->fd < 0) {
    free(h);
    return open_failed(d, e);
  }
  *out = h;
  return true;
}

// A drive that was pulled answers EIO as a worn one does; whether it is still there tells which.
static bool failed(const struct handle *h, int why, const char *what, uint64_t at, struct err *e) {
  uint64_t size = 0;
  bool gone = why == ENODEV || why == ENXIO || why == ENOMEDIUM || access(h->path, F_OK) != 0 ||
              ioctl(h->fd, BLKGETSIZE64, &size) != 0 || size == 0;
  if (gone)
    return err_set(e, ERR_NOT_FOUND, "%s", h->path);
  return err_errno(e, why, "%s: %s at %llu", h->path, what, (unsigned long long)at);
}

static bool system_write(void *handle, uint64_t at, const void *bytes, size_t n, struct err *e) {
  const struct handle *h = handle;
  const char *p = bytes;
  while (n > 0) {
    ssize_t put = pwrite(h->fd, p, n, (off_t)at);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return failed(h, put < 0 ? errno : ENOSPC, "writing", at, e);
    p += put;
    at += (uint64_t)put;
    n -= (size_t)put;
  }
  return true;
}

static bool system_sync(void *handle, struct err *e) {
  const struct handle *h = handle;
  if (fsync(h->fd) != 0)
    return failed(h, errno, "syncing", 0, e);
  // What was only cached is forgotten, so that reading back asks the medium.
  if (!h->direct)
    (void)posix_fadvise(h->fd, 0, 0, POSIX_FADV_DONTNEED); // uncached() says what this is worth
  (void)ioctl(h->fd, BLKFLSBUF, 0);
  return true;
}

static bool system_read(void *handle, uint64_t at, void *bytes, size_t *n, struct err *e) {
  const struct handle *h = handle;
  char *p = bytes;
  size_t got = 0;
  while (got < *n) {
    ssize_t r = pread(h->fd, p + got, *n - got, (off_t)(at + got));
    if (r < 0 && errno == EINTR)
      continue;
    if (r < 0)
      return failed(h, errno, "reading", at + got, e);
    if (r == 0)
      break;
    got += (size_t)r;
  }
  *n = got;
  return true;
}

static bool system_uncached(void *handle) {
  return ((const struct handle *)handle)->direct;
}

static void system_close(void *handle) {
  struct handle *h = handle;
  (void)ioctl(h->fd, BLKRRPART, 0); // so that the new partitions are seen; not needed by us
  (void)close(h->fd);               // synced before
  free(h);
}

const struct drive_ops drive_system_ops = {
    .list = drive_system_list,
    .open = system_open,
    .write = system_write,
    .sync = system_sync,
    .read = system_read,
    .uncached = system_uncached,
    .close = system_close,
};
