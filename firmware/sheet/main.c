// SPDX-License-Identifier: Apache-2.0
// bayplate-sheet: draws a pass sheet's PNG and PDF from the folder that bayplated wrote. A program
// of its own, so that the drawing library stays out of the daemon; also runs on a laptop.
#include "board/file.h"
#include "firmware/sheet/sheet_draw.h"

#include <cairo-pdf.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MAX (1u << 20)
#define PNG_DPI 150.0

struct bytes {
  unsigned char *data;
  size_t len, room;
};

static cairo_status_t collect(void *ctx, const unsigned char *data, unsigned int len) {
  struct bytes *b = ctx;
  if (b->len + len > b->room) {
    const size_t room = 2 * (b->len + len);
    unsigned char *more = realloc(b->data, room);
    if (!more)
      return CAIRO_STATUS_NO_MEMORY;
    b->data = more;
    b->room = room;
  }
  memcpy(b->data + b->len, data, len);
  b->len += len;
  return CAIRO_STATUS_SUCCESS;
}

static bool put(const char *folder, const char *name, const struct bytes *b, cairo_status_t status,
                struct err *e) {
  char path[FILE_PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  if (status != CAIRO_STATUS_SUCCESS)
    return err_set(e, ERR_IO, "%s: %s", name, cairo_status_to_string(status));
  return file_put(path, b->data, b->len, e);
}

static bool draw_png(const char *folder, const json_t *sheet, cairo_font_face_t *face,
                     struct err *e) {
  struct bytes b = {0};
  const double scale = PNG_DPI / 72.0;
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(PAGE_WIDTH * scale),
                                                  (int)(PAGE_HEIGHT * scale));
  const struct canvas c = {cairo_create(s), face};
  cairo_scale(c.cr, scale, scale);
  sheet_draw_page(&c, sheet, folder);
  cairo_status_t status = cairo_status(c.cr);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream(s, collect, &b);
  const bool ok = put(folder, "sheet.png", &b, status, e);
  cairo_destroy(c.cr);
  cairo_surface_destroy(s);
  free(b.data);
  return ok;
}

static bool draw_pdf(const char *folder, const json_t *sheet, cairo_font_face_t *face,
                     struct err *e) {
  struct bytes b = {0};
  cairo_surface_t *s = cairo_pdf_surface_create_for_stream(collect, &b, PAGE_WIDTH, PAGE_HEIGHT);
  const struct canvas c = {cairo_create(s), face};
  cairo_pdf_surface_set_metadata(s, CAIRO_PDF_METADATA_TITLE, "bayplate commissioning sheet");
  sheet_draw_page(&c, sheet, folder);
  cairo_show_page(c.cr);
  cairo_status_t status = cairo_status(c.cr);
  cairo_destroy(c.cr);
  cairo_surface_finish(s);
  status = status == CAIRO_STATUS_SUCCESS ? cairo_surface_status(s) : status;
  const bool ok = put(folder, "sheet.pdf", &b, status, e);
  cairo_surface_destroy(s);
  free(b.data);
  return ok;
}

static bool draw(const char *folder, cairo_font_face_t *face, struct err *e) {
  char path[FILE_PATH_MAX];
  void *text = NULL;
  size_t len = 0;
  json_error_t je;
  if ((size_t)snprintf(path, sizeof path, "%s/sheet.json", folder) >= sizeof path)
    return err_set(e, ERR_LIMIT, "%.60s...: the path is too long", folder);
  if (!file_get(path, JSON_MAX, &text, &len, e))
    return false;
  json_t *sheet = json_loadb(text, len, 0, &je);
  free(text);
  if (!json_is_object(sheet)) {
    json_decref(sheet);
    return err_set(e, ERR_FORMAT, "%s: line %d: %s", path, je.line, je.text);
  }
  // The PDF last: it is what says that the sheet is drawn.
  const bool ok = draw_png(folder, sheet, face, e) && draw_pdf(folder, sheet, face, e);
  json_decref(sheet);
  return ok;
}

static void usage(FILE *f) {
  fputs(
      "usage: bayplate-sheet [--font FILE] FOLDER...\n"
      "Draws FOLDER/sheet.png and FOLDER/sheet.pdf from FOLDER/sheet.json and the pictures beside "
      "it, as\n"
      "bayplated keeps them in its data folder under commission/sheets.\n"
      "  --font FILE  a font with Chinese characters; else WenQuanYi, Noto or Droid as Debian "
      "installs them\n"
      "example: bayplate-sheet /var/lib/bayplate/commission/sheets/20260308-141502\n"
      "exit status: 0 drawn, 1 something failed, 2 wrong use\n",
      f);
}

int main(int argc, char **argv) {
  int at = 1, failed = 0;
  const char *path = NULL;
  struct font font;
  struct err e;
  if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
    usage(stdout);
    return 0;
  }
  if (argc > 2 && strcmp(argv[1], "--font") == 0) {
    path = argv[2];
    at = 3;
  }
  if (at >= argc || argv[at][0] == '-') {
    usage(stderr);
    return 2;
  }
  if (!font_open(&font, path, &e)) {
    fprintf(stderr, "bayplate-sheet: %s\n", e.text);
    return 1;
  }
  for (; at < argc; at++) {
    if (!draw(argv[at], font.face, &e)) {
      fprintf(stderr, "bayplate-sheet: %s: %s\n", argv[at], e.text);
      failed = 1;
    }
  }
  font_close(&font);
  return failed;
}
