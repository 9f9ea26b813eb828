// SPDX-License-Identifier: Apache-2.0
#include "firmware/upload.h"

#include "board/careful.h"
#include "board/file.h"
#include "board/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NOTE_MAX 160 // "ID SIZE\n"

struct piece {
  uint8_t *bytes;
  size_t n;
};

struct upload {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread;
  bool stop, busy; // busy: the thread writes outside of the lock
  struct upload_state state;
  struct piece queue[UPLOAD_QUEUE];
  unsigned head, count;
  uint64_t unsafe; // bytes written since they were made durable; the thread's
  int fd;          // of the part; -1: none
  uint64_t max, reserve;
  char dir[FILE_PATH_MAX - 32];
};

static void path_of(const struct upload *u, const char *name, char out[FILE_PATH_MAX]) {
  (void)snprintf(out, FILE_PATH_MAX, "%s/%s", u->dir, name); // dir is short enough
}

static bool exists(const struct upload *u, const char *name) {
  char path[FILE_PATH_MAX];
  path_of(u, name, path);
  return access(path, F_OK) == 0;
}

static void forget(struct upload *u) {
  static const char *const names[] = {"upload.note",
                                      "upload.part"}; // without its note a part is nothing
  char path[FILE_PATH_MAX];
  for (int i = 0; i < 2; i++) {
    path_of(u, names[i], path);
    if (unlink(path) != 0 && errno != ENOENT)
      log_warn("upload", "%s: %s", path, strerror(errno));
  }
  if (u->fd >= 0)
    (void)close(u->fd); // it is gone
  u->fd = -1;
  for (; u->count > 0; u->count--) {
    free(u->queue[u->head].bytes);
    u->head = (u->head + 1) % UPLOAD_QUEUE;
  }
}

// --- the thread

static bool make_durable(struct upload *u, struct err *e) {
  u->unsafe = 0;
  return fdatasync(u->fd) == 0 || err_errno(e, errno, "upload.part");
}

static bool hand_over(struct upload *u, struct err *e) {
  char from[FILE_PATH_MAX], to[FILE_PATH_MAX];
  path_of(u, "upload.part", from);
  path_of(u, "upload.bundle", to);
  if (!make_durable(u, e))
    return false;
  if (rename(from, to) != 0)
    return err_errno(e, errno, "%s", to);
  return careful_sync_folder(u->dir, e);
}

static bool write_piece(struct upload *u, const struct piece *p, bool last, struct err *e) {
  if (!careful_write_all(u->fd, p->bytes, p->n))
    return err_errno(e, errno, "upload.part");
  u->unsafe += p->n;
  if (last)
    return hand_over(u, e);
  return u->unsafe < UPLOAD_SYNC || make_durable(u, e);
}

// With the lock held; lets go of it while the disk works.
static void write_next(struct upload *u) {
  struct piece p = u->queue[u->head];
  const bool last = u->count == 1 && u->state.have == u->state.size;
  struct err e;
  u->busy = true;
  (void)pthread_mutex_unlock(&u->lock);
  const bool ok = write_piece(u, &p, last, &e);
  (void)pthread_mutex_lock(&u->lock);
  u->busy = false;
  free(p.bytes);
  u->head = (u->head + 1) % UPLOAD_QUEUE;
  u->count--;
  if (!ok) {
    log_error("upload", "%s", e.text);
    forget(u);
    u->state = (struct upload_state){0};
    (void)snprintf(u->state.error, sizeof u->state.error, "%s", e.text);
  } else if (last) {
    u->state.whole = true;
    forget(u);
  }
  (void)pthread_cond_broadcast(&u->changed);
}

static void *run(void *ctx) {
  struct upload *u = ctx;
  (void)pthread_mutex_lock(&u->lock);
  while (!u->stop || u->count > 0) {
    if (u->count > 0)
      write_next(u);
    else
      (void)pthread_cond_wait(&u->changed, &u->lock);
  }
  struct err e;
  if (u->fd >= 0 && !make_durable(u, &e))
    log_warn("upload", "%s", e.text);
  (void)pthread_mutex_unlock(&u->lock);
  return NULL;
}

// --- start and stop

static bool id_fits(const char *id) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const size_t n = strspn(id, allowed);
  return n > 0 && n < UPLOAD_ID_MAX && id[n] == '\0';
}

// What an earlier run left: the part counts as far as the file goes. After a power cut its last
// bytes may be wrong; the updater sees that, and the next upload of it begins anew.
static void take_up(struct upload *u) {
  char path[FILE_PATH_MAX], *end = NULL;
  void *note = NULL;
  size_t len = 0;
  struct stat st;
  struct upload_state s = {0};
  path_of(u, "upload.note", path);
  if (file_get(path, NOTE_MAX, &note, &len, NULL)) {
    char *space = strchr(note, ' ');
    if (space && space - (char *)note < UPLOAD_ID_MAX) {
      *space = '\0';
      (void)snprintf(s.id, sizeof s.id, "%s", (char *)note);
      s.size = strtoull(space + 1, &end, 10);
    }
  }
  path_of(u, "upload.part", path);
  u->fd = end && *end == '\n' && id_fits(s.id)
              ? open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
              : -1;
  if (u->fd >= 0 && fstat(u->fd, &st) == 0 && (uint64_t)st.st_size < s.size) {
    s.have = (uint64_t)st.st_size;
    u->state = s;
  } else if (note || u->fd >= 0) {
    forget(u);
  }
  free(note);
}

bool upload_new(struct upload **out, const struct upload_options *o, struct err *e) {
  struct upload *u = calloc(1, sizeof *u);
  *out = NULL;
  if (!u)
    return err_set(e, ERR_NOMEM, "upload: out of memory");
  u->fd = -1;
  u->max = o->max;
  u->reserve = o->reserve;
  const int n = snprintf(u->dir, sizeof u->dir, "%s", o->dir);
  if (n < 1 || (size_t)n >= sizeof u->dir) {
    free(u);
    return err_set(e, ERR_ARG, "upload: %s: no name, or too long a one", o->dir);
  }
  take_up(u);
  if (pthread_mutex_init(&u->lock, NULL) != 0 || pthread_cond_init(&u->changed, NULL) != 0 ||
      pthread_create(&u->thread, NULL, run, u) != 0) {
    free(u); // only without memory; the process ends then
    return err_set(e, ERR_NOMEM, "upload: out of memory");
  }
  *out = u;
  return true;
}

void upload_free(struct upload *u) {
  if (!u)
    return;
  (void)pthread_mutex_lock(&u->lock);
  u->stop = true;
  (void)pthread_cond_broadcast(&u->changed);
  (void)pthread_mutex_unlock(&u->lock);
  (void)pthread_join(u->thread, NULL); // our own joinable thread: cannot fail
  if (u->fd >= 0)
    (void)close(u->fd); // what matters was synced
  (void)pthread_cond_destroy(&u->changed);
  (void)pthread_mutex_destroy(&u->lock);
  free(u);
}

// --- what the page asks

void upload_get(struct upload *u, struct upload_state *out) {
  (void)pthread_mutex_lock(&u->lock);
  if (u->state.whole && !exists(u, "upload.bundle"))
    u->state = (struct upload_state){0}; // the updater took it
  *out = u->state;
  (void)pthread_mutex_unlock(&u->lock);
}

static bool room(const struct upload *u, uint64_t size, struct err *e) {
  struct statvfs v;
  if (statvfs(u->dir, &v) != 0)
    return err_errno(e, errno, "%s", u->dir);
  const uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
  return (left >= u->reserve && left - u->reserve >= size) ||
         err_set(e, ERR_FULL, "%" PRIu64 " MB free, %" PRIu64 " MB wanted and %" PRIu64 " kept",
                 left >> 20, size >> 20, u->reserve >> 20);
}

static bool begin_new(struct upload *u, const char *id, uint64_t size, struct err *e) {
  char path[FILE_PATH_MAX], note[NOTE_MAX];
  forget(u);
  u->state = (struct upload_state){0};
  if (!careful_make_folder(u->dir, e) || !room(u, size, e))
    return false;
  path_of(u, "upload.part", path);
  u->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (u->fd < 0)
    return err_errno(e, errno, "%s", path);
  const int n = snprintf(note, sizeof note, "%s %" PRIu64 "\n", id, size);
  path_of(u, "upload.note", path);
  if (!file_put(path, note, (size_t)n, e)) {
    forget(u);
    return false;
  }
  (void)snprintf(u->state.id, sizeof u->state.id, "%s", id);
  u->state.size = size;
  u->unsafe = 0;
  return true;
}

static bool begin(struct upload *u, const char *id, uint64_t size, struct err *e) {
  while (u->busy)
    (void)pthread_cond_wait(&u->changed, &u->lock);
  if (u->fd >= 0 && strcmp(u->state.id, id) == 0 && u->state.size == size)
    return true;
  if (exists(u, "upload.bundle"))
    return err_set(e, ERR_BUSY, "the bundle before is still being installed");
  return begin_new(u, id, size, e);
}

bool upload_begin(struct upload *u, const char *id, uint64_t size, uint64_t *have, struct err *e) {
  if (!id_fits(id) || size == 0)
    return err_set(e, ERR_ARG, "upload: a name of A-Z a-z 0-9 . _ - and a size are needed");
  if (size > u->max)
    return err_set(e, ERR_LIMIT, "%" PRIu64 " MB; an update has at most %" PRIu64, size >> 20,
                   u->max >> 20);
  (void)pthread_mutex_lock(&u->lock);
  const bool ok = begin(u, id, size, e);
  *have = u->state.have;
  (void)pthread_mutex_unlock(&u->lock);
  return ok;
}

static bool put(struct upload *u, const char *id, uint64_t offset, const void *bytes, size_t n,
                struct err *e) {
  if (u->fd < 0 || strcmp(u->state.id, id) != 0)
    return err_set(e, u->state.error[0] ? ERR_IO : ERR_STATE, "%s",
                   u->state.error[0] ? u->state.error : "no such upload: begin it");
  if (offset != u->state.have || n == 0 || n > UPLOAD_PIECE_MAX ||
      n > u->state.size - u->state.have)
    return err_set(e, ERR_STATE, "%zu bytes at %" PRIu64 ", expected at %" PRIu64 " of %" PRIu64, n,
                   offset, u->state.have, u->state.size);
  if (u->count == UPLOAD_QUEUE)
    return err_set(e, ERR_BUSY, "the disk is behind");
  struct piece *p = &u->queue[(u->head + u->count) % UPLOAD_QUEUE];
  p->bytes = malloc(n);
  if (!p->bytes)
    return err_set(e, ERR_NOMEM, "upload: out of memory");
  memcpy(p->bytes, bytes, n);
  p->n = n;
  u->count++;
  u->state.have += n;
  (void)pthread_cond_broadcast(&u->changed);
  return true;
}

bool upload_put(struct upload *u, const char *id, uint64_t offset, const void *bytes, size_t n,
                uint64_t *have, struct err *e) {
  (void)pthread_mutex_lock(&u->lock);
  const bool ok = put(u, id, offset, bytes, n, e);
  *have = u->state.have;
  (void)pthread_mutex_unlock(&u->lock);
  return ok;
}

void upload_drop(struct upload *u) {
  (void)pthread_mutex_lock(&u->lock);
  while (u->busy)
    (void)pthread_cond_wait(&u->changed, &u->lock);
  if (!u->state.whole) {
    forget(u);
    u->state = (struct upload_state){0};
  }
  (void)pthread_mutex_unlock(&u->lock);
}
