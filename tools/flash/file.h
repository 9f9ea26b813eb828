// SPDX-License-Identifier: Apache-2.0
// Small whole files.
#ifndef BAYPLATE_TOOLS_FLASH_FILE_H
#define BAYPLATE_TOOLS_FLASH_FILE_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

// *bytes is malloc'ed, with a NUL after its *n bytes. ERR_NOT_FOUND, ERR_IO, ERR_LIMIT (larger than
// `max`).
BP_CHECK bool file_read(const char *path, size_t max, char **bytes, size_t *n, struct err *e);
// Makes or replaces it, mode 0600.
BP_CHECK bool file_write(const char *path, const void *bytes, size_t n, struct err *e);

#endif
