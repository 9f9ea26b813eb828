// SPDX-License-Identifier: Apache-2.0
#include "firmware/sheet/sheet_canvas.h"

#include "board/file.h"

#include <cairo-ft.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#define JPEG_MAX (8u << 20)
#define SIDE_MAX 4096
#define WORDS_MAX 512 // bytes of one line of text

// Chinese fonts where Debian's packages put them. Opened by name and not looked for through
// fontconfig, whose configuration a small system image leaves out.
static const char *const fonts[] = {"/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
                                    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
                                    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
                                    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"};

bool font_open(struct font *f, const char *path, struct err *e) {
  const FT_ULong probe = 0x7CA4; // 粤
  *f = (struct font){0};
  if (FT_Init_FreeType(&f->library) != 0)
    return err_set(e, ERR_NOMEM, "fonts: no memory");
  const size_t n = path ? 1 : sizeof fonts / sizeof *fonts;
  for (size_t i = 0; i < n && !f->ft; i++) {
    if (FT_New_Face(f->library, path ? path : fonts[i], 0, &f->ft) != 0)
      f->ft = NULL;
  }
  if (f->ft && FT_Get_Char_Index(f->ft, probe) != 0)
    f->face = cairo_ft_font_face_create_for_ft_face(f->ft, 0);
  if (f->face && cairo_font_face_status(f->face) == CAIRO_STATUS_SUCCESS)
    return true;
  font_close(f);
  return err_set(e, ERR_NOT_FOUND,
                 path ? "%s: no font with Chinese characters"
                      : "no font with Chinese characters; install fonts-wqy-microhei",
                 path);
}

void font_close(struct font *f) {
  if (f->face)
    cairo_font_face_destroy(f->face);
  cairo_debug_reset_static_data(); // cairo's caches hold the face
  if (f->ft)
    (void)FT_Done_Face(f->ft);
  if (f->library)
    (void)FT_Done_FreeType(f->library);
  *f = (struct font){0};
}

void canvas_ink(const struct canvas *c, enum ink ink) {
  static const double rgb[][3] = {[INK_BLACK] = {0.08, 0.09, 0.12}, [INK_SOFT] = {0.34, 0.38, 0.44},
                                  [INK_LINE] = {0.80, 0.82, 0.86},  [INK_GOOD] = {0.09, 0.39, 0.23},
                                  [INK_FAIR] = {0.60, 0.29, 0.00},  [INK_BAD] = {0.64, 0.07, 0.12},
                                  [INK_WHITE] = {1, 1, 1}};
  cairo_set_source_rgb(c->cr, rgb[ink][0], rgb[ink][1], rgb[ink][2]);
}

double canvas_text_width(const struct canvas *c, double size, const char *text) {
  cairo_text_extents_t x;
  cairo_set_font_face(c->cr, c->face);
  cairo_set_font_size(c->cr, size);
  cairo_text_extents(c->cr, text, &x);
  return x.x_advance;
}

double canvas_text(const struct canvas *c, double x, double y, double size, double width,
                   const char *text) {
  char line[WORDS_MAX];
  size_t n = strnlen(text, sizeof line - 4);
  while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
    n--; // not within a character
  memcpy(line, text, n);
  line[n] = '\0';
  while (width > 0 && n > 0 && canvas_text_width(c, size, line) > width) {
    do
      n--;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80);
    memcpy(line + n, "\xE2\x80\xA6", 4); // …
  }
  const double advance = canvas_text_width(c, size, line);
  cairo_move_to(c->cr, x, y);
  cairo_show_text(c->cr, line);
  return advance;
}

void canvas_line(const struct canvas *c, double x0, double y0, double x1, double y1) {
  cairo_set_line_width(c->cr, 0.6);
  cairo_move_to(c->cr, x0, y0);
  cairo_line_to(c->cr, x1, y1);
  cairo_stroke(c->cr);
}

void canvas_box(const struct canvas *c, double x, double y, double w, double h, bool filled) {
  cairo_set_line_width(c->cr, 0.8);
  cairo_rectangle(c->cr, x, y, w, h);
  if (filled)
    cairo_fill(c->cr);
  else
    cairo_stroke(c->cr);
}

static void give_back(void *jpeg) {
  free(jpeg);
}

// Decoded for the screen; a PDF keeps the JPEG as it is.
static cairo_surface_t *load(const char *path) {
  void *jpeg = NULL;
  size_t len = 0;
  int w = 0, h = 0, sub = 0, space = 0;
  struct err e;
  if (!file_get(path, JPEG_MAX, &jpeg, &len, &e))
    return NULL;
  cairo_surface_t *s = NULL;
  tjhandle tj = tjInitDecompress();
  if (tj && tjDecompressHeader3(tj, jpeg, (unsigned long)len, &w, &h, &sub, &space) == 0 && w > 0 &&
      h > 0 && w <= SIDE_MAX && h <= SIDE_MAX) {
    s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS ||
        tjDecompress2(tj, jpeg, (unsigned long)len, cairo_image_surface_get_data(s), w,
                      cairo_image_surface_get_stride(s), h, TJPF_BGRX, 0) != 0) {
      cairo_surface_destroy(s);
      s = NULL;
    }
  }
  if (tj)
    (void)tjDestroy(tj);
  if (!s || (cairo_surface_mark_dirty(s),
             cairo_surface_set_mime_data(s, CAIRO_MIME_TYPE_JPEG, jpeg, len, give_back, jpeg) !=
                 CAIRO_STATUS_SUCCESS))
    free(jpeg);
  return s;
}

bool canvas_picture(const struct canvas *c, const char *path, double x, double y, double w,
                    double h, double at[4]) {
  cairo_surface_t *s = load(path);
  if (!s) {
    canvas_ink(c, INK_LINE);
    canvas_box(c, x, y, w, h, false);
    at[0] = x;
    at[1] = y;
    at[2] = w;
    at[3] = h;
    return false;
  }
  const double sw = cairo_image_surface_get_width(s), sh = cairo_image_surface_get_height(s);
  const double scale = fmin(w / sw, h / sh);
  at[2] = sw * scale;
  at[3] = sh * scale;
  at[0] = x + (w - at[2]) / 2;
  at[1] = y + (h - at[3]) / 2;
  cairo_save(c->cr);
  cairo_translate(c->cr, at[0], at[1]);
  cairo_scale(c->cr, scale, scale);
  cairo_set_source_surface(c->cr, s, 0, 0);
  cairo_pattern_set_filter(cairo_get_source(c->cr), CAIRO_FILTER_GOOD);
  cairo_paint(c->cr);
  cairo_restore(c->cr);
  cairo_surface_destroy(s);
  return true;
}
