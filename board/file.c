// SPDX-License-Identifier: Apache-2.0
#include "board/file.h"

#include "board/careful.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_put(const char *path, const void *data, size_t len, struct err *e) {
  return careful_write(path, data, len, e);
}

bool file_show(const char *path, const char *text, struct err *e) {
  char aside[FILE_PATH_MAX];
  const int n = snprintf(aside, sizeof aside, "%s" CAREFUL_ENDING, path);
  if (n < 0 || (size_t)n >= sizeof aside)
    return err_set(e, ERR_LIMIT, "%.40s...: too long", path);
  const int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0)
    return err_errno(e, errno, "%s", aside);
  bool ok =
      careful_write_all(fd, text, strlen(text)) && fchmod(fd, 0644) == 0; // whatever the umask
  ok = close(fd) == 0 && ok;
  return (ok && rename(aside, path) == 0) || err_errno(e, errno, "%s", path);
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
