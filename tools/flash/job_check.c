// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/boot_part.h"
#include "tools/flash/crypto.h"
#include "tools/flash/gpt.h"
#include "tools/flash/image.h"
#include "tools/flash/job.h"
#include "tools/flash/words.h"

#include <stdlib.h>
#include <string.h>

#define DEVICE_FILE "bayplate-device.ini"

void *job_buffer(void) {
  void *p = NULL;
  return posix_memalign(&p, DRIVE_ALIGN, JOB_CHUNK) == 0 ? p : NULL;
}

static bool hash_of(const void *bytes, size_t n, uint8_t out[JOB_HASH], struct err *e) {
  return EVP_Digest(bytes, n, out, NULL, EVP_sha256(), NULL) == 1 ||
         err_set(e, ERR_NOMEM, "no memory for a sum");
}

// What of [at, at + n) lies in the boot partition: its place in both.
static size_t part_of(const struct job *j, uint64_t at, size_t n, size_t *in_chunk,
                      size_t *in_boot) {
  uint64_t from = at > j->boot_at ? at : j->boot_at;
  uint64_t to = at + n < j->boot_at + j->boot_n ? at + n : j->boot_at + j->boot_n;
  if (j->boot_n == 0 || from >= to)
    return 0;
  *in_chunk = (size_t)(from - at);
  *in_boot = (size_t)(from - j->boot_at);
  return (size_t)(to - from);
}

static bool find_boot(struct job *j, const uint8_t *head, size_t n, struct err *e) {
  uint64_t size = 0;
  if (!gpt_find(head, n, "boot", &j->boot_at, &size, e))
    return false;
  if (size > BOOT_PART_MAX || j->boot_at + size > j->manifest->size)
    return err_set(e, ERR_FORMAT, "the boot partition is too large, or beyond the image's end");
  j->boot_n = (size_t)size;
  j->boot = calloc(1, j->boot_n);
  return j->boot || err_set(e, ERR_NOMEM, "no memory for the boot partition");
}

static bool wrong_image(const struct job *j, struct err *e) {
  return err_set(e, ERR_FORMAT,
                 words("%s 与清单不符（文件损坏或不是这份映像）；请重新下载",
                       "%s is not the image of its manifest (damaged, or another one); fetch it "
                       "again"),
                 j->image);
}

static bool read_all(struct job *j, struct image *image, uint8_t *buf, EVP_MD_CTX *sum,
                     struct err *e) {
  uint64_t at = 0;
  for (size_t chunk = 0;; chunk++) {
    size_t n = JOB_CHUNK, in_chunk = 0, in_boot = 0;
    if (j->stop && *j->stop)
      return err_set(e, ERR_STATE, "%s", words("已中止", "stopped"));
    if (!image_read(image, buf, &n, e))
      return false;
    if (n == 0)
      return at == j->manifest->size || wrong_image(j, e);
    if (at + n > j->manifest->size)
      return wrong_image(j, e);
    if (at == 0 && j->ini && !find_boot(j, buf, n, e))
      return false;
    if (EVP_DigestUpdate(sum, buf, n) != 1 || !hash_of(buf, n, j->read[chunk], e))
      return err_set(e, ERR_NOMEM, "no memory for a sum");
    size_t m = part_of(j, at, n, &in_chunk, &in_boot);
    if (m > 0)
      memcpy(j->boot + in_boot, buf + in_chunk, m);
    at += n;
    progress_at(j->progress, at);
  }
}

static bool check_file(struct job *j, uint8_t *buf, struct err *e) {
  uint8_t sum[JOB_HASH];
  struct image *image = NULL;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  bool ok = (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) ||
            err_set(e, ERR_NOMEM, "no memory for a sum");
  ok = ok && image_open(&image, j->image, e) && read_all(j, image, buf, ctx, e);
  if (ok && (EVP_DigestFinal_ex(ctx, sum, NULL) != 1 ||
             memcmp(sum, j->manifest->sha256, sizeof sum) != 0))
    ok = wrong_image(j, e);
  image_free(image);
  EVP_MD_CTX_free(ctx);
  return ok;
}

bool job_check(struct job *j, struct err *e) {
  j->chunks = (size_t)((j->manifest->size + JOB_CHUNK - 1) / JOB_CHUNK);
  j->read = calloc(j->chunks, JOB_HASH);
  j->wrote = calloc(j->chunks, JOB_HASH);
  uint8_t *buf = job_buffer();
  progress_begin(j->progress, PHASE_CHECK, j->manifest->size);
  bool ok = (j->read && j->wrote && buf) || err_set(e, ERR_NOMEM, "no memory for the image");
  ok = ok && check_file(j, buf, e);
  // Only now: mcopy shall see nothing that is not signed.
  ok = ok && (!j->ini || boot_part_put(j->boot, j->boot_n, DEVICE_FILE, j->ini, e));
  free(buf);
  progress_end(j->progress, ok);
  return ok;
}

void job_finish(struct job *j) {
  free(j->read);
  free(j->wrote);
  if (j->boot)
    explicit_bzero(j->boot, j->boot_n);
  free(j->boot);
  j->read = j->wrote = NULL;
  j->boot = NULL;
}
