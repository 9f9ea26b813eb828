// SPDX-License-Identifier: Apache-2.0
#include "board/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const uint8_t *at, size_t len) {
  while (len > 0) {
    const ssize_t n = write(fd, at, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    at += n;
    len -= (size_t)n;
  }
  return true;
}

static bool sync_folder_of(const char *path, struct err *e) {
  char dir[FILE_PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (!slash)
    (void)snprintf(dir, sizeof dir, ".");
  else
    (void)snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(e, errno, "%s", dir);
  const bool ok = fsync(fd) == 0 || err_errno(e, errno, "%s", dir);
  (void)close(fd); // nothing was written through it
  return ok;
}

bool file_put(const char *path, const void *data, size_t len, struct err *e) {
  char tmp[FILE_PATH_MAX];
  const int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
  if (n < 0 || (size_t)n >= sizeof tmp)
    return err_set(e, ERR_LIMIT, "%.60s...: the path is too long", path);
  const int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return err_errno(e, errno, "%s", tmp);
  bool ok = write_all(fd, data, len) && fsync(fd) == 0;
  int why = errno;
  if (close(fd) != 0 && ok) {
    ok = false;
    why = errno;
  }
  if (ok && rename(tmp, path) != 0) {
    ok = false;
    why = errno;
  }
  if (!ok) {
    (void)unlink(tmp); // failing already
    return err_errno(e, why, "%s", path);
  }
  return sync_folder_of(path, e);
}

bool file_get(const char *path, size_t max, void **data, size_t *len, struct err *e) {
  struct stat st;
  // Not blocking: a FIFO put there must not stop the program.
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return err_errno(e, errno, "%s", path);
  *data = NULL;
  *len = 0;
  if (fstat(fd, &st) != 0)
    err_errno(e, errno, "%s", path);
  else if (!S_ISREG(st.st_mode))
    err_set(e, ERR_FORMAT, "%s: no file", path);
  else if ((uintmax_t)st.st_size > max)
    err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
  else if (!(*data = malloc((size_t)st.st_size + 1)))
    err_set(e, ERR_NOMEM, "%s: no memory for %jd bytes", path, (intmax_t)st.st_size);
  else {
    ssize_t n = 1;
    while (*len < (size_t)st.st_size && n > 0) {
      n = read(fd, (char *)*data + *len, (size_t)st.st_size - *len);
      if (n < 0 && errno == EINTR)
        n = 1;
      else if (n > 0)
        *len += (size_t)n;
    }
    if (n >= 0) {
      ((char *)*data)[*len] = '\0';
      (void)close(fd);
      return true;
    }
    err_errno(e, errno, "%s", path);
    free(*data);
    *data = NULL;
  }
  (void)close(fd);
  return false;
}
