// SPDX-License-Identifier: Apache-2.0
// Erases the data partition so that nothing of it is left, whenever the power goes. Works on a
// block device or a file of the same content.
//
// A wish is 512 bytes at the partition's very beginning, which neither ext4 nor the heap of a LUKS
// header needs once it is open: so it can be written while the partition is in use. The next start
// finds it, writes a second mark at the end, and overwrites all from the beginning; only when a new
// file system is made is the second mark taken away. Whatever is cut in between begins anew.
#ifndef BAYPLATE_FIRMWARE_RESET_ERASE_H
#define BAYPLATE_FIRMWARE_RESET_ERASE_H

#include "board/err.h"

#include <stdint.h>

#define ERASE_TAIL 4096 // bytes at the end that belong to the mark until it is done

// Durable on return. ERR_IO, others by errno; ERR_LIMIT: too small to be a data partition.
BP_CHECK bool erase_request(const char *path, struct err *e);

// Has it been asked for, or begun?
BP_CHECK bool erase_pending(const char *path, bool *yes, struct err *e);

// Overwrites everything with zeros but the mark at the end, and reads it back. What is zero already
// is not written: after the device's own discard (tried first) that is most of a card. told (may be
// NULL): 0 to 100. ERR_IO also when the device gives back something else.
BP_CHECK bool erase_all(const char *path, void (*told)(void *ctx, int percent), void *ctx,
                        struct err *e);

// After the new file system is made (it must leave the last ERASE_TAIL bytes alone): the mark goes.
BP_CHECK bool erase_finish(const char *path, struct err *e);

// Bytes that the new file system may have.
BP_CHECK bool erase_room(const char *path, uint64_t *bytes, struct err *e);

#endif
