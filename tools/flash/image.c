// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define PACKED_BYTES (1u << 20)
#define WINDOW_LOG_MAX 27 // 128 MiB: a file that asks for more memory is refused

struct image {
  int fd;
  char *path;
  ZSTD_DStream *stream; // NULL: raw
  unsigned char *packed;
  size_t have, used; // of packed
  bool between;      // at a frame's end: the file may end here
  bool ended;
};

static bool fill(struct image *i, struct err *e) {
  ssize_t n;
  do {
    n = read(i->fd, i->packed, PACKED_BYTES);
  } while (n < 0 && errno == EINTR);
  if (n < 0)
    return err_errno(e, errno, "%s", i->path);
  i->have = (size_t)n;
  i->used = 0;
  i->ended = n == 0;
  return true;
}

bool image_open(struct image **out, const char *path, struct err *e) {
  struct image *i = calloc(1, sizeof *i);
  if (!i)
    return err_set(e, ERR_NOMEM, "no memory for the image");
  i->path = strdup(path);
  i->packed = malloc(PACKED_BYTES);
  i->fd = open(path, O_RDONLY | O_CLOEXEC);
  i->between = true;
  if (i->fd < 0) {
    (void)err_errno(e, errno, "%s", path);
    goto fail;
  }
  if (!i->path || !i->packed) {
    (void)err_set(e, ERR_NOMEM, "no memory for the image");
    goto fail;
  }
  (void)posix_fadvise(i->fd, 0, 0, POSIX_FADV_SEQUENTIAL); // only for speed
  if (!fill(i, e))
    goto fail;
  static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};
  if (i->have >= sizeof magic && memcmp(i->packed, magic, sizeof magic) == 0) {
    i->stream = ZSTD_createDStream();
    if (!i->stream ||
        ZSTD_isError(ZSTD_DCtx_setParameter(i->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
      (void)err_set(e, ERR_NOMEM, "no memory to unpack the image");
      goto fail;
    }
  }
  *out = i;
  return true;
fail:
  image_free(i);
  return false;
}

void image_free(struct image *i) {
  if (!i)
    return;
  (void)ZSTD_freeDStream(i->stream);
  if (i->fd >= 0)
    (void)close(i->fd); // only read
  free(i->packed);
  free(i->path);
  free(i);
}

static bool unpack(struct image *i, ZSTD_outBuffer *to, struct err *e) {
  ZSTD_inBuffer from = {i->packed, i->have, i->used};
  size_t left = ZSTD_decompressStream(i->stream, to, &from);
  i->used = from.pos;
  if (ZSTD_isError(left))
    return err_set(e, ERR_FORMAT, "%s: damaged: %s", i->path, ZSTD_getErrorName(left));
  i->between = left == 0;
  return true;
}

bool image_read(struct image *i, void *bytes, size_t *n, struct err *e) {
  ZSTD_outBuffer to = {bytes, *n, 0};
  while (to.pos < to.size) {
    if (i->stream && i->used == i->have && !i->ended && !fill(i, e))
      return false;
    if (i->stream) {
      size_t before = to.pos, taken = i->used;
      if (i->ended && i->between)
        break;
      if (!unpack(i, &to, e))
        return false;
      if (i->ended && to.pos == before && i->used == taken)
        return err_set(e, ERR_FORMAT, "%s: cut off", i->path);
    } else if (i->ended) {
      break;
    } else if (i->used == i->have) { // past our own buffer: no byte is copied twice
      ssize_t got = read(i->fd, (char *)to.dst + to.pos, to.size - to.pos);
      if (got < 0 && errno != EINTR)
        return err_errno(e, errno, "%s", i->path);
      i->ended = got == 0;
      to.pos += got > 0 ? (size_t)got : 0;
    } else {
      size_t left = i->have - i->used, m = to.size - to.pos < left ? to.size - to.pos : left;
      memcpy((char *)to.dst + to.pos, i->packed + i->used, m);
      i->used += m;
      to.pos += m;
    }
  }
  *n = to.pos;
  return true;
}
