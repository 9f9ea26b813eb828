// SPDX-License-Identifier: Apache-2.0
// Takes an update bundle from the page, piece by piece, into DIR/upload.part, and names it
// DIR/upload.bundle when it is whole: there the updater finds it. A thread of its own writes, so
// that a slow card never holds up the page. What came goes on after a cut connection, a reload of
// the page or a restart. Whether it is an update at all is the updater's to check, as a whole.
#ifndef BAYPLATE_FIRMWARE_UPLOAD_H
#define BAYPLATE_FIRMWARE_UPLOAD_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define UPLOAD_ID_MAX 80 // bytes, with the NUL
#define UPLOAD_PIECE_MAX (64u << 10)
#define UPLOAD_QUEUE 8         // pieces accepted and not yet written
#define UPLOAD_SYNC (4u << 20) // bytes after which what came is made durable

struct upload;

struct upload_options {
  const char *dir;       // made when missing; its parent must exist
  uint64_t max, reserve; // bytes of one upload at most; bytes of the disk that must stay free
};

// ERR_ARG, ERR_NOMEM. A folder that cannot be made is told by the first upload.
BP_CHECK bool upload_new(struct upload **out, const struct upload_options *o, struct err *e);
void upload_free(struct upload *u); // NULL is fine; what was accepted is written first

struct upload_state {
  char id[UPLOAD_ID_MAX];   // ""; there is none
  uint64_t size, have;      // have: accepted; after a restart what was durable
  bool whole;               // handed over, and not yet taken by the updater
  char error[ERR_TEXT_MAX]; // why it did not go on; "" it does
};
void upload_get(struct upload *u, struct upload_state *out);

// `id` names the file for the sender ([A-Za-z0-9._-]): the same one of the same size goes on at
// *have, another begins anew. ERR_BUSY: one that was handed over is still being installed. ERR_ARG,
// ERR_LIMIT too large, ERR_FULL.
BP_CHECK bool upload_begin(struct upload *u, const char *id, uint64_t size, uint64_t *have,
                           struct err *e);
// The next piece. ERR_STATE: not the bytes at *have. ERR_BUSY: the disk is behind, send it again in
// a moment. ERR_IO, ERR_FULL: it could not be written; begin again.
BP_CHECK bool upload_put(struct upload *u, const char *id, uint64_t offset, const void *bytes,
                         size_t n, uint64_t *have, struct err *e);
// Throws away what came. One that was handed over stays.
void upload_drop(struct upload *u);

#endif
