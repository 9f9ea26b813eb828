// SPDX-License-Identifier: Apache-2.0
// The export as a stream: a tar archive, compressed by gzip while it is written. Nothing of it is
// kept; memory is fixed. Cut off anywhere, gzip's own end is missing.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_OUT_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_OUT_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define EXPORT_HASH 32
#define EXPORT_NAME_MAX 255 // of a member, where it can be cut in two at a '/' as ustar wants it

struct export_out;

// Takes n compressed bytes on. False ends the export: nobody takes them any more.
typedef bool export_put(void *ctx, const void *bytes, size_t n);

BP_CHECK bool export_out_new(struct export_out **out, export_put *put, void *ctx, struct err *e);
void export_out_free(struct export_out *o); // NULL is fine

// The next member; the one before must be whole. `mtime`: seconds since 1970. ERR_LIMIT: the name
// does not fit (nothing was written, the next may follow); ERR_NET: put() said no; ERR_STATE.
BP_CHECK bool export_out_member(struct export_out *o, const char *name, uint64_t size,
                                int64_t mtime, struct err *e);
// Its content, all in all `size` bytes. ERR_NET; ERR_STATE: more than that.
BP_CHECK bool export_out_bytes(struct export_out *o, const void *bytes, size_t n, struct err *e);
// A whole member.
BP_CHECK bool export_out_text(struct export_out *o, const char *name, const char *text, size_t n,
                              struct err *e);
// What the compressor holds back goes out now, so that who waits hears something. ERR_NET.
BP_CHECK bool export_out_flush(struct export_out *o, struct err *e);
// The end of the archive and of the compression. ERR_NET, ERR_STATE: a member is not whole.
BP_CHECK bool export_out_finish(struct export_out *o, struct err *e);

uint64_t export_out_sent(const struct export_out *o); // compressed bytes that put() took
// SHA-256 of all that went out; after export_out_finish().
void export_out_hash(const struct export_out *o, uint8_t out[EXPORT_HASH]);

#endif
