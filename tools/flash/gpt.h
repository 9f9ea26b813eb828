// SPDX-License-Identifier: Apache-2.0
// Finds a partition of an image by its name (UEFI specification 2.10, chapter 5: GPT).
#ifndef BAYPLATE_TOOLS_FLASH_GPT_H
#define BAYPLATE_TOOLS_FLASH_GPT_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define GPT_HEAD_BYTES (34u * 512) // at the image's begin: what gpt_find looks at

// `head`: the image's first bytes. at, size: of the partition, in bytes. Sectors of 512 bytes.
// ERR_FORMAT no GPT, or it contradicts itself; ERR_NOT_FOUND no such partition.
BP_CHECK bool gpt_find(const uint8_t *head, size_t n, const char *name, uint64_t *at,
                       uint64_t *size, struct err *e);

#endif
