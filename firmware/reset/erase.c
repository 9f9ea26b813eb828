// SPDX-License-Identifier: Apache-2.0
#include "firmware/reset/erase.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_BYTES 512
#define PIECE (4u << 20)
#define SMALLEST (UINT64_C(1) << 20)

static const char mark[MARK_BYTES] = "bayplate: erase this partition\n";

struct disk {
  int fd;
  uint64_t size;
};

static bool open_disk(struct disk *d, const char *path, int how, struct err *e) {
  struct stat st;
  d->size = 0;
  d->fd = open(path, how | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
  if (d->fd < 0)
    return err_errno(e, errno, "%s", path);
  bool ok = fstat(d->fd, &st) == 0;
  if (ok && S_ISBLK(st.st_mode))
    ok = ioctl(d->fd, BLKGETSIZE64, &d->size) == 0;
  else if (ok)
    d->size = (uint64_t)st.st_size;
  if (!ok)
    (void)err_errno(e, errno, "%s", path);
  else if (d->size < SMALLEST)
    ok = err_set(e, ERR_LIMIT, "%s: %" PRIu64 " bytes are no data partition", path, d->size);
  if (!ok)
    (void)close(d->fd);
  return ok;
}

static bool close_disk(struct disk *d, bool written, bool ok, const char *path, struct err *e) {
  if (ok && written && fsync(d->fd) != 0)
    ok = err_errno(e, errno, "%s", path);
  if (close(d->fd) != 0 && ok && written)
    ok = err_errno(e, errno, "%s", path);
  return ok || err_prefix(e, "erasing");
}

static bool read_at(const struct disk *d, uint64_t at, void *bytes, size_t n, struct err *e) {
  for (char *p = bytes; n > 0;) {
    const ssize_t got = pread(d->fd, p, n, (off_t)at);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return err_errno(e, got < 0 ? errno : EIO, "reading at %" PRIu64, at);
    p += got;
    at += (uint64_t)got;
    n -= (size_t)got;
  }
  return true;
}

static bool write_at(const struct disk *d, uint64_t at, const void *bytes, size_t n,
                     struct err *e) {
  for (const char *p = bytes; n > 0;) {
    const ssize_t put = pwrite(d->fd, p, n, (off_t)at);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return err_errno(e, put < 0 ? errno : EIO, "writing at %" PRIu64, at);
    p += put;
    at += (uint64_t)put;
    n -= (size_t)put;
  }
  return true;
}

static uint64_t tail_of(const struct disk *d) {
  return d->size - ERASE_TAIL;
}

bool erase_request(const char *path, struct err *e) {
  struct disk d;
  if (!open_disk(&d, path, O_RDWR, e))
    return false;
  return close_disk(&d, true, write_at(&d, 0, mark, sizeof mark, e), path, e);
}

static bool marked(const struct disk *d, uint64_t at, bool *yes, struct err *e) {
  char found[MARK_BYTES];
  if (!read_at(d, at, found, sizeof found, e))
    return false;
  *yes = memcmp(found, mark, sizeof found) == 0;
  return true;
}

bool erase_pending(const char *path, bool *yes, struct err *e) {
  struct disk d;
  *yes = false;
  if (!open_disk(&d, path, O_RDONLY, e))
    return false;
  const bool ok = marked(&d, 0, yes, e) && (*yes || marked(&d, tail_of(&d), yes, e));
  return close_disk(&d, false, ok, path, e);
}

static bool is_zero(const uint8_t *bytes, size_t n) {
  return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

// One pass over all but the mark: `write` overwrites what is not zero, else that is an error.
static bool pass(const struct disk *d, uint8_t *piece, const uint8_t *zeros, bool write, int base,
                 void (*told)(void *ctx, int percent), void *ctx, struct err *e) {
  const uint64_t end = tail_of(d);
  for (uint64_t at = 0; at < end;) {
    const size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
    if (!read_at(d, at, piece, n, e))
      return false;
    if (!is_zero(piece, n) && (!write || !write_at(d, at, zeros, n, e)))
      return write ? false
                   : err_set(e, ERR_IO, "at %" PRIu64 " the device gives back what was erased", at);
    at += n;
    if (told)
      told(ctx, base + (int)(at / 2 * 100 / end));
  }
  return true;
}

// Past the cache: what the device itself holds.
static bool drop_cache(const struct disk *d, struct err *e) {
  if (fsync(d->fd) != 0)
    return err_errno(e, errno, "writing");
  const int failed = posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
  return failed == 0 || err_errno(e, failed, "reading back");
}

static bool erase(const struct disk *d, uint8_t *piece, const uint8_t *zeros,
                  void (*told)(void *ctx, int percent), void *ctx, struct err *e) {
  uint64_t range[2] = {0, tail_of(d)};
  // The mark at the end before the one at the beginning goes.
  if (!write_at(d, tail_of(d), mark, sizeof mark, e) || !drop_cache(d, e))
    return false;
  // The head at once: with LUKS nothing can be read any more from here on.
  if (!write_at(d, 0, zeros, PIECE < range[1] ? PIECE : (size_t)range[1], e) || !drop_cache(d, e))
    return false;
  // Lets flash forget its old copies, too, where the device can. A file, or one that cannot, is
  // overwritten all the same.
  if (ioctl(d->fd, BLKDISCARD, range) != 0)
    errno = 0;
  return pass(d, piece, zeros, true, 0, told, ctx, e) && drop_cache(d, e) &&
         pass(d, piece, zeros, false, 50, told, ctx, e);
}

bool erase_all(const char *path, void (*told)(void *ctx, int percent), void *ctx, struct err *e) {
  struct disk d;
  if (!open_disk(&d, path, O_RDWR, e))
    return false;
  uint8_t *piece = malloc(PIECE), *zeros = calloc(1, PIECE);
  const bool ok =
      piece && zeros ? erase(&d, piece, zeros, told, ctx, e) : err_set(e, ERR_NOMEM, "no memory");
  free(piece);
  free(zeros);
  return close_disk(&d, true, ok, path, e);
}

bool erase_finish(const char *path, struct err *e) {
  static const uint8_t zeros[ERASE_TAIL];
  struct disk d;
  if (!open_disk(&d, path, O_RDWR, e))
    return false;
  return close_disk(&d, true, write_at(&d, tail_of(&d), zeros, sizeof zeros, e), path, e);
}

bool erase_room(const char *path, uint64_t *bytes, struct err *e) {
  struct disk d;
  if (!open_disk(&d, path, O_RDONLY, e))
    return false;
  *bytes = tail_of(&d);
  return close_disk(&d, false, true, path, e);
}
