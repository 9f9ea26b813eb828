// SPDX-License-Identifier: Apache-2.0
// JPEG in and out by libjpeg-turbo.
#ifndef BAYPLATE_BOARD_JPEG_H
#define BAYPLATE_BOARD_JPEG_H

#include "board/err.h"
#include "board/frame.h"

#include <stddef.h>
#include <stdint.h>

// Compresses BGR24 pixels (4:2:0, quality 1..100). *jpeg is malloc'ed for the caller. ERR_ARG,
// ERR_NOMEM.
BP_CHECK bool jpeg_encode_bgr(const uint8_t *bgr, int width, int height, int stride, int quality,
                              uint8_t **jpeg, size_t *len, struct err *e);

#define JPEG_CUT_SIDE_MAX 2048 // pixels of a picture that is cut

// The rectangle x, y, width, height of a small JPEG as a JPEG of its own. *out is malloc'ed for the
// caller. ERR_ARG: not within the picture; ERR_FORMAT: not a JPEG; ERR_LIMIT: larger than
// JPEG_CUT_SIDE_MAX; ERR_NOMEM.
BP_CHECK bool jpeg_cut(const void *jpeg, size_t len, int x, int y, int width, int height,
                       int quality, uint8_t **out, size_t *out_len, struct err *e);
// Width and height of a JPEG. ERR_FORMAT, ERR_NOMEM.
BP_CHECK bool jpeg_measure(const void *jpeg, size_t len, int *width, int *height, struct err *e);

struct jpeg_decoder;
BP_CHECK bool jpeg_decoder_new(struct jpeg_decoder **out, struct err *e);
void jpeg_decoder_free(struct jpeg_decoder *d); // NULL is fine

// Decodes into a new frame: FRAME_I420, squeezed to BT.601's limited range (4:2:0 and 4:2:2
// colour), FRAME_GRAY8 for grey pictures. Times and seq are zero. ERR_FORMAT: not a JPEG, or cut
// short; ERR_LIMIT: beyond FRAME_SIDE_MAX or FRAME_BYTES_MAX.
BP_CHECK bool jpeg_decode(struct jpeg_decoder *d, const uint8_t *jpeg, size_t len,
                          struct frame **out, struct err *e);

#endif
