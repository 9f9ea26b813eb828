// SPDX-License-Identifier: Apache-2.0
#include "tools/power/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_MAX (512u << 20)
#define FD_MAX 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool running;
static char root[PATH_MAX];
static char *fd_path[FD_MAX];
static unsigned char *log_bytes;
static size_t log_n, log_room;

bool record_running(void) {
  return running;
}

bool record_begin(const char *folder, struct err *e) {
  if (!realpath(folder, root))
    return err_errno(e, errno, "%s", folder);
  running = true;
  return true;
}

bool record_path(int dir, const char *path, char *out, size_t size) {
  char whole[2 * PATH_MAX];
  if (!running)
    return false;
  if (path[0] == '/')
    (void)snprintf(whole, sizeof whole, "%s", path);
  else if (dir >= 0 && dir < FD_MAX && fd_path[dir])
    (void)snprintf(whole, sizeof whole, "%s/%s", fd_path[dir], path);
  else
    return false; // the program under test gives absolute paths
  size_t n = strlen(root);
  if (strncmp(whole, root, n) != 0 || (whole[n] != '/' && whole[n] != '\0'))
    return false;
  (void)snprintf(out, size, "%s", whole);
  return true;
}

void record_fd_set(int fd, const char *path) {
  if (fd < 0)
    return;
  if (fd >= FD_MAX)
    abort(); // the play would be wrong without it
  pthread_mutex_lock(&lock);
  free(fd_path[fd]);
  fd_path[fd] = path ? strdup(path) : NULL;
  pthread_mutex_unlock(&lock);
}

bool record_fd_is(int fd) {
  return running && fd >= 0 && fd < FD_MAX && fd_path[fd];
}

static void put(const void *bytes, size_t n) {
  if (log_n + n > LOG_MAX)
    abort();
  if (log_n + n > log_room) {
    log_room = 2 * (log_n + n);
    log_bytes = realloc(log_bytes, log_room);
    if (!log_bytes)
      abort();
  }
  if (n > 0)
    memcpy(log_bytes + log_n, bytes, n);
  log_n += n;
}

static void put_number(uint64_t v, int bytes) {
  unsigned char b[8];
  for (int i = 0; i < bytes; i++)
    b[i] = (unsigned char)(v >> (8 * i));
  put(b, (size_t)bytes);
}

void record_note(enum record_kind kind, int64_t a, int64_t b, const void *one, size_t one_n,
                 const void *two, size_t two_n) {
  unsigned char k = (unsigned char)kind;
  pthread_mutex_lock(&lock);
  put(&k, 1);
  put_number((uint64_t)a, 8);
  put_number((uint64_t)b, 8);
  put_number(one_n, 4);
  put_number(two_n, 4);
  put(one, one_n);
  put(two, two_n);
  pthread_mutex_unlock(&lock);
}

void record_mark(bool done, const char *key, const char *value) {
  if (running)
    record_note(RECORD_MARK, done, 0, key, strlen(key), value, strlen(value));
}

bool record_end(const char *path, struct err *e) {
  running = false;
  FILE *f = fopen(path, "we");
  if (!f)
    return err_errno(e, errno, "%s", path);
  bool ok = fwrite(log_bytes, 1, log_n, f) == log_n;
  if (fclose(f) != 0 || !ok)
    return err_errno(e, errno, "%s", path);
  free(log_bytes);
  log_bytes = NULL;
  log_n = log_room = 0;
  for (int i = 0; i < FD_MAX; i++) {
    free(fd_path[i]);
    fd_path[i] = NULL;
  }
  return true;
}
