// SPDX-License-Identifier: Apache-2.0
#include "net/policy_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Opens and then looks at what was opened, so that nobody can change the file in between.
static bool open_secret(const char *path, int *fd, struct err *e) {
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0)
    return err_errno(e, errno, "%s", path);
  struct stat st;
  bool ok = true;
  if (fstat(*fd, &st) != 0)
    ok = err_errno(e, errno, "%s", path);
  else if (!S_ISREG(st.st_mode))
    ok = err_set(e, ERR_FORMAT, "%s: not a plain file", path);
  else if (st.st_mode & 077)
    ok = err_set(e, ERR_DENIED, "%s: others may read this secret; chmod 600 it", path);
  if (!ok)
    close(*fd);
  return ok;
}

bool policy_secret_check(const char *path, struct err *e) {
  int fd;
  if (!open_secret(path, &fd, e))
    return false;
  close(fd);
  return true;
}

bool policy_secret_read(const char *path, char *out, size_t size, struct err *e) {
  int fd;
  if (!open_secret(path, &fd, e))
    return false;
  size_t len = 0;
  bool ok = true;
  for (;;) {
    ssize_t n = read(fd, out + len, size - len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      ok = err_errno(e, errno, "%s", path);
    if (n <= 0)
      break;
    len += (size_t)n;
    if (len == size) {
      ok = err_set(e, ERR_LIMIT, "%s: longer than %zu bytes", path, size - 1);
      break;
    }
  }
  close(fd);
  if (!ok)
    return false;
  while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == '\r' || out[len - 1] == ' '))
    len--;
  out[len] = '\0';
  if (len == 0)
    return err_set(e, ERR_FORMAT, "%s: empty", path);
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)out[i] <= 0x20 || (unsigned char)out[i] == 0x7f)
      return err_set(e, ERR_FORMAT, "%s: a token is one word on one line", path);
  }
  return true;
}
