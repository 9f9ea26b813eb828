// SPDX-License-Identifier: Apache-2.0
#include "board/jpeg.h"

#include "board/frame_range.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

bool jpeg_encode_bgr(const uint8_t *bgr, int width, int height, int stride, int quality,
                     uint8_t **jpeg, size_t *len, struct err *e) {
  if (!bgr || width < 1 || height < 1 || width > FRAME_SIDE_MAX || height > FRAME_SIDE_MAX ||
      stride < width * 3 || quality < 1 || quality > 100)
    return err_set(e, ERR_ARG, "JPEG: %dx%d, %d bytes a row, quality %d cannot be compressed",
                   width, height, stride, quality);
  tjhandle h = tjInitCompress();
  if (!h)
    return err_set(e, ERR_NOMEM, "JPEG: %s", tjGetErrorStr());
  unsigned char *buffer = NULL;
  unsigned long n = 0;
  bool ok = tjCompress2(h, bgr, width, stride, height, TJPF_BGR, &buffer, &n, TJSAMP_420, quality,
                        TJFLAG_FASTDCT) == 0;
  if (!ok)
    err_set(e, ERR_NOMEM, "JPEG: %s", tjGetErrorStr2(h));
  uint8_t *copy = ok && n > 0 ? malloc(n) : NULL; // callers release by free(), not tjFree()
  if (ok && !copy)
    ok = err_set(e, ERR_NOMEM, "JPEG: no memory for %lu bytes", n);
  if (ok) {
    memcpy(copy, buffer, n);
    *jpeg = copy;
    *len = n;
  }
  if (buffer)
    tjFree(buffer);
  (void)tjDestroy(h); // releasing does not fail for a valid handle
  return ok;
}

static bool size_of(tjhandle h, const void *jpeg, size_t len, int *width, int *height,
                    struct err *e) {
  int sub = 0, space = 0;
  *width = *height = 0;
  if (len > ULONG_MAX || tjDecompressHeader3(h, jpeg, len, width, height, &sub, &space) != 0)
    return err_set(e, ERR_FORMAT, "JPEG: %s", tjGetErrorStr2(h));
  return (*width > 0 && *height > 0) ||
         err_set(e, ERR_FORMAT, "JPEG: cut short before the picture begins");
}

bool jpeg_measure(const void *jpeg, size_t len, int *width, int *height, struct err *e) {
  tjhandle h = tjInitDecompress();
  if (!h)
    return err_set(e, ERR_NOMEM, "JPEG: %s", tjGetErrorStr());
  const bool ok = size_of(h, jpeg, len, width, height, e);
  (void)tjDestroy(h); // releasing does not fail for a valid handle
  return ok;
}

static bool cut(tjhandle h, const void *jpeg, size_t len, int x, int y, int width, int height,
                int quality, uint8_t **out, size_t *out_len, struct err *e) {
  int w = 0, t = 0;
  if (!size_of(h, jpeg, len, &w, &t, e))
    return false;
  if (w > JPEG_CUT_SIDE_MAX || t > JPEG_CUT_SIDE_MAX)
    return err_set(e, ERR_LIMIT, "JPEG: %dx%d is too large to be cut", w, t);
  if (x < 0 || y < 0 || width < 1 || height < 1 || width > w - x || height > t - y)
    return err_set(e, ERR_ARG, "JPEG: %dx%d at %d,%d is not within %dx%d", width, height, x, y, w,
                   t);
  uint8_t *bgr = malloc((size_t)w * (size_t)t * 3);
  if (!bgr)
    return err_set(e, ERR_NOMEM, "JPEG: no memory for a %dx%d picture", w, t);
  const bool ok = tjDecompress2(h, jpeg, len, bgr, w, w * 3, t, TJPF_BGR, 0) == 0
                      ? jpeg_encode_bgr(bgr + ((size_t)y * (size_t)w + (size_t)x) * 3, width,
                                        height, w * 3, quality, out, out_len, e)
                      : err_set(e, ERR_FORMAT, "JPEG: %s", tjGetErrorStr2(h));
  free(bgr);
  return ok;
}

bool jpeg_cut(const void *jpeg, size_t len, int x, int y, int width, int height, int quality,
              uint8_t **out, size_t *out_len, struct err *e) {
  tjhandle h = tjInitDecompress();
  if (!h)
    return err_set(e, ERR_NOMEM, "JPEG: %s", tjGetErrorStr());
  const bool ok = cut(h, jpeg, len, x, y, width, height, quality, out, out_len, e);
  (void)tjDestroy(h); // releasing does not fail for a valid handle
  return ok;
}

struct jpeg_decoder {
  tjhandle handle;
  uint8_t *wide; // planes of pictures with other colour sampling than 4:2:0
  size_t wide_len;
};

bool jpeg_decoder_new(struct jpeg_decoder **out, struct err *e) {
  struct jpeg_decoder *d = calloc(1, sizeof *d);
  if (!d)
    return err_set(e, ERR_NOMEM, "JPEG: no memory");
  d->handle = tjInitDecompress();
  if (!d->handle) {
    free(d);
    return err_set(e, ERR_NOMEM, "JPEG: %s", tjGetErrorStr());
  }
  *out = d;
  return true;
}

void jpeg_decoder_free(struct jpeg_decoder *d) {
  if (!d)
    return;
  if (d->handle)
    (void)tjDestroy(d->handle); // releasing does not fail for a valid handle
  free(d->wide);
  free(d);
}

// 4:2:2 and 4:4:4 come as planes with more chroma than ours: the nearest sample of each 2x2 block
// is taken, as V4L2 cameras' 4:2:2 has no better choice without a filter and plates are read from
// luma and coarse colour.
static void thin_plane(const uint8_t *from, int from_stride, int step_x, int step_y,
                       struct frame *f, int plane) {
  int w = (f->width + 1) / 2, h = (f->height + 1) / 2;
  for (int y = 0; y < h; y++) {
    const uint8_t *src = from + (size_t)(y * step_y) * (size_t)from_stride;
    uint8_t *dst = f->plane[plane] + (size_t)y * (size_t)f->stride[plane];
    for (int x = 0; x < w; x++)
      dst[x] = src[(size_t)x * (size_t)step_x];
  }
}

static bool decode_wide(struct jpeg_decoder *d, const uint8_t *jpeg, size_t len, int sub,
                        struct frame *f, struct err *e) {
  int cw = tjPlaneWidth(1, f->width, sub), ch = tjPlaneHeight(1, f->height, sub);
  size_t plane = (size_t)cw * (size_t)ch;
  if (d->wide_len < 2 * plane) {
    uint8_t *more = realloc(d->wide, 2 * plane);
    if (!more)
      return err_set(e, ERR_NOMEM, "JPEG: no memory for a %dx%d picture", f->width, f->height);
    d->wide = more;
    d->wide_len = 2 * plane;
  }
  unsigned char *planes[3] = {f->plane[0], d->wide, d->wide + plane};
  int strides[3] = {f->stride[0], cw, cw};
  if (tjDecompressToYUVPlanes(d->handle, jpeg, len, planes, f->width, strides, f->height, 0) != 0)
    return false;
  int step_x = cw == f->width ? 2 : 1, step_y = ch == f->height ? 2 : 1;
  thin_plane(planes[1], cw, step_x, step_y, f, 1);
  thin_plane(planes[2], cw, step_x, step_y, f, 2);
  return true;
}

static bool decode(struct jpeg_decoder *d, const uint8_t *jpeg, size_t len, struct frame **out,
                   struct err *e) {
  int width = 0, height = 0, sub = 0, space = 0;
  err_clear(e);
  if (len < 3 || len > ULONG_MAX || jpeg[0] != 0xff || jpeg[1] != 0xd8)
    return err_set(e, ERR_FORMAT, len == 0 ? "JPEG: empty" : "not a JPEG picture");
  if (tjDecompressHeader3(d->handle, jpeg, len, &width, &height, &sub, &space) != 0)
    return err_set(e, ERR_FORMAT, "JPEG: %s", tjGetErrorStr2(d->handle));
  if (width < 1 || height < 1) // cut off within the tables, the library finds no fault
    return err_set(e, ERR_FORMAT, "JPEG: cut short before the picture begins");
  bool grey = sub == TJSAMP_GRAY;
  if (!grey && sub != TJSAMP_420 && sub != TJSAMP_422 && sub != TJSAMP_444 && sub != TJSAMP_440)
    return err_set(e, ERR_FORMAT, "JPEG: colour sampling %d is not one cameras use", sub);
  struct frame *f = NULL;
  if (!frame_new(&f, grey ? FRAME_GRAY8 : FRAME_I420, width, height, e))
    return err_prefix(e, "JPEG");
  bool ok = false;
  if (grey || sub == TJSAMP_420) {
    unsigned char *planes[3] = {f->plane[0], f->plane[1], f->plane[2]};
    ok = tjDecompressToYUVPlanes(d->handle, jpeg, len, planes, width, f->stride, height, 0) == 0;
  } else {
    ok = decode_wide(d, jpeg, len, sub, f, e);
  }
  if (!ok) {
    frame_unref(f);
    if (e && e->code != ERR_NONE)
      return false;
    return err_set(e, ERR_FORMAT, "JPEG: %s", tjGetErrorStr2(d->handle));
  }
  frame_range_limit(f);
  *out = f;
  return true;
}

bool jpeg_decode(struct jpeg_decoder *d, const uint8_t *jpeg, size_t len, struct frame **out,
                 struct err *e) {
  if (!d->handle)
    d->handle = tjInitDecompress();
  if (!d->handle)
    return err_set(e, ERR_NOMEM, "JPEG: %s", tjGetErrorStr());
  if (decode(d, jpeg, len, out, e))
    return true;
  // After a broken picture the library may go on reading it at the next call: begin with a new one.
  (void)tjDestroy(d->handle); // releasing does not fail for a valid handle
  d->handle = NULL;
  return false;
}
