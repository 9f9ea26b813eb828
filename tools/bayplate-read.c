// SPDX-License-Identifier: Apache-2.0
// Reads the plates of picture files: one JSON line a file.
#include "tools/inputs.h"
#include "tools/lettering.h"
#include "tools/models.h"
#include "tools/picture.h"
#include "vision/net.h"
#include "vision/plate_finder.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char help[] =
    "usage: bayplate-read [--crop] [--draw DIR] [--threads N] [--models DIR] FILE|DIR...\n"
    "Reads Chinese number plates in JPEG, PNG and BMP files; prints one JSON line a file.\n\n"
    "  --crop         each picture is one plate already cut out\n"
    "  --draw DIR     also writes each picture with its plates outlined to DIR/NAME.png\n"
    "                 (green: at least 0.9 sure; orange: less)\n"
    "  --threads N    processor cores to use, 1 to 64; default 1\n" MODELS_HELP
    "  --help         this text\n\n"
    "Folders are searched, and those in them, for .jpg .jpeg .png .bmp, sorted by name.\n\n"
    "examples:\n"
    "  bayplate-read gate.jpg\n"
    "  bayplate-read --draw /tmp/seen pictures/ | jq -r '.plates[].plate'\n"
    "  bayplate-read --crop plate.png\n\n"
    "A file that breaks off is read as far as it goes: its line has \"plates\" and \"error\".\n\n"
    "exit status: 0 all read, 1 a file could not be read whole (its line has \"error\"), 2 wrong "
    "use "
    "or no\nnetworks\n";

struct options {
  bool crop;
  const char *draw, *models;
  long threads;
};

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

// Jansson prints 17 digits; two or four after the point are what a measured number has.
static json_t *rounded(double v, double unit) {
  return json_real((double)(long long)(v / unit + (v < 0 ? -0.5 : 0.5)) * unit);
}

static json_t *json_of(const struct plate_read *p) {
  json_t *corners = json_array(), *others = json_array();
  for (int i = 0; i < 4; i++)
    (void)json_array_append_new(corners,
                                json_pack("[o,o]", rounded((double)p->quad.corner[i].x, 0.1),
                                          rounded((double)p->quad.corner[i].y, 0.1)));
  for (int i = 0; i < p->alternatives; i++)
    (void)json_array_append_new(
        others, json_pack("{s:s,s:o}", "plate", p->alternative[i].text, "confidence",
                          rounded((double)p->alternative[i].confidence, 1e-4)));
  return json_pack("{s:s,s:s,s:o,s:o,s:o}", "plate", p->text, "type", plate_type_name(p->type),
                   "confidence", rounded((double)p->confidence, 1e-4), "corners", corners,
                   "alternatives", others);
}

static bool print_line(json_t *line, struct err *e) {
  char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
  json_decref(line);
  if (!text)
    return err_set(e, ERR_NOMEM, "out of memory for a line of output");
  const bool ok = puts(text) >= 0 && fflush(stdout) == 0;
  free(text);
  return ok ? true : err_errno(e, errno, "standard output");
}

// Bytes of the UTF-8 character that starts here (as Jansson sees it); 0: none does.
static size_t utf8_at(const char *s) {
  for (size_t n = 1; n <= 4; n++) {
    json_t *one = s[n - 1] ? json_stringn(s, n) : NULL;
    json_decref(one);
    if (one)
      return n;
    if (!s[n - 1])
      return 0;
  }
  return 0;
}

// A file's name may be any bytes; JSON is UTF-8. Bytes that are not become U+FFFD.
static json_t *json_name(const char *path) {
  json_t *s = json_string(path);
  if (s)
    return s;
  char out[3 * PATH_MAX + 8];
  size_t n = 0;
  while (*path && n + 4 < sizeof out) {
    const size_t bytes = utf8_at(path);
    memcpy(out + n, bytes ? path : "\xEF\xBF\xBD", bytes ? bytes : 3);
    n += bytes ? bytes : 3;
    path += bytes ? bytes : 1;
  }
  return json_stringn(out, n);
}

// Where the picture of input i goes: DIR/NAME.png, and DIR/NAME.2.png where an earlier input of
// another folder has that name.
static bool drawn_name(const struct options *o, const struct inputs *in, size_t i, char *out,
                       size_t room, struct err *e) {
  const char *slash = strrchr(in->file[i].path, '/');
  const char *base = slash ? slash + 1 : in->file[i].path;
  int same = 1;
  for (size_t k = 0; k < i; k++) {
    const char *other = strrchr(in->file[k].path, '/');
    same += strcmp(other ? other + 1 : in->file[k].path, base) == 0;
  }
  const int n = same > 1 ? snprintf(out, room, "%s/%s.%d.png", o->draw, base, same)
                         : snprintf(out, room, "%s/%s.png", o->draw, base);
  if (n < 0 || (size_t)n >= room)
    return err_set(e, ERR_LIMIT, "%s: name too long to draw", base);
  return true;
}

// Outlines, thick enough to be seen when the picture is looked at as a whole; the top edge is
// thicker, so that a plate that was found upside down shows. The text stands above.
static bool draw(struct picture *p, const struct found_plates *found, const char *file,
                 struct err *e) {
  static const uint8_t sure[3] = {60, 220, 60}, unsure[3] = {40, 160, 255};
  const int longer = p->view.width > p->view.height ? p->view.width : p->view.height;
  const int thick = 2 + longer / 800, size = longer < 600 ? 1 : longer / 600;
  for (int i = 0; i < found->n; i++) {
    const struct plate_read *r = &found->plate[i];
    const uint8_t *colour = r->confidence >= 0.9f ? sure : unsure;
    for (int k = 0; k < 4; k++) {
      const struct point *a = &r->quad.corner[k], *b = &r->quad.corner[(k + 1) % 4];
      picture_line(p, a->x, a->y, b->x, b->y, k == 0 ? thick + thick / 2 : thick, colour);
    }
    char text[PLATE_TEXT_MAX + 16];
    (void)snprintf(text, sizeof text, "%s %.3f", r->text, (double)r->confidence);
    float x0, y0, x1, y1;
    quad_bounds(&r->quad, &x0, &y0, &x1, &y1);
    const int high = size * LETTERING_HEIGHT;
    const int above = (int)y0 - high - 2 * thick;
    lettering_draw(p, (int)x0, above >= 0 ? above : (int)y1 + 2 * thick, size, text, colour);
  }
  return picture_write_png(p, file, e);
}

static bool read_picture(struct plate_finder *f, const struct options *o, struct picture *p,
                         const struct inputs *in, size_t which, double decode_ms, struct err *e) {
  struct found_plates found;
  char file[PATH_MAX];
  const double t0 = now_ms();
  if (!o->crop && !plate_finder_find(f, &p->view, e))
    return false;
  const double t1 = now_ms();
  if (o->crop ? !plate_finder_read_crop(f, &p->view, &found, e)
              : !plate_finder_read(f, &p->view, &found, e))
    return false;
  const double t2 = now_ms();
  if (o->draw && (!drawn_name(o, in, which, file, sizeof file, e) || !draw(p, &found, file, e)))
    return false;
  json_t *plates = json_array();
  for (int i = 0; i < found.n; i++)
    (void)json_array_append_new(plates, json_of(&found.plate[i]));
  json_t *line = json_pack("{s:o,s:o,s:{s:o,s:o,s:o}}", "file", json_name(in->file[which].path),
                           "plates", plates, "ms", "decode", rounded(decode_ms, 0.01), "detect",
                           rounded(t1 - t0, 0.01), "read", rounded(t2 - t1, 0.01));
  if (line && p->damage[0] && json_object_set_new(line, "error", json_string(p->damage)) != 0) {
    json_decref(line);
    line = NULL;
  }
  return print_line(line, e);
}

// false only when going on makes no sense (output gone); *failed: this file had an error line.
static bool read_file(struct plate_finder *f, const struct options *o, const struct inputs *in,
                      size_t which, bool *failed, struct err *e) {
  struct picture p = {0};
  struct err pe = {0};
  const char *path = in->file[which].path, *why = in->file[which].error;
  const double t0 = now_ms();
  bool ok = !why && picture_load(&p, path, &pe);
  if (ok) {
    *failed = *failed || p.damage[0];
    ok = read_picture(f, o, &p, in, which, now_ms() - t0, &pe);
    picture_free(&p);
  }
  if (ok)
    return true;
  *failed = true;
  return print_line(
      json_pack("{s:o,s:o}", "file", json_name(path), "error", json_name(why ? why : pe.text)), e);
}

static int usage(const char *what, const char *about) {
  (void)fprintf(stderr, "bayplate-read: %s%s\nTry: bayplate-read --help\n", what, about);
  return 2;
}

static int run(const struct options *o, const struct inputs *in) {
  struct err e = {0};
  struct plate_finder *f = NULL;
  if (!net_set_threads((int)o->threads, &e) || !plate_finder_new(&f, models_dir(o->models), &e)) {
    (void)fprintf(stderr, "bayplate-read: %s\n", e.text);
    return 2;
  }
  bool failed = false, going = true;
  for (size_t i = 0; i < in->n && going; i++)
    going = read_file(f, o, in, i, &failed, &e);
  plate_finder_free(f);
  if (!going)
    (void)fprintf(stderr, "bayplate-read: %s\n", e.text);
  return failed || !going ? 1 : 0;
}

int main(int argc, char **argv) {
  static const struct option known[] = {
      {"crop", no_argument, NULL, 'c'},          {"draw", required_argument, NULL, 'd'},
      {"threads", required_argument, NULL, 't'}, {"models", required_argument, NULL, 'm'},
      {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
  struct options o = {.threads = 1};
  char *end = NULL;
  int c;
  while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
    switch (c) {
    case 'c':
      o.crop = true;
      break;
    case 'd':
      o.draw = optarg;
      break;
    case 'm':
      o.models = optarg;
      break;
    case 't':
      o.threads = strtol(optarg, &end, 10);
      if (!*optarg || *end || o.threads < 1 || o.threads > 64)
        return usage("--threads must be 1 to 64, not ", optarg);
      break;
    case 'h':
      return fputs(help, stdout) < 0 ? 1 : 0;
    default:
      return usage("", "this option is not known");
    }
  }
  if (optind == argc)
    return usage("no file given", "");
  if (o.draw && mkdir(o.draw, 0777) != 0 && errno != EEXIST) {
    (void)fprintf(stderr, "bayplate-read: --draw %s: %s\n", o.draw, strerror(errno));
    return 2;
  }
  struct inputs in = {0};
  struct err e = {0};
  for (int i = optind; i < argc; i++) {
    if (!inputs_add(&in, argv[i], &e)) {
      (void)fprintf(stderr, "bayplate-read: %s\n", e.text);
      inputs_free(&in);
      return 2;
    }
  }
  const int rc = run(&o, &in);
  inputs_free(&in);
  return rc;
}
