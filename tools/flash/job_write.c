// SPDX-License-Identifier: Apache-2.0
// Writing: one thread unpacks and sums up, the other writes, with a few chunks between them, so
// that the drive never waits for the processor.
#include "tools/flash/crypto.h"
#include "tools/flash/image.h"
#include "tools/flash/job.h"
#include "tools/flash/words.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4

struct slot {
  uint8_t *bytes;
  size_t n; // 0: the end
};

struct pipe {
  struct job *job;
  pthread_mutex_t lock;
  pthread_cond_t moved;
  struct slot slot[SLOTS];
  size_t filled, emptied; // counted from the begin
  bool stop;              // the writer gave up
  bool failed;            // the reader did; err tells why
  struct err err;
};

static bool hash_of(const void *bytes, size_t n, uint8_t out[JOB_HASH], struct err *e) {
  return EVP_Digest(bytes, n, out, NULL, EVP_sha256(), NULL) == 1 ||
         err_set(e, ERR_NOMEM, "no memory for a sum");
}

// Puts what of the boot partition lies here over the image's bytes.
static bool overlay(const struct job *j, uint64_t at, uint8_t *bytes, size_t n) {
  uint64_t from = at > j->boot_at ? at : j->boot_at;
  uint64_t to = at + n < j->boot_at + j->boot_n ? at + n : j->boot_at + j->boot_n;
  if (j->boot_n == 0 || from >= to)
    return false;
  memcpy(bytes + (from - at), j->boot + (from - j->boot_at), (size_t)(to - from));
  return true;
}

static bool next_chunk(struct job *j, struct image *image, size_t chunk, struct slot *s,
                       struct err *e) {
  uint8_t hash[JOB_HASH];
  s->n = JOB_CHUNK;
  if (!image_read(image, s->bytes, &s->n, e))
    return false;
  bool end = s->n == 0;
  if (end != (chunk == j->chunks) || (!end && !hash_of(s->bytes, s->n, hash, e)) ||
      (!end && memcmp(hash, j->read[chunk], JOB_HASH) != 0))
    return err_set(e, ERR_FORMAT, words("%s 在检查之后被改动", "%s changed after it was checked"),
                   j->image);
  if (end)
    return true;
  if (!overlay(j, (uint64_t)chunk * JOB_CHUNK, s->bytes, s->n)) {
    memcpy(j->wrote[chunk], hash, JOB_HASH);
    return true;
  }
  return hash_of(s->bytes, s->n, j->wrote[chunk], e);
}

static void *read_image(void *arg) {
  struct pipe *p = arg;
  struct image *image = NULL;
  bool ok = image_open(&image, p->job->image, &p->err), end = false;
  for (size_t chunk = 0; ok && !end; chunk++) {
    pthread_mutex_lock(&p->lock);
    while (p->filled - p->emptied == SLOTS && !p->stop)
      pthread_cond_wait(&p->moved, &p->lock);
    bool stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    if (stop)
      break;
    struct slot *s = &p->slot[chunk % SLOTS];
    ok = next_chunk(p->job, image, chunk, s, &p->err);
    end = ok && s->n == 0;
    pthread_mutex_lock(&p->lock);
    if (ok)
      p->filled++;
    pthread_cond_signal(&p->moved);
    pthread_mutex_unlock(&p->lock);
  }
  image_free(image);
  pthread_mutex_lock(&p->lock);
  p->failed = !ok;
  pthread_cond_signal(&p->moved);
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

// A drive takes whole sectors: what is missing of the last one is zero.
static size_t padded(uint8_t *bytes, size_t n) {
  size_t more = n % DRIVE_ALIGN ? DRIVE_ALIGN - n % DRIVE_ALIGN : 0;
  memset(bytes + n, 0, more);
  return n + more;
}

static bool write_chunks(struct pipe *p, const struct drive_ops *ops, void *drive, struct err *e) {
  struct job *j = p->job;
  uint64_t at = 0;
  for (;;) {
    pthread_mutex_lock(&p->lock);
    while (p->filled == p->emptied && !p->failed)
      pthread_cond_wait(&p->moved, &p->lock);
    bool failed = p->filled == p->emptied;
    pthread_mutex_unlock(&p->lock);
    if (failed) {
      *e = p->err;
      return false;
    }
    struct slot *s = &p->slot[p->emptied % SLOTS];
    if (s->n == 0)
      return true;
    if (j->stop && *j->stop)
      return err_set(e, ERR_STATE, "%s", words("已中止", "stopped"));
    // Sectors of 512 divide every image; only a last chunk that does not end on DRIVE_ALIGN is
    // padded, and only where that still fits.
    size_t n = s->n % 512 ? padded(s->bytes, s->n) : s->n;
    if (!ops->write(drive, at, s->bytes, n, e))
      return false;
    at += s->n;
    progress_at(j->progress, at);
    pthread_mutex_lock(&p->lock);
    p->emptied++;
    pthread_cond_signal(&p->moved);
    pthread_mutex_unlock(&p->lock);
  }
}

static bool run_pipe(struct pipe *p, const struct drive_ops *ops, void *drive, struct err *e) {
  pthread_t reader;
  for (int i = 0; i < SLOTS; i++) {
    p->slot[i].bytes = job_buffer();
    if (!p->slot[i].bytes)
      return err_set(e, ERR_NOMEM, "no memory for the image");
  }
  if (pthread_create(&reader, NULL, read_image, p) != 0)
    return err_set(e, ERR_NOMEM, "no memory for a thread");
  bool ok = write_chunks(p, ops, drive, e);
  pthread_mutex_lock(&p->lock);
  p->stop = true;
  pthread_cond_signal(&p->moved);
  pthread_mutex_unlock(&p->lock);
  (void)pthread_join(reader, NULL);
  return ok && ops->sync(drive, e);
}

bool job_write(struct job *j, const struct drive_ops *ops, void *drive, struct err *e) {
  struct pipe p = {.job = j, .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
  progress_begin(j->progress, PHASE_WRITE, j->manifest->size);
  bool ok = run_pipe(&p, ops, drive, e);
  for (int i = 0; i < SLOTS; i++)
    free(p.slot[i].bytes);
  progress_end(j->progress, ok);
  return ok;
}

bool job_verify(struct job *j, const struct drive_ops *ops, void *drive, struct err *e) {
  uint8_t hash[JOB_HASH], *buf = job_buffer();
  bool ok = buf || err_set(e, ERR_NOMEM, "no memory to read the drive back");
  progress_begin(j->progress, PHASE_VERIFY, j->manifest->size);
  for (size_t chunk = 0; ok && chunk < j->chunks; chunk++) {
    uint64_t at = (uint64_t)chunk * JOB_CHUNK, left = j->manifest->size - at;
    size_t want = left < JOB_CHUNK ? (size_t)left : JOB_CHUNK;
    size_t n = (want + 511) / 512 * 512; // whole sectors, as written
    if (j->stop && *j->stop)
      ok = err_set(e, ERR_STATE, "%s", words("已中止", "stopped"));
    ok = ok && ops->read(drive, at, buf, &n, e) && (n < want || hash_of(buf, want, hash, e));
    if (ok && (n < want || memcmp(hash, j->wrote[chunk], JOB_HASH) != 0))
      ok = err_set(e, ERR_FORMAT,
                   words("读回的内容与写入的不同（第 %llu MB 附近）；这张卡不可靠，请换一张",
                         "what the drive gives back is not what was written (near %llu MB); it is "
                         "not reliable, take another one"),
                   (unsigned long long)(at / 1000000));
    if (ok)
      progress_at(j->progress, at + want);
  }
  free(buf);
  progress_end(j->progress, ok);
  return ok;
}
