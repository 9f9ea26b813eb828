// SPDX-License-Identifier: Apache-2.0
// libc's calls, caught. A definition in the program comes before those of the libraries for all of
// them; dlsym(RTLD_NEXT) gives libc's (or the sanitizer's) own.
#include "tools/power/record.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// As POSIX says of dlsym: the object pointer's bytes are the function pointer's.
#define REAL(name)                                                                                 \
  static __typeof__(&(name)) real;                                                                 \
  if (!real) {                                                                                     \
    void *found = dlsym(RTLD_NEXT, #name);                                                         \
    if (!found)                                                                                    \
      abort();                                                                                     \
    memcpy(&real, &found, sizeof real);                                                            \
  }

static int do_openat(int dir, const char *path, int flags, mode_t mode) {
  REAL(openat)
  char whole[PATH_MAX];
  bool ours = record_path(dir, path, whole, sizeof whole);
  struct stat st;
  bool was = ours && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
  int fd = real(dir, path, flags, mode);
  if (ours && fd >= 0) {
    int what = !was ? 1 : (flags & O_TRUNC) ? 2 : 0;
    record_fd_set(fd, whole);
    record_note(RECORD_OPEN, fd, what, whole, strlen(whole), NULL, 0);
  }
  return fd;
}

static mode_t mode_of(int flags, va_list more) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define OPENER(dir)                                                                                \
  va_list more;                                                                                    \
  va_start(more, flags);                                                                           \
  mode_t mode = mode_of(flags, more);                                                              \
  va_end(more);                                                                                    \
  return do_openat(dir, path, flags, mode)

int open(const char *path, int flags, ...) {
  OPENER(AT_FDCWD);
}

int open64(const char *path, int flags, ...) {
  OPENER(AT_FDCWD);
}

int openat(int dir, const char *path, int flags, ...) {
  OPENER(dir);
}

int openat64(int dir, const char *path, int flags, ...) {
  OPENER(dir);
}

int close(int fd) {
  REAL(close)
  if (record_fd_is(fd)) {
    record_note(RECORD_CLOSE, fd, 0, NULL, 0, NULL, 0);
    record_fd_set(fd, NULL);
  }
  return real(fd);
}

static ssize_t wrote(int fd, const void *bytes, ssize_t n, off_t at) {
  int why = errno;
  if (n > 0 && record_fd_is(fd))
    record_note(RECORD_WRITE, fd, at, bytes, (size_t)n, NULL, 0);
  errno = why;
  return n;
}

ssize_t write(int fd, const void *bytes, size_t n) {
  REAL(write)
  off_t at = record_fd_is(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
  return wrote(fd, bytes, real(fd, bytes, n), at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
  REAL(pwrite)
  return wrote(fd, bytes, real(fd, bytes, n, at), at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
  REAL(pwrite64)
  return wrote(fd, bytes, real(fd, bytes, n, at), at);
}

static int sized(int fd, int rc, off_t size) {
  if (rc == 0 && record_fd_is(fd))
    record_note(RECORD_SIZE, fd, size, NULL, 0, NULL, 0);
  return rc;
}

int ftruncate(int fd, off_t size) {
  REAL(ftruncate)
  return sized(fd, real(fd, size), size);
}

int ftruncate64(int fd, off64_t size) {
  REAL(ftruncate64)
  return sized(fd, real(fd, size), size);
}

static int synced(int fd, int rc) {
  if (rc == 0 && record_fd_is(fd))
    record_note(RECORD_SYNC, fd, 0, NULL, 0, NULL, 0);
  return rc;
}

int fsync(int fd) {
  REAL(fsync)
  return synced(fd, real(fd));
}

int fdatasync(int fd) {
  REAL(fdatasync)
  return synced(fd, real(fd));
}

static void noted(enum record_kind kind, int rc, int dir, const char *path) {
  char whole[PATH_MAX];
  if (rc == 0 && record_path(dir, path, whole, sizeof whole))
    record_note(kind, 0, 0, whole, strlen(whole), NULL, 0);
}

static int renamed(int rc, int from_dir, const char *from, int to_dir, const char *to) {
  char one[PATH_MAX], two[PATH_MAX];
  if (rc == 0 && record_path(from_dir, from, one, sizeof one) &&
      record_path(to_dir, to, two, sizeof two))
    record_note(RECORD_RENAME, 0, 0, one, strlen(one), two, strlen(two));
  return rc;
}

int rename(const char *from, const char *to) {
  REAL(rename)
  return renamed(real(from, to), AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
  REAL(renameat)
  return renamed(real(from_dir, from, to_dir, to), from_dir, from, to_dir, to);
}

int unlink(const char *path) {
  REAL(unlink)
  int rc = real(path);
  noted(RECORD_UNLINK, rc, AT_FDCWD, path);
  return rc;
}

int unlinkat(int dir, const char *path, int flags) {
  REAL(unlinkat)
  int rc = real(dir, path, flags);
  noted(flags & AT_REMOVEDIR ? RECORD_RMDIR : RECORD_UNLINK, rc, dir, path);
  return rc;
}

int rmdir(const char *path) {
  REAL(rmdir)
  int rc = real(path);
  noted(RECORD_RMDIR, rc, AT_FDCWD, path);
  return rc;
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir)
  int rc = real(path, mode);
  noted(RECORD_MKDIR, rc, AT_FDCWD, path);
  return rc;
}

int mkdirat(int dir, const char *path, mode_t mode) {
  REAL(mkdirat)
  int rc = real(dir, path, mode);
  noted(RECORD_MKDIR, rc, dir, path);
  return rc;
}
