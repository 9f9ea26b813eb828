// SPDX-License-Identifier: Apache-2.0
// The JSON beside each network. Every field is checked here, so that no later code meets an
// impossible model.
#include "vision/model.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A document being read; its name goes into every error.
struct doc {
  const char *dir, *file;
  json_t *root;
};

// Is this the right file, of a format that this build reads? The kind ("reader.json": "reader")
// must stand in its name.
static bool known(const struct doc *d, struct err *e) {
  const char *name = json_string_value(json_object_get(d->root, "name"));
  const char *v = json_string_value(json_object_get(d->root, "version"));
  const json_t *format = json_object_get(d->root, "format");
  char kind[MODEL_NAME_MAX] = "";
  (void)snprintf(kind, sizeof kind, "%.*s", (int)strcspn(d->file, "."), d->file);
  if (!json_is_integer(format) || json_integer_value(format) < 0)
    return err_set(e, ERR_FORMAT, "%s/%s: field \"format\" is missing", d->dir, d->file);
  if (json_integer_value(format) != MODEL_FORMAT)
    return err_set(
        e, ERR_FORMAT,
        "%s/%s: %.60s version %.60s has format %lld, this build reads format %d; install "
        "the models that belong to it",
        d->dir, d->file, name ? name : kind, v ? v : "unknown",
        (long long)json_integer_value(format), MODEL_FORMAT);
  if (name && !strstr(name, kind))
    return err_set(e, ERR_FORMAT, "%s/%s: holds \"%.60s\" version %.60s, which is no %s", d->dir,
                   d->file, name, v ? v : "unknown", kind);
  return true;
}

static bool doc_open(struct doc *d, const char *dir, const char *file, struct err *e) {
  *d = (struct doc){dir, file, NULL};
  uint8_t *data = NULL;
  size_t bytes = 0;
  if (!model_read_file(dir, file, MODEL_JSON_BYTES_MAX, &data, &bytes, e))
    return false;
  json_error_t je;
  d->root = json_loadb((const char *)data, bytes, JSON_REJECT_DUPLICATES, &je);
  free(data);
  if (!d->root)
    return err_set(e, ERR_FORMAT, "%s/%s: line %d: %s", dir, file, je.line, je.text);
  if (!json_is_object(d->root)) {
    json_decref(d->root);
    return err_set(e, ERR_FORMAT, "%s/%s: is no JSON object", dir, file);
  }
  if (known(d, e))
    return true;
  json_decref(d->root);
  return false;
}

// A number in [lo, hi]; `fallback` where the field is absent, NAN: it must be there.
static bool number(const struct doc *d, const char *field, double lo, double hi, double fallback,
                   double *out, struct err *e) {
  const json_t *v = json_object_get(d->root, field);
  if (!v && !isnan(fallback)) {
    *out = fallback;
    return true;
  }
  if (!json_is_number(v))
    return err_set(e, ERR_FORMAT, "%s/%s: field \"%s\" is %s", d->dir, d->file, field,
                   v ? "no number" : "missing");
  *out = json_number_value(v);
  if (!(*out >= lo && *out <= hi))
    return err_set(e, ERR_FORMAT, "%s/%s: field \"%s\" is %g, must be %g to %g", d->dir, d->file,
                   field, *out, lo, hi);
  return true;
}

static bool real(const struct doc *d, const char *field, double lo, double hi, double fallback,
                 float *out, struct err *e) {
  double v = 0.0;
  if (!number(d, field, lo, hi, fallback, &v, e))
    return false;
  *out = (float)v;
  return true;
}

static bool whole(const struct doc *d, const char *field, int lo, int hi, double fallback, int *out,
                  struct err *e) {
  double v = 0.0;
  if (!number(d, field, lo, hi, fallback, &v, e))
    return false;
  *out = (int)v;
  if ((double)*out != v)
    return err_set(e, ERR_FORMAT, "%s/%s: field \"%s\" is %g, must be whole", d->dir, d->file,
                   field, v);
  return true;
}

static bool version(const struct doc *d, char *out, struct err *e) {
  const char *v = json_string_value(json_object_get(d->root, "version"));
  if (!v || !*v || strlen(v) >= MODEL_NAME_MAX)
    return err_set(e, ERR_FORMAT, "%s/%s: field \"version\" is missing or too long", d->dir,
                   d->file);
  memcpy(out, v, strlen(v) + 1);
  return true;
}

// A list of 1..max entries.
static bool list(const struct doc *d, const char *field, int max, const json_t **out, int *n,
                 struct err *e) {
  *out = json_object_get(d->root, field);
  const size_t size = json_array_size(*out);
  if (!json_is_array(*out) || size < 1 || size > (size_t)max)
    return err_set(e, ERR_FORMAT, "%s/%s: field \"%s\" must be a list of 1 to %d entries", d->dir,
                   d->file, field, max);
  *n = (int)size;
  return true;
}

static bool symbols(const struct doc *d, struct reader_model *m, struct err *e) {
  const json_t *a = NULL;
  if (!list(d, "symbols", MODEL_CLASSES_MAX - 1, &a, &m->symbols, e))
    return false;
  for (int i = 0; i < m->symbols; i++) {
    const char *s = json_string_value(json_array_get(a, (size_t)i));
    if (!s || !*s)
      return err_set(e, ERR_FORMAT, "%s/%s: symbol %d is no text", d->dir, d->file, i);
    size_t bytes = 0;
    m->symbol[i] = grammar_symbol_at(s, &bytes);
    if (s[m->symbol[i] < 0 ? 0 : bytes] != '\0')
      m->symbol[i] = -1; // a class the grammar never asks for
  }
  return true;
}

static bool types(const struct doc *d, struct reader_model *m, struct err *e) {
  const json_t *a = NULL;
  if (!list(d, "types", MODEL_TYPES_MAX, &a, &m->types, e))
    return false;
  for (int i = 0; i < m->types; i++) {
    const char *s = json_string_value(json_array_get(a, (size_t)i));
    if (!s || !plate_type_parse(s, &m->type[i]))
      return err_set(e, ERR_FORMAT, "%s/%s: type %d, \"%s\", is unknown to this build", d->dir,
                     d->file, i, s ? s : "");
  }
  return true;
}

// "calibration" is absent until tools/train/calibrate has measured the network.
static bool calibration(const struct doc *d, struct calibration *c, struct err *e) {
  const struct doc inner = {d->dir, d->file, json_object_get(d->root, "calibration")};
  if (!inner.root)
    return true;
  if (!json_is_object(inner.root))
    return err_set(e, ERR_FORMAT, "%s/%s: field \"calibration\" is no object", d->dir, d->file);
  c->known = true;
  return real(&inner, "offset", -20.0, 20.0, NAN, &c->offset, e) &&
         real(&inner, "own", 0.0, 20.0, NAN, &c->own, e) &&
         real(&inner, "lead", 0.0, 20.0, NAN, &c->lead, e) &&
         real(&inner, "most", 0.5, 1.0, 1.0, &c->most, e);
}

bool model_load_reader(struct reader_model *m, const char *dir, struct err *e) {
  *m = (struct reader_model){0};
  struct doc d;
  if (!doc_open(&d, dir, "reader.json", e))
    return false;
  const bool ok = version(&d, m->version, e) && symbols(&d, m, e) && types(&d, m, e) &&
                  whole(&d, "width", 16, 512, NAN, &m->width, e) &&
                  whole(&d, "height", 8, 128, NAN, &m->height, e) &&
                  whole(&d, "blank", 0, 0, 0.0, &(int){0}, e) &&
                  real(&d, "temperature", 0.05, 20.0, 1.0, &m->temperature, e) &&
                  calibration(&d, &m->calibration, e) &&
                  real(&d, "upper", 0.1, 0.9, 0.43, &m->upper, e) &&
                  whole(&d, "upper_width", 1, m->width - 1, 48.0, &m->upper_width, e) &&
                  real(&d, "upper_inset", 0.0, 0.4, 0.0, &m->upper_inset, e);
  json_decref(d.root);
  return ok;
}

static bool channels(const struct doc *d, struct err *e) {
  static const char *const wanted[] = {"centre", "tlx", "tly", "trx",    "try",      "brx",
                                       "bry",    "blx", "bly", "double", "log_width"};
  const json_t *a = NULL;
  int n = 0;
  if (!list(d, "channels", (int)(sizeof wanted / sizeof *wanted), &a, &n, e))
    return false;
  for (int i = 0; i < (int)(sizeof wanted / sizeof *wanted); i++) {
    const char *s = json_string_value(json_array_get(a, (size_t)i));
    if (!s || strcmp(s, wanted[i]) != 0)
      return err_set(e, ERR_FORMAT, "%s/%s: channel %d is \"%s\", this build decodes \"%s\" there",
                     d->dir, d->file, i, s ? s : "", wanted[i]);
  }
  return true;
}

static bool widths(const struct doc *d, struct detector_model *m, struct err *e) {
  const json_t *a = NULL;
  if (!list(d, "still_widths", MODEL_WIDTHS_MAX, &a, &m->widths, e))
    return false;
  for (int i = 0; i < m->widths; i++) {
    const json_int_t v = json_integer_value(json_array_get(a, (size_t)i));
    if (v < 64 || v > 4096)
      return err_set(e, ERR_FORMAT, "%s/%s: still_widths[%d] is %lld, must be 64 to 4096", d->dir,
                     d->file, i, (long long)v);
    m->width[i] = (int)v;
  }
  return true;
}

bool model_load_detector(struct detector_model *m, const char *dir, struct err *e) {
  *m = (struct detector_model){0};
  struct doc d;
  if (!doc_open(&d, dir, "detector.json", e))
    return false;
  const bool ok = version(&d, m->version, e) && channels(&d, e) && widths(&d, m, e) &&
                  whole(&d, "stride", 1, 64, NAN, &m->stride, e) &&
                  whole(&d, "multiple", m->stride, 256, 32.0, &m->multiple, e) &&
                  real(&d, "unit", 0.01, 4096.0, NAN, &m->unit, e) &&
                  real(&d, "log_width_min", -20.0, 20.0, -3.0, &m->log_min, e) &&
                  real(&d, "log_width_max", -20.0, 20.0, 4.0, &m->log_max, e) &&
                  real(&d, "threshold", 0.01, 0.99, 0.3, &m->threshold, e) &&
                  real(&d, "candidate_threshold", 0.01, 0.99, 0.2, &m->candidate_threshold, e) &&
                  real(&d, "suppress_iou", 0.01, 1.0, 0.3, &m->overlap, e) &&
                  real(&d, "suppress_inside", 0.01, 1.0, 0.7, &m->inside, e) &&
                  whole(&d, "video_width", 64, 2048, 640.0, &m->input, e) &&
                  whole(&d, "pad", 0, 255, 114.0, &m->pad, e);
  json_decref(d.root);
  return ok;
}

// "opinion": {"at": [...], "none": [...], "same": [...], ...}, as many numbers each.
static bool opinions(const struct doc *d, struct opinion_table *t, struct err *e) {
  const json_t *o = json_object_get(d->root, "opinion");
  const json_t *at = json_object_get(o, "at");
  const size_t n = json_array_size(at);
  if (n < 2 || n > OPINION_KNOTS_MAX)
    return err_set(e, ERR_FORMAT, "%s/%s: field \"opinion.at\" must be a list of 2 to %d numbers",
                   d->dir, d->file, OPINION_KNOTS_MAX);
  t->knots = (int)n;
  for (size_t i = 0; i < n; i++) {
    t->at[i] = (float)json_number_value(json_array_get(at, i));
    if (!(t->at[i] >= 0.0f && t->at[i] <= 1.0f) || (i > 0 && !(t->at[i] > t->at[i - 1])))
      return err_set(e, ERR_FORMAT, "%s/%s: field \"opinion.at\" must rise within 0 to 1", d->dir,
                     d->file);
    for (int k = OPINION_NONE; k < OPINION_COUNT; k++) {
      const char *name = opinion_name((enum opinion)k);
      const json_t *v = json_array_get(json_object_get(o, name), i);
      const double x = json_number_value(v);
      if (!json_is_number(v) || !(x >= 0.0 && x <= 1.0))
        return err_set(e, ERR_FORMAT, "%s/%s: field \"opinion.%s\": number %zu must be 0 to 1",
                       d->dir, d->file, name, i + 1);
      t->then[k][i] = (float)x;
    }
  }
  return true;
}

static bool sum(const struct doc *d, uint64_t *out, struct err *e) {
  const char *v = json_string_value(json_object_get(d->root, "traineddata_fnv1a64"));
  char *end = NULL;
  *out = v ? strtoull(v, &end, 16) : 0;
  if (!v || strlen(v) != 16 || *end)
    return err_set(e, ERR_FORMAT,
                   "%s/%s: field \"traineddata_fnv1a64\" must be 16 hexadecimal digits", d->dir,
                   d->file);
  return true;
}

bool model_load_plate(struct plate_model *m, const char *dir, struct err *e) {
  *m = (struct plate_model){0};
  struct doc d;
  if (!doc_open(&d, dir, "plate.json", e))
    return false;
  const bool ok = version(&d, m->version, e) && whole(&d, "width", 16, 512, NAN, &m->width, e) &&
                  whole(&d, "height", 8, 128, NAN, &m->height, e) &&
                  real(&d, "upper", 0.1, 0.9, NAN, &m->upper, e) &&
                  whole(&d, "upper_width", 1, m->width - 1, NAN, &m->upper_width, e) &&
                  real(&d, "upper_inset", 0.0, 0.4, NAN, &m->upper_inset, e) &&
                  real(&d, "scale", 0.01, 20.0, NAN, &m->scale, e) &&
                  real(&d, "offset", -20.0, 20.0, NAN, &m->offset, e) && sum(&d, &m->sum, e) &&
                  opinions(&d, &m->opinion, e);
  json_decref(d.root);
  return ok;
}
