// SPDX-License-Identifier: Apache-2.0
// The camera's next picture for whoever asks, as JPEG. While nobody asks it holds no frame and
// costs one look at a flag.
#ifndef BAYPLATE_FIRMWARE_NEWEST_H
#define BAYPLATE_FIRMWARE_NEWEST_H

#include "board/err.h"
#include "board/frame.h"

#include <stddef.h>
#include <stdint.h>

#define NEWEST_SIDE_MAX 1280 // pixels of the JPEG's longer side

struct newest;

BP_CHECK bool newest_new(struct newest **out, struct err *e);
void newest_free(struct newest *n); // nobody may be waiting. NULL is fine

// Shows a frame that came; it stays the caller's. Any thread. `n` NULL: does nothing.
void newest_offer(struct newest *n, struct frame *f);

// Waits for the next frame, at most timeout_ms. *jpeg is malloc'ed. ERR_TIMEOUT: none came;
// ERR_NOMEM. Any thread; several may wait.
BP_CHECK bool newest_jpeg(struct newest *n, int timeout_ms, uint8_t **jpeg, size_t *len,
                          struct err *e);

#endif
