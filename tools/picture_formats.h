// SPDX-License-Identifier: Apache-2.0
// The decoders behind picture_decode(), one file each. On an error *p may hold memory; the caller
// frees it.
#ifndef BAYPLATE_TOOLS_PICTURE_FORMATS_H
#define BAYPLATE_TOOLS_PICTURE_FORMATS_H

#include "tools/picture.h"

// Colour, grey, CMYK and YCCK; EXIF orientation applied. A file that ends early is read in part.
BP_CHECK bool picture_decode_jpeg(struct picture *p, const uint8_t *d, size_t n, struct err *e);
// Every kind, 16 bit too; transparent parts become grey.
BP_CHECK bool picture_decode_png(struct picture *p, const uint8_t *d, size_t n, struct err *e);
// Uncompressed 8 (palette), 24 and 32 bit.
BP_CHECK bool picture_decode_bmp(struct picture *p, const uint8_t *d, size_t n, struct err *e);

// EXIF orientation 1..8 of a JPEG file; 1 when it has none or a damaged one.
int picture_orientation(const uint8_t *d, size_t n);

#endif
