// SPDX-License-Identifier: Apache-2.0
#include "firmware/sheet/sheet_draw.h"

#include "board/file.h"
#include "firmware/sheet/sheet_words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LEFT 36.0
#define RIGHT (PAGE_WIDTH - 36.0)
#define WIDE (RIGHT - LEFT)
#define CARS 5

static const char *text(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? s : "";
}

static double number(const json_t *a, size_t i) {
  return json_number_value(json_array_get(a, i));
}

static enum ink ink_of(const char *grade) {
  return strcmp(grade, "good") == 0   ? INK_GOOD
         : strcmp(grade, "fair") == 0 ? INK_FAIR
         : strcmp(grade, "bad") == 0  ? INK_BAD
                                      : INK_SOFT;
}

// Shape and word say it, colour only repeats it.
static const char *sign_of(const char *grade) {
  return strcmp(grade, "good") == 0   ? "\xE2\x88\x9A" // √, which every Chinese font has
         : strcmp(grade, "fair") == 0 ? "~"
         : strcmp(grade, "bad") == 0  ? "\xC3\x97" // ×
                                      : "-";
}

// A heading with its rule; returns where its content begins.
static double heading(const struct canvas *c, double x, double y, double w, const char *zh,
                      const char *en) {
  canvas_ink(c, INK_BLACK);
  const double n = canvas_text(c, x, y, 11, w, zh);
  canvas_ink(c, INK_SOFT);
  canvas_text(c, x + n + 6, y, 8, w - n - 6, en);
  canvas_ink(c, INK_LINE);
  canvas_line(c, x, y + 5, x + w, y + 5);
  return y + 18;
}

static void fact(const struct canvas *c, double x, double y, double w, const char *zh,
                 const char *en, const char *value) {
  char label[80];
  (void)snprintf(label, sizeof label, "%s %s", zh, en);
  canvas_ink(c, INK_SOFT);
  canvas_text(c, x, y, 7, w, label);
  canvas_ink(c, INK_BLACK);
  canvas_text(c, x, y + 13, 11, w, value[0] ? value : "-");
}

static double head(const struct canvas *c, const json_t *s) {
  const bool passed = json_is_true(json_object_get(s, "passed"));
  char when[48];
  canvas_ink(c, INK_BLACK);
  canvas_text(c, LEFT, 58, 21, 330, "摄像头调试记录单");
  canvas_ink(c, INK_SOFT);
  canvas_text(c, LEFT, 74, 10, 330, "bayplate · camera commissioning sheet");
  canvas_ink(c, passed ? INK_GOOD : INK_BAD);
  canvas_box(c, RIGHT - 150, 34, 150, 44, true);
  canvas_ink(c, INK_WHITE);
  const char *word = passed ? "合格  PASSED" : "未通过  NOT PASSED";
  const double size = passed ? 18 : 14;
  canvas_text(c, RIGHT - 75 - canvas_text_width(c, size, word) / 2, 62, size, 146, word);
  const double column = WIDE / 3;
  fact(c, LEFT, 98, column - 8, "门店", "shop", text(s, "shop"));
  fact(c, LEFT + column, 98, column - 8, "摄像头", "camera", text(s, "camera"));
  fact(c, LEFT + 2 * column, 98, column, "序列号", "serial", text(s, "serial"));
  (void)snprintf(when, sizeof when, "%.10s %.8s", text(s, "at"),
                 strlen(text(s, "at")) > 11 ? text(s, "at") + 11 : "");
  fact(c, LEFT, 128, column - 8, "日期", "date", when);
  fact(c, LEFT + column, 128, column - 8, "技术员", "technician", text(s, "person"));
  fact(c, LEFT + 2 * column, 128, column, "软件版本", "version", text(s, "version"));
  return 168;
}

static void region(const struct canvas *c, const json_t *s, const double at[4]) {
  const json_t *zone = json_object_get(json_object_get(s, "region"), "zone");
  const size_t n = json_array_size(zone);
  for (size_t i = 0; i < n; i++) {
    const json_t *p = json_array_get(zone, i);
    const double x = at[0] + number(p, 0) * at[2], y = at[1] + number(p, 1) * at[3];
    if (i == 0)
      cairo_move_to(c->cr, x, y);
    else
      cairo_line_to(c->cr, x, y);
  }
  if (n < 3)
    return;
  cairo_close_path(c->cr);
  cairo_set_source_rgb(c->cr, 1.0, 0.82, 0.1);
  cairo_set_line_width(c->cr, 1.4);
  cairo_stroke(c->cr);
}

static void range_text(const json_t *m, char *out, size_t size) {
  const json_t *good = json_object_get(m, "good");
  const char *unit = sheet_word(text(m, "unit")).zh;
  const double from = number(good, 0), to = number(good, 1);
  if (from < 0)
    (void)snprintf(out, size, "\xC2\xB1%g %s", to, unit); // ±
  else if (from == 0)
    (void)snprintf(out, size, "\xE2\x89\xA4 %g %s", to, unit); // ≤
  else if (to >= 255 && strcmp(text(m, "unit"), "luma") == 0)
    (void)snprintf(out, size, "\xE2\x89\xA5 %g %s", from, unit); // ≥
  else
    (void)snprintf(out, size, "%g\xE2\x80\x93%g %s", from, to, unit); // –
}

static double meters(const struct canvas *c, const json_t *s, double x, double y, double w) {
  const json_t *list = json_object_get(json_object_get(s, "meters"), "list");
  size_t i;
  const json_t *m;
  y = heading(c, x, y, w, "测量", "meters");
  json_array_foreach(list, i, m) {
    const struct sheet_word name = sheet_word(text(m, "id")), grade = sheet_word(text(m, "grade"));
    const json_t *value = json_object_get(m, "value");
    char line[96];
    canvas_ink(c, INK_BLACK);
    canvas_text(c, x, y, 9, w * 0.36, name.zh);
    canvas_ink(c, INK_SOFT);
    canvas_text(c, x, y + 8, 6, w * 0.36, name.en);
    canvas_ink(c, INK_BLACK);
    if (json_is_number(value))
      (void)snprintf(line, sizeof line, "%.1f %s", json_number_value(value),
                     sheet_word(text(m, "unit")).zh);
    else
      (void)snprintf(line, sizeof line, "-");
    canvas_text(c, x + w * 0.38, y + 3, 9, w * 0.22, line);
    canvas_ink(c, INK_SOFT);
    range_text(m, line, sizeof line);
    canvas_text(c, x + w * 0.60, y + 3, 7.5, w * 0.22, line);
    canvas_ink(c, ink_of(text(m, "grade")));
    (void)snprintf(line, sizeof line, "%s %s", sign_of(text(m, "grade")), grade.zh);
    canvas_text(c, x + w * 0.83, y + 3, 9, w * 0.17, line);
    y += 19;
  }
  return y;
}

static void check(const struct canvas *c, double x, double y, double w, const char *grade,
                  const char *zh, const char *en, const char *detail) {
  char line[256];
  canvas_ink(c, ink_of(grade));
  canvas_text(c, x, y, 10, 12, sign_of(grade));
  canvas_ink(c, INK_BLACK);
  (void)snprintf(line, sizeof line, "%s  %s", zh, detail);
  canvas_text(c, x + 14, y, 9, w - 14, line);
  canvas_ink(c, INK_SOFT);
  canvas_text(c, x + 14, y + 8, 6, w - 14, en);
}

static void way(const struct canvas *c, double x, double y, double w, const json_t *o,
                const char *zh, const char *en) {
  const char *state = text(o, "state");
  char at[32] = "";
  if (strlen(text(o, "at")) > 18)
    (void)snprintf(at, sizeof at, "%.8s", text(o, "at") + 11);
  check(c, x, y, w,
        strcmp(state, "right") == 0   ? "good"
        : strcmp(state, "wrong") == 0 ? "bad"
                                      : "none",
        zh, en, at);
}

static double surroundings(const struct canvas *c, const json_t *s, double x, double y, double w) {
  const json_t *world = json_object_get(s, "world"), *trial = json_object_get(s, "trial");
  const json_t *policy = json_object_get(world, "policy");
  const json_t *first = json_array_get(json_object_get(world, "network"), 0);
  char line[200];
  y = heading(c, x, y, w, "环境与方向", "surroundings and direction");
  const double half = w / 2;
  const bool clock = json_is_true(json_object_get(world, "clock_trusted"));
  check(c, x, y, half - 6, clock ? "good" : "bad", "时钟", "clock",
        json_is_true(json_object_get(world, "clock_synchronised")) ? "已由 NTP 校准"
                                                                   : "未经 NTP 校准");
  way(c, x + half, y, half, json_object_get(trial, "in"), "进店方向正确", "a car in is told as in");
  (void)snprintf(line, sizeof line, "%s %s", text(first, "name"), text(first, "address"));
  check(c, x, y + 20, half - 6, first ? "good" : "none", "网络", "network", line);
  way(c, x + half, y + 20, half, json_object_get(trial, "out"), "离店方向正确",
      "a car out is told as out");
  const bool ok = json_is_true(json_object_get(policy, "ok"));
  const bool asked = text(policy, "at")[0] != '\0';
  check(c, x, y + 40, half - 6,
        !asked ? "none"
        : ok   ? "good"
               : "bad",
        "保单接口", "policy gateway",
        !json_is_true(json_object_get(policy, "configured")) ? "未配置"
        : !asked                                             ? "未询问"
        : ok                                                 ? "有应答"
                                                             : text(policy, "fault"));
  check(c, x + half, y + 40, half, json_is_true(json_object_get(s, "sign")) ? "good" : "none",
        "现场已张贴采集告知标牌", "notice put up at the camera", "");
  const size_t marks = json_array_size(json_object_get(json_object_get(s, "meters"), "marks"));
  check(c, x, y + 60, half - 6, marks == 0 ? "good" : "fair", "无叠加文字",
        "no overlay that looks like a plate", marks == 0 ? "" : "画面中有固定文字");
  return y + 82;
}

static double cars(const struct canvas *c, const json_t *s, const char *folder, double y) {
  const json_t *list = json_object_get(s, "cars");
  const double w = (WIDE - 4 * 8) / CARS;
  y = heading(c, LEFT, y, WIDE, "测试车辆", "test cars");
  for (size_t i = 0; i < CARS; i++) {
    const json_t *car = json_array_get(list, i);
    const double x = LEFT + (double)i * (w + 8);
    char path[FILE_PATH_MAX], line[64];
    double at[4];
    (void)snprintf(path, sizeof path, "%s/%s", folder, text(car, "picture"));
    const bool named = text(car, "picture")[0] && !strchr(text(car, "picture"), '/');
    (void)canvas_picture(c, named ? path : "", x, y - 6, w, 46, at); // an empty box says it
    const bool right = strcmp(text(car, "word"), "right") == 0;
    canvas_ink(c, INK_BLACK);
    canvas_text(c, x, y + 53, 11, w - 14, car ? text(car, "plate") : "-");
    if (car) {
      canvas_ink(c, right ? INK_GOOD : INK_BAD);
      canvas_text(c, x + w - 12, y + 53, 12, 0, sign_of(right ? "good" : "bad"));
      (void)snprintf(line, sizeof line, "%.0f%%  %.8s",
                     100.0 * json_number_value(json_object_get(car, "confidence")),
                     strlen(text(car, "at")) > 18 ? text(car, "at") + 11 : "");
      canvas_ink(c, INK_SOFT);
      canvas_text(c, x, y + 63, 7, w, line);
    }
  }
  return y + 84;
}

static double wanted(const struct canvas *c, const json_t *s, double y) {
  const json_t *open = json_object_get(s, "open");
  size_t i;
  const json_t *v;
  if (json_array_size(open) == 0)
    return y;
  y = heading(c, LEFT, y, WIDE, "尚未满足", "what a pass still wants");
  double x = LEFT;
  json_array_foreach(open, i, v) {
    const char *key = json_string_value(v);
    if (!key)
      continue;
    const struct sheet_word w = sheet_word(strncmp(key, "meter:", 6) == 0 ? key + 6 : key);
    char line[128];
    (void)snprintf(line, sizeof line, "\xC3\x97 %s", w.zh);
    canvas_ink(c, INK_BAD);
    if (x + canvas_text_width(c, 9, line) > RIGHT) {
      x = LEFT;
      y += 13;
    }
    x += canvas_text(c, x, y, 9, 0, line) + 14;
  }
  return y + 24;
}

void sheet_draw_page(const struct canvas *c, const json_t *sheet, const char *folder) {
  char path[FILE_PATH_MAX];
  double at[4];
  canvas_ink(c, INK_WHITE);
  canvas_box(c, 0, 0, PAGE_WIDTH, PAGE_HEIGHT, true);
  const double top = head(c, sheet), left = WIDE * 0.50;
  const double below = meters(c, sheet, LEFT + left + 14, top, WIDE - left - 14);
  (void)heading(c, LEFT, top, left, "画面与识别区域", "picture and region");
  (void)snprintf(path, sizeof path, "%s/%s", folder, text(sheet, "scene"));
  const bool named = text(sheet, "scene")[0] && !strchr(text(sheet, "scene"), '/');
  if (canvas_picture(c, named ? path : "", LEFT, top + 12, left, below - top - 24, at))
    region(c, sheet, at);
  double y = surroundings(c, sheet, LEFT, below + 12, WIDE);
  y = cars(c, sheet, folder, y + 4);
  y = wanted(c, sheet, y + 6);
  if (text(sheet, "note")[0]) {
    y = heading(c, LEFT, y, WIDE, "备注", "note");
    canvas_ink(c, INK_BLACK);
    canvas_text(c, LEFT, y, 9, WIDE, text(sheet, "note"));
  }
  canvas_ink(c, INK_LINE);
  canvas_line(c, LEFT, PAGE_HEIGHT - 62, LEFT + 200, PAGE_HEIGHT - 62);
  canvas_line(c, RIGHT - 200, PAGE_HEIGHT - 62, RIGHT, PAGE_HEIGHT - 62);
  canvas_ink(c, INK_SOFT);
  canvas_text(c, LEFT, PAGE_HEIGHT - 52, 7, 0, "技术员签字 technician");
  canvas_text(c, RIGHT - 200, PAGE_HEIGHT - 52, 7, 0, "门店签字 shop");
  canvas_text(c, LEFT, PAGE_HEIGHT - 28, 7, 0, text(sheet, "id"));
}
