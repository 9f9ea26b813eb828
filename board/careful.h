// SPDX-License-Identifier: Apache-2.0
// Files that survive a power cut: a reader finds the old content or the new one, whole, and the new
// one for certain once the call has returned.
#ifndef BAYPLATE_BOARD_CAREFUL_H
#define BAYPLATE_BOARD_CAREFUL_H

#include "board/err.h"

#include <stddef.h>

#define CAREFUL_NAME_MAX 200
#define CAREFUL_ENDING ".tmp" // of what a cut may leave beside the file

// Writes `name` (no slash) in the open folder `dir`, mode 0600: a file beside it, fsync, rename,
// fsync of the folder. Nothing is followed that is a link. One writer a name at a time. ERR_FULL,
// ERR_IO, ERR_LIMIT.
BP_CHECK bool careful_write_at(int dir, const char *name, const void *bytes, size_t n,
                               struct err *e);
// The same by path; its folder must exist.
BP_CHECK bool careful_write(const char *path, const void *bytes, size_t n, struct err *e);

// Makes the entries of a folder durable.
BP_CHECK bool careful_sync_folder(const char *path, struct err *e);

// Makes a folder, mode 0700, whose entry is durable on return; one that is there is fine. Its
// parent must exist.
BP_CHECK bool careful_make_folder(const char *path, struct err *e);

// All of it, whatever write(2) takes at a time. False: errno says why.
bool careful_write_all(int fd, const void *bytes, size_t n);

#endif
