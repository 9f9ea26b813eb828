// SPDX-License-Identifier: Apache-2.0
// Small files that a power cut must not spoil.
#ifndef BAYPLATE_BOARD_FILE_H
#define BAYPLATE_BOARD_FILE_H

#include "board/err.h"

#include <stddef.h>

#define FILE_PATH_MAX 768

// As careful_write(): whole or not at all, durable on true.
BP_CHECK bool file_put(const char *path, const void *data, size_t len, struct err *e);

// What is so just now, for programs of other users: a text in memory (/run), whole or not at all,
// mode 0644. It does not outlive the power, so nothing waits for a disk. ERR_LIMIT: path too long;
// others by errno.
BP_CHECK bool file_show(const char *path, const char *text, struct err *e);

// Reads a whole regular file of at most max bytes (no symbolic link is followed at its end) into
// malloc'ed memory with a NUL after it. ERR_NOT_FOUND, ERR_LIMIT, others by errno.
BP_CHECK bool file_get(const char *path, size_t max, void **data, size_t *len, struct err *e);

#endif
