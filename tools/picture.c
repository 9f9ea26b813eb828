// SPDX-License-Identifier: Apache-2.0
#include "tools/picture.h"

#include "tools/picture_formats.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>

bool picture_new(struct picture *p, long width, long height, struct err *e) {
  *p = (struct picture){0};
  if (width < 1 || height < 1)
    return err_set(e, ERR_FORMAT, "a picture of %ldx%ld pixels has no pixels", width, height);
  if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX)
    return err_set(e, ERR_LIMIT, "%ldx%ld pixels: at most %d on a side are read", width, height,
                   IMAGE_SIDE_MAX);
  if ((unsigned long)width * (unsigned long)height > PICTURE_PIXELS_MAX)
    return err_set(e, ERR_LIMIT, "%ldx%ld pixels: at most %u million are read", width, height,
                   PICTURE_PIXELS_MAX / 1000000u);
  p->pixels = malloc(3 * (size_t)width * (size_t)height);
  if (!p->pixels)
    return err_set(e, ERR_NOMEM, "out of memory for %ldx%ld pixels", width, height);
  p->view = (struct image_view){
      IMAGE_BGR24, (int)width, (int)height, {p->pixels, NULL, NULL}, {3 * (int)width, 0, 0}};
  return true;
}

void picture_free(struct picture *p) {
  free(p->pixels);
  *p = (struct picture){0};
}

int picture_lines_seen(const struct picture *p) {
  enum { EVEN = 2 }; // a decoder's rounding
  const int w = p->view.width;
  const uint8_t *last = p->pixels + 3 * ((size_t)w * (size_t)p->view.height - 1);
  for (int y = p->view.height; y > 0; y--) {
    const uint8_t *row = p->pixels + 3 * (size_t)w * (size_t)(y - 1);
    for (int i = 0; i < 3 * w; i++) {
      if (abs(row[i] - last[i % 3]) > EVEN)
        return y;
    }
  }
  return 0;
}

bool picture_damaged(struct picture *p, const char *kind, const char *why, struct err *e) {
  const int seen = picture_lines_seen(p);
  if (seen == 0)
    return err_set(e, ERR_FORMAT, "damaged %s: %s; nothing of it can be seen", kind, why);
  (void)snprintf(p->damage, sizeof p->damage, "damaged %s: %.40s; lines 1 to %d of %d were read",
                 kind, why, seen, p->view.height);
  return true;
}

// What else a file with a picture's name often is.
static const char *foreign(const uint8_t *d, size_t n) {
  if (n >= 12 && memcmp(d, "RIFF", 4) == 0 && memcmp(d + 8, "WEBP", 4) == 0)
    return "is a WebP picture";
  if (n >= 12 && memcmp(d + 4, "ftyp", 4) == 0)
    return "is a HEIC, AVIF or MP4 file";
  if (n >= 4 && memcmp(d, "GIF8", 4) == 0)
    return "is a GIF picture";
  if (n >= 4 && (memcmp(d, "II*\0", 4) == 0 || memcmp(d, "MM\0*", 4) == 0))
    return "is a TIFF picture";
  return "is no picture";
}

bool picture_decode(struct picture *p, const uint8_t *d, size_t n, struct err *e) {
  *p = (struct picture){0};
  if (n == 0)
    return err_set(e, ERR_FORMAT, "the file is empty");
  static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  bool ok;
  if (n >= 3 && d[0] == 0xFF && d[1] == 0xD8 && d[2] == 0xFF)
    ok = picture_decode_jpeg(p, d, n, e);
  else if (n >= sizeof png && memcmp(d, png, sizeof png) == 0)
    ok = picture_decode_png(p, d, n, e);
  else if (n >= 2 && d[0] == 'B' && d[1] == 'M')
    ok = picture_decode_bmp(p, d, n, e);
  else
    return err_set(e, ERR_FORMAT, "%s; JPEG, PNG and BMP are read", foreign(d, n));
  if (!ok)
    picture_free(p);
  return ok;
}

static bool read_stream(FILE *f, uint8_t **data, size_t *bytes, struct err *e) {
  struct stat st;
  if (fstat(fileno(f), &st) != 0)
    return err_errno(e, errno, "cannot be looked at");
  if (!S_ISREG(st.st_mode))
    return err_set(e, ERR_FORMAT, "is no file");
  if (st.st_size == 0)
    return err_set(e, ERR_FORMAT, "the file is empty");
  if (st.st_size > (off_t)PICTURE_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "%lld bytes: at most %u are read", (long long)st.st_size,
                   PICTURE_BYTES_MAX);
  *bytes = (size_t)st.st_size;
  *data = malloc(*bytes);
  if (!*data)
    return err_set(e, ERR_NOMEM, "out of memory for %zu bytes", *bytes);
  if (fread(*data, 1, *bytes, f) != *bytes)
    return err_set(e, ERR_IO, "cannot be read whole");
  return true;
}

bool picture_load(struct picture *p, const char *path, struct err *e) {
  *p = (struct picture){0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not hold us up
  FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
  if (!f) {
    const int why = errno;
    if (fd >= 0)
      (void)close(fd); // failing already
    return err_errno(e, why, "cannot be opened");
  }
  uint8_t *data = NULL;
  size_t bytes = 0;
  bool ok = read_stream(f, &data, &bytes, e);
  (void)fclose(f); // only read from
  ok = ok && picture_decode(p, data, bytes, e);
  free(data);
  return ok;
}

void picture_line(struct picture *p, float x0, float y0, float x1, float y1, int thick,
                  const uint8_t bgr[3]) {
  float steps = fmaxf(fabsf(x1 - x0), fabsf(y1 - y0));
  if (!(steps >= 1.0f))
    steps = 1.0f;
  steps = fminf(ceilf(steps), 4.0f * IMAGE_SIDE_MAX);
  for (float i = 0.0f; i <= steps; i += 1.0f) {
    const int cx = (int)lroundf(x0 + (x1 - x0) * i / steps) - (thick - 1) / 2;
    const int cy = (int)lroundf(y0 + (y1 - y0) * i / steps) - (thick - 1) / 2;
    for (int y = cy; y < cy + thick; y++) {
      for (int x = cx; x < cx + thick; x++) {
        if (x >= 0 && y >= 0 && x < p->view.width && y < p->view.height)
          memcpy(p->pixels + (size_t)y * (size_t)p->view.stride[0] + 3 * (size_t)x, bgr, 3);
      }
    }
  }
}

bool picture_write_png(const struct picture *p, const char *path, struct err *e) {
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)p->view.width,
                     .height = (png_uint_32)p->view.height,
                     .format = PNG_FORMAT_BGR,
                     .flags = PNG_IMAGE_FLAG_FAST};
  if (!png_image_write_to_file(&image, path, 0, p->pixels, p->view.stride[0], NULL))
    return err_set(e, ERR_IO, "%s: cannot be written: %s", path, image.message);
  return true;
}
