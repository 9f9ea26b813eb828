// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/label.h"

#include "tools/flash/file.h"

#include <cairo-pdf.h>
#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <limits.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINTS_PER_MM (72.0 / 25.4)
#define QR_MM 26.0
#define QR_QUIET 4 // modules of white around it (ISO/IEC 18004)
#define LEFT_MM 3.0
#define ROOM_MM (LABEL_MM_WIDTH - QR_MM - LEFT_MM - 2.5) // left of the QR code
#define BYTES_MAX (4u << 20)

// What a drawing becomes, in memory first: half a label is none.
struct bytes {
  unsigned char *at;
  size_t n;
};

static cairo_status_t collect(void *ctx, const unsigned char *data, unsigned n) {
  struct bytes *b = ctx;
  unsigned char *more = b->n + n <= BYTES_MAX ? realloc(b->at, b->n + n) : NULL;
  if (!more)
    return CAIRO_STATUS_NO_MEMORY;
  memcpy(more + b->n, data, n);
  b->at = more;
  b->n += n;
  return CAIRO_STATUS_SUCCESS;
}

void label_url(const struct identity *i, char out[LABEL_URL_MAX]) {
  (void)snprintf(out, LABEL_URL_MAX, "http://bayplate-%s.local/", i->serial);
}

// Smaller where it would become wider than `room` mm.
static void text(cairo_t *c, const char *family, bool bold, double mm, double x, double y,
                 double room, const char *words) {
  cairo_select_font_face(c, family, CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(c, mm);
  cairo_text_extents_t size;
  cairo_text_extents(c, words, &size);
  if (size.x_advance > room)
    cairo_set_font_size(c, mm * room / size.x_advance);
  cairo_move_to(c, x, y);
  cairo_show_text(c, words);
}

#define CJK "WenQuanYi Zen Hei"
#define MONO "DejaVu Sans Mono"

static void row(cairo_t *c, double y, const char *name, const char *value, double size) {
  text(c, CJK, false, 2.1, LEFT_MM, y, 13.0, name);
  text(c, MONO, true, size, LEFT_MM + 14.0, y, ROOM_MM - 14.0, value);
}

static bool draw_qr(cairo_t *c, const char *url, double x, double y, struct err *e) {
  QRcode *q = QRcode_encodeString(url, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
  if (!q)
    return err_set(e, ERR_NOMEM, "the QR code cannot be made");
  const double module = QR_MM / (q->width + 2 * QR_QUIET);
  cairo_set_antialias(c, CAIRO_ANTIALIAS_NONE); // no grey seams between modules
  for (int r = 0; r < q->width; r++) {
    for (int k = 0; k < q->width; k++) {
      if (q->data[r * q->width + k] & 1)
        cairo_rectangle(c, x + (k + QR_QUIET) * module, y + (r + QR_QUIET) * module, module,
                        module);
    }
  }
  cairo_fill(c);
  cairo_set_antialias(c, CAIRO_ANTIALIAS_DEFAULT);
  QRcode_free(q);
  return true;
}

// In millimetres, origin at the label's top left corner.
static bool draw(cairo_t *c, const struct identity *i, const char *version, struct err *e) {
  char url[LABEL_URL_MAX], mac[18], fine[160];
  label_url(i, url);
  (void)snprintf(mac, sizeof mac, "%02X:%02X:%02X:%02X:%02X:%02X", i->mac[0], i->mac[1], i->mac[2],
                 i->mac[3], i->mac[4], i->mac[5]);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_paint(c);
  cairo_set_source_rgb(c, 0, 0, 0);
  text(c, CJK, true, 4.2, LEFT_MM, 6.4, ROOM_MM, "bayplate 车牌终端");
  row(c, 11.0, "型号 Model", i->model, 2.3);
  row(c, 15.0, "序列号 Serial", i->serial, 2.9);
  row(c, 19.0, "MAC", mac, 2.3);
  cairo_set_line_width(c, 0.2);
  cairo_move_to(c, LEFT_MM, 21.4);
  cairo_line_to(c, LEFT_MM + ROOM_MM, 21.4);
  cairo_stroke(c);
  text(c, CJK, false, 2.1, LEFT_MM, 24.6, ROOM_MM, "首次登录密码 First password");
  text(c, MONO, true, 3.4, LEFT_MM, 28.6, ROOM_MM, i->password);
  text(c, CJK, false, 2.1, LEFT_MM, 32.6, ROOM_MM, "认领码 Claim code");
  text(c, MONO, true, 3.4, LEFT_MM, 36.6, ROOM_MM, i->claim);
  (void)snprintf(fine, sizeof fine, "%s  %s  保密，装好后请妥善保管 keep it secret", i->board,
                 version);
  text(c, CJK, false, 1.7, LEFT_MM, 40.2, LABEL_MM_WIDTH - 2 * LEFT_MM, fine);
  const double x = LABEL_MM_WIDTH - QR_MM - 1.5;
  if (!draw_qr(c, url, x, 2.0, e))
    return false;
  text(c, CJK, false, 2.1, x + 2.6, 29.6, QR_MM - 4.0, "服务口页面");
  text(c, CJK, false, 2.1, x + 2.6, 32.2, QR_MM - 4.0, "Service port");
  text(c, MONO, false, 1.6, x + 2.6, 34.6, QR_MM - 4.0, url + 7); // without http://
  return true;
}

static bool finish(cairo_surface_t *s, cairo_t *c, bool drawn, struct err *e) {
  cairo_status_t status = cairo_status(c);
  cairo_destroy(c);
  cairo_surface_finish(s);
  if (status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_status(s);
  if (drawn && status != CAIRO_STATUS_SUCCESS)
    return err_set(e, ERR_NOMEM, "label: %s", cairo_status_to_string(status));
  return drawn;
}

static bool make_png(const struct identity *i, const char *version, struct bytes *out,
                     struct err *e) {
  const double scale = LABEL_DPI / 25.4;
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(LABEL_MM_WIDTH * scale),
                                                  (int)(LABEL_MM_HEIGHT * scale));
  cairo_t *c = cairo_create(s);
  cairo_scale(c, scale, scale);
  bool ok = draw(c, i, version, e);
  cairo_status_t status =
      ok ? cairo_surface_write_to_png_stream(s, collect, out) : CAIRO_STATUS_SUCCESS;
  if (status != CAIRO_STATUS_SUCCESS)
    ok = err_set(e, ERR_NOMEM, "label: %s", cairo_status_to_string(status));
  ok = finish(s, c, ok, e);
  cairo_surface_destroy(s);
  return ok;
}

static bool make_pdf(const struct identity *i, const char *version, struct bytes *out,
                     struct err *e) {
  cairo_surface_t *s = cairo_pdf_surface_create_for_stream(
      collect, out, LABEL_MM_WIDTH * POINTS_PER_MM, LABEL_MM_HEIGHT * POINTS_PER_MM);
  cairo_t *c = cairo_create(s);
  cairo_scale(c, POINTS_PER_MM, POINTS_PER_MM);
  bool ok = draw(c, i, version, e);
  cairo_show_page(c);
  ok = finish(s, c, ok, e);
  cairo_surface_destroy(s);
  return ok;
}

static bool path_of(const struct identity *i, const char *folder, const char *ending,
                    char out[PATH_MAX], struct err *e) {
  int n = snprintf(out, PATH_MAX, "%s/bayplate-%s.%s", folder, i->serial, ending);
  return (n > 0 && n < PATH_MAX) || err_set(e, ERR_LIMIT, "%s: too long", folder);
}

bool label_write(const struct identity *i, const char *version, const char *folder, struct err *e) {
  char png_path[PATH_MAX], pdf_path[PATH_MAX];
  struct bytes png = {0}, pdf = {0};
  bool ok = path_of(i, folder, "png", png_path, e) && path_of(i, folder, "pdf", pdf_path, e) &&
            make_png(i, version, &png, e) && make_pdf(i, version, &pdf, e);
  ok = ok && file_write(png_path, png.at, png.n, e) && file_write(pdf_path, pdf.at, pdf.n, e);
  if (!ok)
    label_remove(i, folder);
  free(png.at);
  free(pdf.at);
  // Fonts that both libraries would keep for ever; the order matters.
  cairo_debug_reset_static_data();
  FcFini();
  return ok || err_prefix(e, "label");
}

void label_remove(const struct identity *i, const char *folder) {
  char path[PATH_MAX];
  static const char *const endings[] = {"png", "pdf"};
  for (int k = 0; k < 2; k++)
    if (path_of(i, folder, endings[k], path, NULL))
      (void)unlink(path); // may never have been there
}
