// SPDX-License-Identifier: Apache-2.0
// Where uploads lie until the installer takes them: one that is growing (upload.part, upload.meta)
// and the last whole one (upload.bundle, upload.meta). After a power cut an upload goes on from the
// last byte known to be on the disk.
#ifndef BAYPLATE_FIRMWARE_PORT_PORT_SPOOL_H
#define BAYPLATE_FIRMWARE_PORT_PORT_SPOOL_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define PORT_SPOOL_HASH 32
#define PORT_SPOOL_SYNC (4 << 20) // bytes after which what came is made durable and noted

struct port_spool;

struct port_spool_state {
  uint8_t sha256[PORT_SPOOL_HASH];
  uint64_t size, have;
  bool any, done;
};

struct port_spool_options {
  const char *dir;  // made with mode 0700 when it is not there
  uint64_t max;     // bytes of one upload
  uint64_t reserve; // bytes of the disk left free
};

// Takes up what an earlier run left. ERR_IO, ERR_NOMEM, ERR_DENIED.
BP_CHECK bool port_spool_open(struct port_spool **out, const struct port_spool_options *o,
                              struct err *e);
void port_spool_free(struct port_spool *s); // NULL is fine; what came is made durable

// The calls below as service_ops.h says of upload_*: one at a time, but for the state.
// ERR_LIMIT larger than `max`, ERR_FULL, ERR_IO.
BP_CHECK bool port_spool_begin(struct port_spool *s, const uint8_t sha256[PORT_SPOOL_HASH],
                               uint64_t size, uint64_t *have, struct err *e);
// ERR_STATE: not at this offset, or nothing begun. ERR_FULL, ERR_IO.
BP_CHECK bool port_spool_write(struct port_spool *s, uint64_t offset, const uint8_t *bytes,
                               size_t n, struct err *e);
BP_CHECK bool port_spool_pause(struct port_spool *s, struct err *e);
// ERR_FORMAT: the bytes on the disk are not those announced; they are gone. ERR_STATE: not whole.
BP_CHECK bool port_spool_commit(struct port_spool *s, struct err *e);
void port_spool_abort(struct port_spool *s);
void port_spool_state(struct port_spool *s, struct port_spool_state *out); // from any thread

#endif
