// SPDX-License-Identifier: Apache-2.0
#include "firmware/meters.h"

#include <math.h>
#include <string.h>

#define STROKES_MIN 6 // edges of a line that crosses seven characters
#define UNSHARP 40.0f
#define TEXT_CONFIDENCE 0.5f
#define METERS_SMEARS_MIN 3
#define SLOW 0.5f // plate heights a second: below it sharpness is the lens's, not the shutter's

// Good from..to, fair from..to; outside is bad. Plate sizes: tests of this project's reader by
// width (vision/models/detector.md, docs/reading.md) and what gate cameras ask for (80 to 400
// pixels); angles: README, "Aim a camera". Sharpness and smear in percent of the plate's height: a
// stroke is 7 %, so edges or smears of two strokes run characters together.
static const struct {
  const char *name, *unit;
  float good[2], fair[2];
} table[METER_COUNT] = {
    [METER_WIDTH] = {"width", "px", {80, 300}, {60, 400}},
    [METER_HEIGHT] = {"height", "px", {24, 110}, {18, 150}},
    [METER_ROLL] = {"roll", "deg", {-10, 10}, {-15, 15}},
    [METER_SLANT] = {"slant", "deg", {0, 35}, {0, 45}},
    [METER_SHARPNESS] = {"sharpness", "%", {0, 10}, {0, 15}},
    [METER_SMEAR] = {"smear", "%", {0, 8}, {0, 15}},
    [METER_CONTRAST] = {"contrast", "luma", {60, 255}, {35, 255}},
    [METER_GLARE] = {"glare", "%", {0, 2}, {0, 10}},
    [METER_EXPOSURE] = {"exposure", "luma", {50, 190}, {30, 215}},
    [METER_BRIGHT] = {"bright", "%", {0, 5}, {0, 15}},
};

const char *meter_name(enum meter which) {
  return (unsigned)which < METER_COUNT ? table[which].name : "unknown";
}

const char *grade_name(enum grade g) {
  static const char *const names[] = {"none", "good", "fair", "bad"};
  return (unsigned)g < 4 ? names[g] : "none";
}

enum grade meter_grade(enum meter which, float value, bool *high) {
  const float *good = table[which].good, *fair = table[which].fair;
  *high = value > good[1];
  if (value >= good[0] && value <= good[1])
    return GRADE_GOOD;
  return value >= fair[0] && value <= fair[1] ? GRADE_FAIR : GRADE_BAD;
}

static void put(struct meters *m, enum meter which, float value) {
  struct meter_value *v = &m->meter[which];
  v->known = isfinite(value);
  v->value = value;
  v->grade = v->known ? meter_grade(which, value, &v->high) : GRADE_NONE;
}

void meters_init(struct meters *m) {
  memset(m, 0, sizeof *m);
}

static const struct plate_read *largest(const struct plate_read *reads, int n) {
  const struct plate_read *best = NULL;
  for (int i = 0; i < n; i++) {
    if (!best || quad_area(&reads[i].quad) > quad_area(&best->quad))
      best = &reads[i];
  }
  return best;
}

static void middle(const struct quad *q, float *x, float *y) {
  *x = *y = 0;
  for (int i = 0; i < 4; i++) {
    *x += 0.25f * q->corner[i].x;
    *y += 0.25f * q->corner[i].y;
  }
}

// Speed in pixels a second since the last frame; false: this is not the same plate, or too long
// ago.
static bool speed_of(const struct meters *m, const struct quad *q, int64_t t_ns, float *vx,
                     float *vy) {
  float x, y, x0, y0;
  const float dt = (float)(t_ns - m->last_ns) * 1e-9f;
  if (!m->has_last || !(dt > 0.0f) || dt > 0.5f)
    return false;
  middle(q, &x, &y);
  middle(&m->last, &x0, &y0);
  *vx = (x - x0) / dt;
  *vy = (y - y0) / dt;
  return hypotf(x - x0, y - y0) < 1.5f * quad_width(q);
}

static float middle_of(const float *values, int n) {
  float sorted[METERS_SMEARS];
  memcpy(sorted, values, (size_t)n * sizeof *values);
  for (int i = 1; i < n; i++) {
    const float v = sorted[i];
    int k = i;
    for (; k > 0 && sorted[k - 1] > v; k--)
      sorted[k] = sorted[k - 1];
    sorted[k] = v;
  }
  return sorted[n / 2];
}

static void smear(struct meters *m, const struct aim_plate *p, float vx, float vy, float scale) {
  const float speed = hypotf(vx, vy), rate = speed / p->height;
  if (rate < METERS_SHUTTER_SPEED_MIN || p->width * scale < METERS_DETAIL_WIDTH_MIN ||
      m->smears == METERS_SMEARS)
    return;
  const float length = aim_smear(p, vx, vy);
  m->smear[m->smears] = 100.0f * length / p->height;
  m->shutter[m->smears] = length / speed;
  m->rate[m->smears++] = rate;
  if (m->smears < METERS_SMEARS_MIN)
    return;
  m->speed = middle_of(m->rate, m->smears);
  m->shutter_s = middle_of(m->shutter, m->smears);
  put(m, METER_SMEAR, middle_of(m->smear, m->smears));
}

// Percent of the plate's height. Without strokes there is nothing whose edges could be measured:
// the worst.
static float unsharpness(const struct aim_plate *p) {
  if (p->strokes < STROKES_MIN)
    return UNSHARP;
  return fminf(UNSHARP, 100.0f * fmaxf(p->edge_x, p->edge_y) / p->height);
}

static void plate(struct meters *m, const struct image_view *frame, const struct plate_read *r,
                  int64_t t_ns) {
  struct aim_plate p;
  float vx = 0, vy = 0;
  const bool moving = speed_of(m, &r->quad, t_ns, &vx, &vy);
  if (t_ns - m->seen_ns > METERS_PASS_NS) { // another car: its own figures
    m->best_width = 0;
    m->smears = 0;
    m->text[0] = '\0';
  }
  m->plate = r->quad;
  m->plate_now = true;
  m->last = r->quad;
  m->has_last = true;
  m->last_ns = m->seen_ns = t_ns;
  if (r->text[0] && r->confidence >= TEXT_CONFIDENCE)
    memcpy(m->text, r->text, sizeof m->text);
  if (!aim_plate_measure(frame, &r->quad, r->type, &p))
    return;
  const float scale = 1280.0f / (float)frame->width;
  if (moving)
    smear(m, &p, vx, vy, scale);
  // Figures of the place where the plate is largest: where a car stops. A little less is as good,
  // so that a standing car's meters follow the technician's hand.
  if (p.width < 0.9f * m->best_width)
    return;
  m->best_width = fmaxf(p.width, 0.98f * m->best_width);
  put(m, METER_WIDTH, p.width * scale);
  put(m, METER_HEIGHT, p.height * scale);
  put(m, METER_ROLL, p.roll_deg);
  put(m, METER_SLANT, p.slant_deg);
  put(m, METER_CONTRAST, p.contrast);
  put(m, METER_GLARE, 100.0f * p.glare);
  if (p.width * scale >= METERS_DETAIL_WIDTH_MIN && (!moving || hypotf(vx, vy) < SLOW * p.height))
    put(m, METER_SHARPNESS, unsharpness(&p));
}

// Plates are lettering too, but told as what they are.
static bool on_a_plate(const struct meters *m, const struct image_rect *r) {
  for (int i = 0; i < AIM_MARKS_MAX; i++) {
    float x0, y0, x1, y1;
    quad_bounds(&m->marks.mark[i].quad, &x0, &y0, &x1, &y1);
    if (m->marks.mark[i].used && (float)r->x < x1 && (float)(r->x + r->width) > x0 &&
        (float)r->y < y1 && (float)(r->y + r->height) > y0)
      return true;
  }
  return false;
}

void meters_frame(struct meters *m, const struct image_view *frame, const struct zone *zone,
                  const struct plate_read *reads, int n, bool occupied, int64_t t_ns) {
  struct aim_light light;
  const struct plate_read *r = largest(reads, n);
  m->width = frame->width;
  m->height = frame->height;
  m->occupied = occupied;
  if (t_ns - m->light_ns >= METERS_LIGHT_NS && aim_light_measure(frame, zone, &light)) {
    m->light_ns = t_ns;
    put(m, METER_EXPOSURE, light.mean);
    put(m, METER_BRIGHT, 100.0f * light.bright);
  }
  if (n >= 0) {
    m->plate_now = false;
    aim_marks_step(&m->marks, reads, n, t_ns);
  }
  if (r)
    plate(m, frame, r, t_ns);
  if (t_ns - m->letters_ns >= METERS_LETTERS_NS) {
    m->letters_ns = t_ns;
    m->lettered =
        aim_letters_step(&m->letters, frame, zone, &m->lettering) && !on_a_plate(m, &m->lettering);
  }
  meters_age(m, t_ns);
}

void meters_age(struct meters *m, int64_t t_ns) {
  if (m->seen_ns == 0 || t_ns - m->seen_ns <= METERS_HOLD_NS)
    return;
  for (int i = METER_WIDTH; i <= METER_GLARE; i++)
    m->meter[i] = (struct meter_value){0};
  m->shutter_s = m->speed = 0;
  m->text[0] = '\0';
}

enum grade meters_worst(const struct meters *m) {
  enum grade worst = GRADE_GOOD;
  for (int i = 0; i < METER_COUNT; i++) {
    // A camera whose cars come in slowly never shows a smear: that is no fault.
    if (m->meter[i].grade == GRADE_NONE && i != METER_SMEAR)
      return GRADE_NONE;
    worst = m->meter[i].grade > worst ? m->meter[i].grade : worst;
  }
  return worst;
}

static json_t *number(float v) {
  return json_real(round((double)v * 10.0) / 10.0);
}

static json_t *range(const float *r) {
  return json_pack("[o,o]", number(r[0]), number(r[1]));
}

static json_t *box(float x0, float y0, float x1, float y1) {
  return json_pack("[o,o,o,o]", number(x0), number(y0), number(x1), number(y1));
}

static json_t *marks_json(const struct meters *m, int64_t t_ns) {
  const struct aim_mark *standing = aim_marks_standing(&m->marks, t_ns);
  json_t *list = json_array();
  if (standing) {
    float x0, y0, x1, y1;
    quad_bounds(&standing->quad, &x0, &y0, &x1, &y1);
    json_array_append_new(list, json_pack("{s:s,s:s,s:i,s:o}", "kind", "plate", "text",
                                          standing->text, "seconds",
                                          (int)((t_ns - standing->first_ns) / INT64_C(1000000000)),
                                          "box", box(x0, y0, x1, y1)));
  }
  if (m->lettered) {
    const struct image_rect *r = &m->lettering;
    json_array_append_new(list, json_pack("{s:s,s:s,s:i,s:o}", "kind", "lettering", "text", "",
                                          "seconds", 0, "box",
                                          box((float)r->x, (float)r->y, (float)(r->x + r->width),
                                              (float)(r->y + r->height))));
  }
  return list;
}

json_t *meters_json(const struct meters *m, int64_t t_ns) {
  json_t *list = json_array();
  for (int i = 0; i < METER_COUNT; i++) {
    const struct meter_value *v = &m->meter[i];
    json_array_append_new(list,
                          json_pack("{s:s,s:o,s:s,s:s,s:b,s:o,s:o}", "id", table[i].name, "value",
                                    v->known ? number(v->value) : json_null(), "unit",
                                    table[i].unit, "grade", grade_name(v->grade), "high", v->high,
                                    "good", range(table[i].good), "fair", range(table[i].fair)));
  }
  json_t *corners = json_array();
  for (int i = 0; i < 4 && m->plate_now; i++)
    json_array_append_new(
        corners, json_pack("[o,o]", number(m->plate.corner[i].x), number(m->plate.corner[i].y)));
  return json_pack("{s:o,s:o,s:o,s:s,s:o,s:o,s:i,s:i,s:b}", "list", list, "marks",
                   marks_json(m, t_ns), "plate", corners, "text", m->text, "shutter_s",
                   m->shutter_s > 0 ? json_real((double)m->shutter_s) : json_null(), "speed",
                   m->speed > 0 ? number(m->speed) : json_null(), "width", m->width, "height",
                   m->height, "occupied", m->occupied);
}
