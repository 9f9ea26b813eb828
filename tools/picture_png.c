// SPDX-License-Identifier: Apache-2.0
#include "tools/picture_formats.h"

#include <string.h>

#include <png.h>

bool picture_decode_png(struct picture *p, const uint8_t *d, size_t n, struct err *e) {
  png_image image = {.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_memory(&image, d, n))
    return err_set(e, ERR_FORMAT, "damaged PNG: %s", image.message);
  if (!picture_new(p, (long)image.width, (long)image.height, e)) {
    png_image_free(&image);
    return false;
  }
  image.format = PNG_FORMAT_BGR;
  image.flags |=
      PNG_IMAGE_FLAG_16BIT_sRGB; // 16 bit pictures of cameras are as bright as their 8 bit ones
  const png_color grey = {114, 114, 114};
  memset(p->pixels, grey.red, (size_t)p->view.stride[0] * (size_t)p->view.height);
  if (!png_image_finish_read(&image, &grey, p->pixels, p->view.stride[0], NULL))
    return picture_damaged(p, "PNG", image.message, e);
  return true;
}
