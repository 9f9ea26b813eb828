// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/port_spool.h"

#include "board/careful.h"
#include "board/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PART "upload.part"
#define META "upload.meta"
#define WHOLE "upload.bundle"
#define HEX (2 * PORT_SPOOL_HASH)

struct port_spool {
  struct port_spool_options o;
  int dir, part;        // descriptors; part -1: none open
  uint64_t safe;        // bytes of the part that are durable and noted
  pthread_mutex_t lock; // of `state`
  struct port_spool_state state;
};

// --- the note beside the file: "HASH SIZE SAFE DONE"

static bool write_meta(struct port_spool *s, const struct port_spool_state *st, struct err *e) {
  char hex[HEX + 1], text[HEX + 64];
  sodium_bin2hex(hex, sizeof hex, st->sha256, sizeof st->sha256);
  int n = snprintf(text, sizeof text, "%s %" PRIu64 " %" PRIu64 " %d\n", hex, st->size, s->safe,
                   st->done);
  return careful_write_at(s->dir, META, text, (size_t)n, e) || err_prefix(e, "%s", s->o.dir);
}

// The next word as a number; false for anything else.
static bool number(const char **at, uint64_t *out) {
  char *end = NULL;
  if (**at != ' ' || (*at)[1] < '0' || (*at)[1] > '9')
    return false;
  errno = 0;
  *out = strtoull(*at + 1, &end, 10);
  *at = end;
  return errno == 0;
}

static bool parse_meta(const char *text, struct port_spool_state *st, uint64_t *safe) {
  size_t n = 0;
  uint64_t done = 0;
  if (strlen(text) <= HEX ||
      sodium_hex2bin(st->sha256, sizeof st->sha256, text, HEX, NULL, &n, NULL) != 0 ||
      n != sizeof st->sha256)
    return false;
  const char *at = text + HEX;
  if (!number(&at, &st->size) || !number(&at, safe) || !number(&at, &done) || *at != '\n' ||
      done > 1 || *safe > st->size)
    return false;
  st->done = done == 1;
  st->any = true;
  return true;
}

static bool read_meta(struct port_spool *s, struct port_spool_state *st, uint64_t *safe) {
  char text[HEX + 64];
  int fd = openat(s->dir, META, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  (void)close(fd);
  if (n <= 0)
    return false;
  text[n] = '\0';
  return parse_meta(text, st, safe);
}

static void set_state(struct port_spool *s, const struct port_spool_state *st) {
  (void)pthread_mutex_lock(&s->lock);
  s->state = *st;
  (void)pthread_mutex_unlock(&s->lock);
}

void port_spool_state(struct port_spool *s, struct port_spool_state *out) {
  (void)pthread_mutex_lock(&s->lock);
  *out = s->state;
  (void)pthread_mutex_unlock(&s->lock);
}

// --- open and close

static void close_part(struct port_spool *s) {
  if (s->part >= 0)
    (void)close(s->part); // what matters was synced
  s->part = -1;
}

// Bytes beyond the noted ones came, but nobody knows whether they are right after a power cut.
static bool take_up(struct port_spool *s, struct err *e) {
  struct port_spool_state st = {0};
  struct stat info;
  if (!read_meta(s, &st, &s->safe))
    return true; // nothing there, or not readable as a note: begin anew
  if (st.done) {
    if (fstatat(s->dir, WHOLE, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        (uint64_t)info.st_size == st.size) {
      st.have = st.size;
      set_state(s, &st);
    }
    return true;
  }
  // A whole part that is not there was cut off between its new name and its note: name it back, so
  // that it is judged again.
  if (s->safe == st.size && faccessat(s->dir, PART, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
    (void)renameat(s->dir, WHOLE, s->dir, PART); // not there either: nothing to take up
  s->part = openat(s->dir, PART, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (s->part < 0)
    return true;
  if (fstat(s->part, &info) != 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  if ((uint64_t)info.st_size < s->safe)
    s->safe = (uint64_t)info.st_size;
  if (ftruncate(s->part, (off_t)s->safe) != 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  st.have = s->safe;
  set_state(s, &st);
  return true;
}

bool port_spool_open(struct port_spool **out, const struct port_spool_options *o, struct err *e) {
  if (sodium_init() < 0)
    return err_set(e, ERR_IO, "libsodium cannot be started");
  if (!careful_make_folder(o->dir, e))
    return false;
  struct port_spool *s = calloc(1, sizeof *s);
  if (!s || pthread_mutex_init(&s->lock, NULL) != 0) {
    free(s);
    return err_set(e, ERR_NOMEM, "no memory for the spool");
  }
  s->o = *o;
  s->part = -1;
  s->dir = open(o->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (s->dir < 0 ? !err_errno(e, errno, "%s", o->dir) : !take_up(s, e)) {
    port_spool_free(s);
    return false;
  }
  *out = s;
  return true;
}

void port_spool_free(struct port_spool *s) {
  if (!s)
    return;
  struct err e;
  if (!port_spool_pause(s, &e))
    log_error("spool", "%s", e.text);
  close_part(s);
  if (s->dir >= 0)
    (void)close(s->dir);
  (void)pthread_mutex_destroy(&s->lock);
  free(s);
}

// --- an upload

static void forget(struct port_spool *s) {
  const struct port_spool_state none = {0};
  close_part(s);
  (void)unlinkat(s->dir, META, 0); // first: without its note a part is nothing
  (void)unlinkat(s->dir, PART, 0);
  s->safe = 0;
  set_state(s, &none);
}

static bool room_for(struct port_spool *s, uint64_t bytes, struct err *e) {
  struct statvfs v;
  if (fstatvfs(s->dir, &v) != 0)
    return err_errno(e, errno, "%s", s->o.dir);
  uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
  if (left < s->o.reserve || left - s->o.reserve < bytes)
    return err_set(e, ERR_FULL,
                   "%s: %" PRIu64 " MB free, %" PRIu64 " MB wanted and %" PRIu64 " kept", s->o.dir,
                   left >> 20, bytes >> 20, s->o.reserve >> 20);
  return true;
}

// The whole bundle that a note called done, and that is still there to be installed.
static bool still_whole(struct port_spool *s) {
  struct stat info;
  return fstatat(s->dir, WHOLE, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool begin_new(struct port_spool *s, struct port_spool_state *st, struct err *e) {
  forget(s);
  if (!room_for(s, st->size, e))
    return false;
  s->part = openat(s->dir, PART, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (s->part < 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  return write_meta(s, st, e);
}

bool port_spool_begin(struct port_spool *s, const uint8_t sha256[PORT_SPOOL_HASH], uint64_t size,
                      uint64_t *have, struct err *e) {
  struct port_spool_state st;
  port_spool_state(s, &st);
  bool same = st.any && st.size == size && memcmp(st.sha256, sha256, PORT_SPOOL_HASH) == 0;
  if (same && (st.done ? still_whole(s) : s->part >= 0)) {
    *have = st.have;
    return st.done || room_for(s, size - st.have, e);
  }
  if (size > s->o.max)
    return err_set(e, ERR_LIMIT, "an upload of %" PRIu64 " bytes; at most %" PRIu64, size,
                   s->o.max);
  st = (struct port_spool_state){.any = true, .size = size};
  memcpy(st.sha256, sha256, PORT_SPOOL_HASH);
  if (!begin_new(s, &st, e)) {
    forget(s);
    return false;
  }
  set_state(s, &st);
  *have = 0;
  return true;
}

static bool make_safe(struct port_spool *s, const struct port_spool_state *st, struct err *e) {
  if (fdatasync(s->part) != 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  s->safe = st->have;
  return write_meta(s, st, e);
}

bool port_spool_write(struct port_spool *s, uint64_t offset, const uint8_t *bytes, size_t n,
                      struct err *e) {
  struct port_spool_state st;
  port_spool_state(s, &st);
  if (s->part < 0 || offset != st.have || n > st.size - st.have)
    return err_set(e, ERR_STATE, "bytes at %" PRIu64 ", expected at %" PRIu64, offset, st.have);
  if (lseek(s->part, (off_t)st.have, SEEK_SET) < 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  if (!careful_write_all(s->part, bytes, n))
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  st.have += n;
  set_state(s, &st);
  return st.have - s->safe < PORT_SPOOL_SYNC || make_safe(s, &st, e);
}

bool port_spool_pause(struct port_spool *s, struct err *e) {
  struct port_spool_state st;
  port_spool_state(s, &st);
  return s->part < 0 || st.have == s->safe || make_safe(s, &st, e);
}

// Over what the disk gives back, not over what the network brought.
static bool hash_is_right(struct port_spool *s, const struct port_spool_state *st, struct err *e) {
  uint8_t buf[16384], sum[PORT_SPOOL_HASH];
  crypto_hash_sha256_state hash;
  (void)crypto_hash_sha256_init(&hash); // never fails, says libsodium
  uint64_t at = 0;
  while (at < st->size) {
    ssize_t n = pread(s->part, buf, sizeof buf, (off_t)at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return err_errno(e, n < 0 ? errno : EIO, "%s/%s", s->o.dir, PART);
    (void)crypto_hash_sha256_update(&hash, buf, (size_t)n);
    at += (uint64_t)n;
  }
  (void)crypto_hash_sha256_final(&hash, sum);
  if (memcmp(sum, st->sha256, sizeof sum) == 0)
    return true;
  return err_set(e, ERR_FORMAT, "the upload's SHA-256 is not the one announced");
}

bool port_spool_commit(struct port_spool *s, struct err *e) {
  struct port_spool_state st;
  port_spool_state(s, &st);
  if (s->part < 0 || st.have != st.size)
    return err_set(e, ERR_STATE, "the upload is not whole");
  if (fdatasync(s->part) != 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, PART);
  if (!hash_is_right(s, &st, e)) {
    if (!e || e->code == ERR_FORMAT)
      forget(s);
    return false;
  }
  s->safe = st.have;
  st.done = true;
  // The file first, then the note: a cut in between leaves a note without its part, and a whole
  // bundle that nobody was told of; take_up() sees to it.
  if (renameat(s->dir, PART, s->dir, WHOLE) != 0)
    return err_errno(e, errno, "%s/%s", s->o.dir, WHOLE);
  close_part(s);
  if (!write_meta(s, &st, e))
    return false;
  set_state(s, &st);
  return true;
}

void port_spool_abort(struct port_spool *s) {
  struct port_spool_state st;
  port_spool_state(s, &st);
  if (!st.done)
    forget(s);
}
