// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_at(void *ctx, int fd, void *buf, size_t n, off_t at) {
  (void)ctx;
  return pread(fd, buf, n, at);
}

bool export_disk_open(struct export_disk *d, const char *path, struct err *e) {
  *d = (struct export_disk){.read = read_at};
  d->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (d->fd < 0)
    return err_errno(e, errno, "%s", path);
  off_t end = lseek(d->fd, 0, SEEK_END);
  if (end <= 0) {
    err_errno(e, end < 0 ? errno : ENODATA, "%s", path);
    export_disk_close(d);
    return false;
  }
  d->size = (uint64_t)end;
  return true;
}

void export_disk_close(struct export_disk *d) {
  if (d->fd >= 0)
    (void)close(d->fd); // only read
  d->fd = -1;
}

static bool whole(struct export_disk *d, uint64_t at, uint8_t *buf, size_t n) {
  size_t have = 0;
  while (have < n) {
    ssize_t got = d->read(d->ctx, d->fd, buf + have, n - have, (off_t)(at + have));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    have += (size_t)got;
  }
  return true;
}

static void note(struct export_disk *d, uint64_t at, uint64_t n) {
  d->bad++;
  if (d->ranges > 0) {
    struct export_range *last = &d->range[d->ranges - 1];
    if (last->from + last->length == at) {
      last->length += n;
      return;
    }
  }
  if (d->ranges < EXPORT_RANGES)
    d->range[d->ranges++] = (struct export_range){at, n};
}

void export_disk_get(struct export_disk *d, uint64_t at, uint8_t *buf, size_t n) {
  if (!whole(d, at, buf, n)) {
    // One bad sector fails the whole piece: what is around it comes block by block.
    for (size_t i = 0; i < n; i += EXPORT_BLOCK) {
      size_t m = n - i < EXPORT_BLOCK ? n - i : EXPORT_BLOCK;
      if (whole(d, at + i, buf + i, m))
        continue;
      memset(buf + i, 0, m);
      note(d, at + i, m);
    }
  }
  // Nobody reads it twice: it is not to push the terminal's own files out of memory.
  (void)posix_fadvise(d->fd, (off_t)at, (off_t)n, POSIX_FADV_DONTNEED);
}
