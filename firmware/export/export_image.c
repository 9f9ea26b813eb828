// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_image.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool content(struct export_job *j, struct export_disk *d, uint8_t *piece,
                    crypto_hash_sha256_state *hash, struct err *e) {
  for (uint64_t at = 0; at < d->size;) {
    size_t n = d->size - at < EXPORT_PIECE ? (size_t)(d->size - at) : EXPORT_PIECE;
    export_disk_get(d, at, piece, n);
    (void)crypto_hash_sha256_update(hash, piece, n); // never fails, says libsodium
    at += n;
    j->state.read = at;
    j->state.bad = d->bad;
    if (!export_out_bytes(j->out, piece, n, e) || !export_job_step(j, e))
      return false;
  }
  return true;
}

bool export_image(struct export_job *j, struct export_disk *d, struct err *e) {
  static const char name[] = "data.img";
  uint8_t sum[EXPORT_HASH];
  char hex[2 * EXPORT_HASH + 1], line[sizeof hex + sizeof name + 4];
  crypto_hash_sha256_state hash;
  uint8_t *piece = malloc(EXPORT_PIECE);
  if (!piece)
    return err_set(e, ERR_NOMEM, "no memory for the export");
  (void)crypto_hash_sha256_init(&hash);
  j->state.size = d->size;
  bool ok = export_out_member(j->out, EXPORT_FOLDER "data.img", d->size, (int64_t)time(NULL), e) &&
            content(j, d, piece, &hash, e);
  free(piece);
  if (!ok)
    return false;
  (void)crypto_hash_sha256_final(&hash, sum);
  int n = snprintf(line, sizeof line, "%s  %s\n", sodium_bin2hex(hex, sizeof hex, sum, sizeof sum),
                   name);
  export_job_note(j, "size = %" PRIu64, d->size);
  export_job_note(j, "unreadable = %" PRIu64 " blocks of %d bytes, zeros here", d->bad,
                  EXPORT_BLOCK);
  for (size_t i = 0; i < d->ranges; i++)
    export_job_note(j, "unreadable_at = %" PRIu64 " %" PRIu64, d->range[i].from,
                    d->range[i].length);
  return export_out_text(j->out, EXPORT_FOLDER "SHA256SUMS", line, (size_t)n, e);
}
