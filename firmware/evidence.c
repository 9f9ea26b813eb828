// SPDX-License-Identifier: Apache-2.0
#include "firmware/evidence.h"
#include "board/careful.h"
#include "firmware/calendar.h"
#include "firmware/evidence_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

bool evidence_open(struct evidence **out, const struct evidence_options *o, struct err *e) {
  *out = NULL;
  if (!o->dir || !o->dir[0] || o->budget_bytes == 0)
    return err_set(e, ERR_ARG, "evidence: folder or budget missing");
  struct evidence *ev = calloc(1, sizeof *ev);
  if (!ev)
    return err_set(e, ERR_NOMEM, "evidence: no memory");
  ev->dir = strdup(o->dir);
  if (!ev->dir || pthread_mutex_init(&ev->lock, NULL) != 0) {
    free(ev->dir);
    free(ev);
    return err_set(e, ERR_NOMEM, "evidence: no memory");
  }
  ev->budget = o->budget_bytes;
  ev->reserve = o->reserve_bytes;
  *out = ev;
  return true;
}

void evidence_free(struct evidence *ev) {
  if (!ev)
    return;
  (void)pthread_mutex_destroy(&ev->lock);
  free(ev->dir);
  free(ev);
}

int evidence_root(struct evidence *ev, struct err *e) {
  int fd = open(ev->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    if (!careful_make_folder(ev->dir, e)) {
      (void)err_prefix(e, "evidence");
      return -1;
    }
    fd = open(ev->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  if (fd < 0)
    (void)err_errno(e, errno, "evidence: folder %s", ev->dir);
  return fd;
}

// Opens `name` below `parent`, made when missing; the new entry is durable on return.
static int folder(int parent, const char *name, struct err *e) {
  int fd = openat(parent, name, FOLDER_FLAGS);
  if (fd < 0 && errno == ENOENT) {
    bool made = mkdirat(parent, name, 0700) == 0;
    if (made && fsync(parent) != 0) {
      (void)err_errno(e, errno, "evidence: folder %s", name);
      return -1;
    }
    fd = openat(parent, name, FOLDER_FLAGS);
  }
  if (fd < 0)
    (void)err_errno(e, errno, "evidence: folder %s", name);
  return fd;
}

// The folder of a path's day ("2026/03/08/"), opened step by step so that no link is followed.
static int day_folder(int root, const char *path, bool make, struct err *e) {
  static const int at[] = {0, 5, 8}, length[] = {4, 2, 2};
  int fd = root;
  for (int i = 0; i < 3 && fd >= 0; i++) {
    char name[8];
    (void)snprintf(name, sizeof name, "%.*s", length[i], path + at[i]);
    int next = make ? folder(fd, name, e) : openat(fd, name, FOLDER_FLAGS);
    if (next < 0 && !make)
      (void)err_errno(e, errno, "evidence: %s", path);
    if (fd != root)
      (void)close(fd);
    fd = next;
  }
  return fd;
}

bool evidence_write(struct evidence *ev, uint64_t visit, uint64_t number, int64_t wall_ms,
                    const void *jpeg, size_t len, char path[EVIDENCE_PATH_MAX], struct err *e) {
  struct date d;
  char day[DATE_TEXT_MAX];
  path[0] = '\0';
  if (visit == 0 || number == 0 || !jpeg || len == 0)
    return err_set(e, ERR_ARG, "evidence: visit, number or picture missing");
  if (len > EVIDENCE_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "evidence: %zu bytes, at most %u", len, EVIDENCE_BYTES_MAX);
  if (!date_today(wall_ms * 1000000, &d))
    return err_set(e, ERR_ARG, "evidence: impossible time");
  date_format(d, day);
  day[4] = day[7] = '/';
  char full[EVIDENCE_PATH_MAX];
  int n = snprintf(full, sizeof full, "%s/%" PRIu64 "-%" PRIu64 ".jpg", day, visit, number);
  if (n < 0 || n >= (int)sizeof full)
    return err_set(e, ERR_LIMIT, "evidence: path too long");
  pthread_mutex_lock(&ev->lock); // also against rotation taking the empty folder away
  bool ok = false;
  int root = evidence_root(ev, e);
  int dir = root >= 0 ? day_folder(root, full, true, e) : -1;
  if (dir >= 0) {
    ok = careful_write_at(dir, full + 11, jpeg, len, e) || err_prefix(e, "evidence");
    (void)close(dir);
  }
  if (root >= 0)
    (void)close(root);
  if (ok) {
    ev->files++;
    ev->bytes += len;
    memcpy(path, full, sizeof full);
  }
  pthread_mutex_unlock(&ev->lock);
  return ok;
}

static bool read_file(int dir, const char *name, void **out, size_t *len, struct err *e) {
  struct stat st;
  // Not blocking, should the name be a pipe that somebody put there.
  int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return err_errno(e, errno, "evidence: %s", name);
  bool ok = false;
  char *data = NULL;
  if (fstat(fd, &st) != 0)
    (void)err_errno(e, errno, "evidence: %s", name);
  else if (!S_ISREG(st.st_mode))
    (void)err_set(e, ERR_FORMAT, "evidence: %s is no file", name);
  else if (st.st_size <= 0 || st.st_size > (off_t)EVIDENCE_BYTES_MAX)
    (void)err_set(e, ERR_LIMIT, "evidence: %s has %lld bytes", name, (long long)st.st_size);
  else if (!(data = malloc((size_t)st.st_size)))
    (void)err_set(e, ERR_NOMEM, "evidence: no memory");
  else
    ok = true;
  size_t got = 0;
  while (ok && got < (size_t)st.st_size) {
    ssize_t n = read(fd, data + got, (size_t)st.st_size - got);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      ok = err_errno(e, n < 0 ? errno : EIO, "evidence: %s", name);
    else
      got += (size_t)n;
  }
  (void)close(fd); // only read
  if (!ok) {
    free(data);
    return false;
  }
  *out = data;
  *len = got;
  return true;
}

bool evidence_read(struct evidence *ev, const char *path, void **jpeg, size_t *len, struct err *e) {
  *jpeg = NULL;
  *len = 0;
  if (!evidence_path_valid(path))
    return err_set(e, ERR_ARG, "evidence: not the path of a crop");
  // Without the lock: rename and unlink are whole for a reader.
  int root = open(ev->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return err_errno(e, errno, "evidence: folder %s", ev->dir);
  int dir = day_folder(root, path, false, e);
  bool ok = dir >= 0 && read_file(dir, path + 11, jpeg, len, e);
  if (dir >= 0)
    (void)close(dir);
  (void)close(root);
  return ok;
}
