// SPDX-License-Identifier: Apache-2.0
#include "tools/power/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_MAX (512u << 20)
#define FD_MAX 256
#define SECTOR 512

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool running;
static char root[PATH_MAX];
static char *fd_path[FD_MAX];
static unsigned char *log_bytes;
static size_t log_n, log_room;
static int marks_fd = -1;

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

bool record_marks_to(const char *device, struct err *e) {
  marks_fd = open(device, O_WRONLY | O_DIRECT | O_CLOEXEC);
  return marks_fd >= 0 || err_errno(e, errno, "%s", device);
}

// A mark that is lost would be a promise nobody looks for: rather no run at all.
static void mark_device(bool done, const char *key, const char *value) {
  static _Alignas(SECTOR) char sector[SECTOR];
  memset(sector, 0, sizeof sector);
  int n = snprintf(sector, sizeof sector, "bayplate-mark %s\t%s\t%s\n", done ? "done" : "begun",
                   key, value);
  if (n < 0 || n >= SECTOR ||
      pwrite(marks_fd, sector, SECTOR, (off_t)RECORD_MARK_SECTOR * SECTOR) != SECTOR)
    abort();
}

void record_mark(bool done, const char *key, const char *value) {
  if (marks_fd >= 0)
    mark_device(done, key, value);
  else if (running)
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
