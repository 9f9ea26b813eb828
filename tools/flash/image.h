// SPDX-License-Identifier: Apache-2.0
// An image file, raw or compressed by zstd, read as the bytes that shall lie on the drive.
#ifndef BAYPLATE_TOOLS_FLASH_IMAGE_H
#define BAYPLATE_TOOLS_FLASH_IMAGE_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

struct image;

// Compressed or not is seen by the file's first bytes. ERR_NOT_FOUND, ERR_IO, ERR_NOMEM.
BP_CHECK bool image_open(struct image **out, const char *path, struct err *e);
void image_free(struct image *i); // NULL is fine

// Fills `bytes`; *n comes back smaller only at the image's end. ERR_FORMAT: damaged or cut off.
BP_CHECK bool image_read(struct image *i, void *bytes, size_t *n, struct err *e);

#endif
