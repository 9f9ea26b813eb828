// SPDX-License-Identifier: Apache-2.0
#include "tools/eval_report.h"

#include <string.h>

static double ratio(long a, long b) {
  return b > 0 ? (double)a / (double)b : 0.0;
}

// "-" where nothing was counted.
static void cell(int width, int digits, double scale, long a, long b) {
  if (b > 0)
    printf(" %*.*f", width, digits, scale * ratio(a, b));
  else
    printf(" %*s", width, "-");
}

void report_head(void) {
  printf("%-26s %6s %7s %6s %7s %6s %7s %6s %6s %7s %7s %7s %7s\n", "set", "truths", "recall%",
         "exact%", "noprov%", "type%", "false/p", "prec%", "cover%", "decode", "detect", "read",
         "all ms");
}

static void row(const struct score *s, const char *indent) {
  printf("%s%-*s %6ld", indent, 26 - (int)strlen(indent), s->name, s->truths);
  cell(7, 1, 100.0, s->found, s->placed);
  cell(6, 1, 100.0, s->exact, s->truths);
  cell(7, 1, 100.0, s->no_province, s->truths);
  cell(6, 1, 100.0, s->type_right, s->typed);
  cell(7, 3, 1.0, s->false_plates, s->pictures);
  cell(6, 2, 100.0, s->sure_right, s->sure);
  cell(6, 1, 100.0, s->sure_right, s->truths);
}

void report_set(const struct eval_set *s) {
  row(&s->score.all, "");
  printf(" %7.2f %7.2f %7.2f %7.2f\n", s->decode_ms, s->detect_ms, s->read_ms, s->all_ms);
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < s->score.groups; i++) {
      if ((s->score.group[i].name[0] == 't') != (pass == 0))
        continue;
      row(&s->score.group[i], "  ");
      printf("\n");
    }
  }
}

void report_all(const struct score *all) {
  row(all, "");
  printf("\n");
}

void report_wrong(const struct eval_set *s) {
  for (size_t i = 0; i < s->n; i++) {
    const struct eval_picture *p = &s->picture[i];
    for (int t = 0; t < p->seen.truths; t++) {
      const struct label *l = &p->seen.truth[t];
      const int r = p->pair.of_truth[t];
      if (l->ignored || !l->plate[0])
        continue;
      if (r < 0)
        printf("wrong %s %s: nothing\n", p->path, l->plate);
      else if (strcmp(p->seen.read[r].text, l->plate) != 0)
        printf("wrong %s %s: %s %.3f\n", p->path, l->plate, p->seen.read[r].text,
               (double)p->seen.read[r].confidence);
    }
    for (int r = 0; r < p->seen.reads; r++) {
      if (p->pair.of_read[r] < 0)
        printf("false %s: %s %.3f\n", p->path, p->seen.read[r].text,
               (double)p->seen.read[r].confidence);
    }
  }
}

// --- JSON

static void set_ratio(json_t *o, const char *name, long a, long b) {
  if (b > 0)
    (void)json_object_set_new(o, name, json_real(ratio(a, b)));
}

json_t *report_json_all(const struct score *s) {
  json_t *o = json_pack("{s:s,s:I}", "name", s->name, "truths", (json_int_t)s->truths);
  if (!o)
    return NULL;
  set_ratio(o, "exact", s->exact, s->truths);
  set_ratio(o, "exact_without_province", s->no_province, s->truths);
  set_ratio(o, "among_alternatives", s->listed, s->truths);
  set_ratio(o, "detection_recall", s->found, s->placed);
  set_ratio(o, "type_right", s->type_right, s->typed);
  set_ratio(o, "precision_at_alert", s->sure_right, s->sure);
  set_ratio(o, "coverage_at_alert", s->sure_right, s->truths);
  (void)json_object_set_new(o, "at_alert", json_integer(s->sure));
  (void)json_object_set_new(o, "right_at_alert", json_integer(s->sure_right));
  if (s->pictures > 0) { // types and provinces share pictures
    (void)json_object_set_new(o, "pictures", json_integer(s->pictures));
    (void)json_object_set_new(o, "errors", json_integer(s->errors));
    set_ratio(o, "false_plates_per_picture", s->false_plates, s->pictures);
    set_ratio(o, "false_alerts_per_picture", s->false_sure, s->pictures);
  }
  return o;
}

static json_t *json_truth(const struct label *l, int read) {
  return json_pack("{s:s,s:s,s:b,s:i}", "plate", l->plate, "type", l->type, "ignored", l->ignored,
                   "read", read);
}

static json_t *json_read(const struct plate_read *r, int truth) {
  json_t *corners = json_array(), *others = json_array();
  for (int k = 0; k < 4; k++)
    (void)json_array_append_new(
        corners, json_pack("[f,f]", (double)r->quad.corner[k].x, (double)r->quad.corner[k].y));
  for (int k = 0; k < r->alternatives; k++)
    (void)json_array_append_new(others,
                                json_pack("{s:s,s:f}", "plate", r->alternative[k].text,
                                          "confidence", (double)r->alternative[k].confidence));
  return json_pack("{s:s,s:s,s:f,s:f,s:f,s:f,s:o,s:o,s:i}", "plate", r->text, "type",
                   plate_type_name(r->type), "confidence", (double)r->confidence, "raw",
                   (double)r->raw, "raw_second", (double)r->raw_second, "detection",
                   (double)r->detection, "corners", corners, "alternatives", others, "truth",
                   truth);
}

static json_t *json_pictures(const struct eval_set *s) {
  json_t *all = json_array();
  for (size_t i = 0; i < s->n; i++) {
    const struct eval_picture *p = &s->picture[i];
    json_t *truths = json_array(), *reads = json_array();
    for (int t = 0; t < p->seen.truths; t++)
      (void)json_array_append_new(truths, json_truth(&p->seen.truth[t], p->pair.of_truth[t]));
    for (int r = 0; r < p->seen.reads; r++)
      (void)json_array_append_new(reads, json_read(&p->seen.read[r], p->pair.of_read[r]));
    json_t *file = json_string(p->path);
    (void)json_array_append_new(all, json_pack("{s:o,s:s,s:o,s:o,s:s}", "file",
                                               file ? file : json_string("?"), "kind",
                                               p->seen.crop ? "crop" : "scene", "truths", truths,
                                               "reads", reads, "error", p->seen.error));
  }
  return all;
}

json_t *report_json(const struct eval_set *s, bool reads) {
  json_t *o = report_json_all(&s->score.all), *types = json_array(), *provinces = json_array();
  for (int i = 0; i < s->score.groups; i++) {
    const struct score *g = &s->score.group[i];
    (void)json_array_append_new(g->name[0] == 't' ? types : provinces, report_json_all(g));
  }
  (void)json_object_set_new(o, "types", types);
  (void)json_object_set_new(o, "provinces", provinces);
  (void)json_object_set_new(o, "rows_left_out", json_integer(s->labels.left_out));
  (void)json_object_set_new(o, "boxes", json_string(s->form == BOX_CENTRE ? "centre" : "corners"));
  (void)json_object_set_new(o, "ms",
                            json_pack("{s:f,s:f,s:f,s:f}", "decode", s->decode_ms, "detect",
                                      s->detect_ms, "read", s->read_ms, "all", s->all_ms));
  if (reads)
    (void)json_object_set_new(o, "list", json_pictures(s));
  return o;
}
