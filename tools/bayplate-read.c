// SPDX-License-Identifier: Apache-2.0
// Reads the plates of picture files: one JSON line a file.
#include "tools/inputs.h"
#include "tools/models.h"
#include "tools/picture.h"
#include "vision/ocv.h"
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
    "  --threads N    processor cores to use, 1 to 64; default 1\n" MODELS_HELP
    "  --help         this text\n\n"
    "Folders are searched for .jpg .jpeg .png .bmp, sorted by name.\n\n"
    "examples:\n"
    "  bayplate-read gate.jpg\n"
    "  bayplate-read --draw /tmp/seen pictures/ | jq -r '.plates[].plate'\n"
    "  bayplate-read --crop plate.png\n\n"
    "exit status: 0 all read, 1 a file could not be read (its line has \"error\"), 2 wrong use or "
    "no "
    "networks\n";

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

// A file's name may be any bytes; JSON is UTF-8. Bytes that are not become U+FFFD.
static json_t *json_name(const char *path) {
  json_t *s = json_string(path);
  if (s)
    return s;
  char out[3 * PATH_MAX + 1];
  size_t n = 0;
  for (const unsigned char *c = (const unsigned char *)path; *c && n + 3 < sizeof out; c++) {
    if (*c < 0x80) {
      out[n++] = (char)*c;
    } else {
      memcpy(out + n, "\xEF\xBF\xBD", 3);
      n += 3;
    }
  }
  out[n] = '\0';
  return json_string(out);
}

static bool draw(struct picture *p, const struct found_plates *found, const char *dir,
                 const char *path, struct err *e) {
  static const uint8_t sure[3] = {60, 220, 60}, unsure[3] = {40, 160, 255};
  for (int i = 0; i < found->n; i++) {
    const struct plate_read *r = &found->plate[i];
    for (int k = 0; k < 4; k++) {
      const struct point *a = &r->quad.corner[k], *b = &r->quad.corner[(k + 1) % 4];
      picture_line(p, a->x, a->y, b->x, b->y, r->confidence >= 0.9f ? sure : unsure);
    }
  }
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  char out[PATH_MAX];
  const int n = snprintf(out, sizeof out, "%s/%s.png", dir, base);
  if (n < 0 || (size_t)n >= sizeof out)
    return err_set(e, ERR_LIMIT, "%s: name too long to draw", path);
  return picture_write_png(p, out, e);
}

static bool read_picture(struct plate_finder *f, const struct options *o, struct picture *p,
                         const char *path, double decode_ms, struct err *e) {
  struct found_plates found;
  const double t0 = now_ms();
  if (!o->crop && !plate_finder_find(f, &p->view, e))
    return false;
  const double t1 = now_ms();
  if (o->crop ? !plate_finder_read_crop(f, &p->view, &found, e)
              : !plate_finder_read(f, &p->view, &found, e))
    return false;
  const double t2 = now_ms();
  if (o->draw && !draw(p, &found, o->draw, path, e))
    return false;
  json_t *plates = json_array();
  for (int i = 0; i < found.n; i++)
    (void)json_array_append_new(plates, json_of(&found.plate[i]));
  return print_line(json_pack("{s:o,s:o,s:{s:o,s:o,s:o}}", "file", json_name(path), "plates",
                              plates, "ms", "decode", rounded(decode_ms, 0.01), "detect",
                              rounded(t1 - t0, 0.01), "read", rounded(t2 - t1, 0.01)),
                    e);
}

// false only when going on makes no sense (output gone); *failed: this file had an error line.
static bool read_file(struct plate_finder *f, const struct options *o, const char *path,
                      bool *failed, struct err *e) {
  struct picture p;
  struct err pe = {0};
  const double t0 = now_ms();
  bool ok = picture_load(&p, path, &pe);
  if (ok) {
    ok = read_picture(f, o, &p, path, now_ms() - t0, &pe);
    picture_free(&p);
  }
  if (ok)
    return true;
  *failed = true;
  return print_line(json_pack("{s:o,s:s}", "file", json_name(path), "error", pe.text), e);
}

static int usage(const char *what, const char *about) {
  (void)fprintf(stderr, "bayplate-read: %s%s\nTry: bayplate-read --help\n", what, about);
  return 2;
}

static int run(const struct options *o, const struct inputs *in) {
  struct err e = {0};
  struct plate_finder *f = NULL;
  if (!ocv_set_threads((int)o->threads, &e) || !plate_finder_new(&f, models_dir(o->models), &e)) {
    (void)fprintf(stderr, "bayplate-read: %s\n", e.text);
    return 2;
  }
  bool failed = false, going = true;
  for (size_t i = 0; i < in->n && going; i++)
    going = read_file(f, o, in->path[i], &failed, &e);
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
