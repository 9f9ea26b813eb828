// SPDX-License-Identifier: Apache-2.0
// Puts a file into a FAT file system that lies in memory, by mtools' mcopy.
#ifndef BAYPLATE_TOOLS_FLASH_BOOT_PART_H
#define BAYPLATE_TOOLS_FLASH_BOOT_PART_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define BOOT_PART_MAX (512u << 20) // bytes of a boot partition

// Writes `text` as NAME into the root of the file system in bytes[n], replacing one of that name.
// ERR_NOT_FOUND: mcopy is not installed; ERR_IO: it refuses (no FAT, full), its words are on
// stderr.
BP_CHECK bool boot_part_put(uint8_t *bytes, size_t n, const char *name, const char *text,
                            struct err *e);

#endif
