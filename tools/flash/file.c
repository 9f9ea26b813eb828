// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_read(const char *path, size_t max, char **bytes, size_t *n, struct err *e) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(e, errno, "%s", path);
  bool ok = false;
  char *buf = NULL;
  if (fstat(fd, &st) != 0)
    (void)err_errno(e, errno, "%s", path);
  else if (!S_ISREG(st.st_mode) || st.st_size < 0 || (uint64_t)st.st_size > max)
    (void)err_set(e, ERR_LIMIT, "%s: no file, or larger than %zu bytes", path, max);
  else if (!(buf = malloc((size_t)st.st_size + 1)))
    (void)err_set(e, ERR_NOMEM, "no memory for %s", path);
  else
    ok = true;
  size_t got = 0;
  while (ok && got < (size_t)st.st_size) {
    ssize_t r = read(fd, buf + got, (size_t)st.st_size - got);
    if (r < 0 && errno == EINTR)
      continue;
    if (r <= 0)
      ok = err_errno(e, r < 0 ? errno : EIO, "%s", path);
    else
      got += (size_t)r;
  }
  (void)close(fd); // only read
  if (!ok) {
    free(buf);
    return false;
  }
  buf[got] = '\0';
  *bytes = buf;
  *n = got;
  return true;
}

bool file_write(const char *path, const void *bytes, size_t n, struct err *e) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return err_errno(e, errno, "%s", path);
  bool ok = true;
  for (const char *p = bytes; ok && n > 0;) {
    ssize_t w = write(fd, p, n);
    if (w < 0 && errno == EINTR)
      continue;
    if (w <= 0) {
      ok = err_errno(e, w < 0 ? errno : ENOSPC, "%s", path);
    } else {
      p += w;
      n -= (size_t)w;
    }
  }
  if (close(fd) != 0 && ok)
    ok = err_errno(e, errno, "%s", path);
  return ok;
}
