// SPDX-License-Identifier: Apache-2.0
// Settings, trial, meters and pass sheets, and the commissioning that ties them together.
#include "firmware/commission.h"
#include "firmware/meters.h"
#include "firmware/pass_sheet.h"
#include "firmware/settings.h"
#include "firmware/trial.h"
#include "tests/board/tool.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[TOOL_PATH_MAX];

static int setup(void **state) {
  (void)state;
  tool_folder(dir);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  tool_remove(dir);
  return 0;
}

// --- settings

static void a_region_is_kept_and_goes_before_the_configuration(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX], value[SETTINGS_VALUE_MAX];
  struct settings *s = NULL;
  struct err e;
  tool_path(path, dir, "settings.json");
  static struct config c;
  config_defaults(&c);
  c.visit.zone_points = 0;
  assert_true(settings_open(&s, path, &e));
  assert_false(settings_get(s, "camera.zone", value));
  assert_true(settings_put(s, "camera.zone", "0.1,0.2 0.9,0.2 0.9,1", &e));
  assert_true(settings_put(s, "camera.in_direction_deg", "-90", &e));
  settings_free(s);
  assert_true(settings_open(&s, path, &e));
  settings_apply(s, &c);
  assert_int_equal(c.visit.zone_points, 3);
  assert_true(c.visit.in_direction_deg == -90.0f);
  assert_true(settings_put(s, "camera.zone", NULL, &e)); // taken back
  assert_false(settings_get(s, "camera.zone", value));
  settings_free(s);
}

static void an_impossible_setting_is_refused_in_words(void **state) {
  (void)state;
  static const struct {
    const char *key, *value, *word;
  } bad[] = {{"camera.zone", "0,0 1,1 1,0 0,1", "crosses"},
             {"camera.zone", "0,0 1,1", "3 to 16"},
             {"camera.zone", "0,0 1,2 1,0", "outside the picture"},
             {"camera.zone", "nonsense", "x,y"},
             {"camera.in_direction_deg", "north", "number"},
             {"camera.in_direction_deg", "1000", "outside"},
             {"http.port", "80", "cannot be set here"},
             {"camera", "x", "cannot be set here"}};
  char path[TOOL_PATH_MAX];
  struct settings *s = NULL;
  struct err e;
  struct stat st;
  tool_path(path, dir, "settings.json");
  assert_true(settings_open(&s, path, &e));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(settings_put(s, bad[i].key, bad[i].value, &e));
    assert_int_equal(e.code, ERR_ARG);
    if (!strstr(e.text, bad[i].word))
      fail_msg("%s = %s: \"%s\" does not say \"%s\"", bad[i].key, bad[i].value, e.text,
               bad[i].word);
  }
  assert_int_not_equal(stat(path, &st), 0); // nothing was written
  settings_free(s);
}

static void a_damaged_file_is_set_aside(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX], aside[TOOL_PATH_MAX], value[SETTINGS_VALUE_MAX];
  struct settings *s = NULL;
  struct err e;
  struct stat st;
  tool_path(path, dir, "settings.json");
  tool_path(aside, dir, "settings.json.damaged");
  tool_write(path, "{\"camera.zone\": \"0.1,", 21);
  assert_true(settings_open(&s, path, &e));
  assert_int_equal(stat(aside, &st), 0);
  settings_free(s);
  const char some[] = "{\"camera.zone\":\"0,0 1,1 1,0 0,1\",\"http.port\":\"1\","
                      "\"camera.in_direction_deg\":\"45\"}";
  tool_write(path, some, sizeof some - 1);
  assert_true(settings_open(&s, path, &e)); // what is right of it holds
  assert_false(settings_get(s, "camera.zone", value));
  assert_false(settings_get(s, "http.port", value));
  assert_true(settings_get(s, "camera.in_direction_deg", value));
  settings_free(s);
}

// --- trial

static struct visit_event event(uint64_t visit, enum visit_event_kind kind, const char *text,
                                enum visit_direction d) {
  struct visit_event v = {.kind = kind, .visit = visit, .direction = d, .certainty = VISIT_CERTAIN};
  snprintf(v.best.text, sizeof v.best.text, "%s", text);
  v.best.confidence = 0.97f;
  v.best.type = PLATE_BLUE;
  return v;
}

static void cars_are_taken_in_judged_and_kept(void **state) {
  (void)state;
  static struct trial t;
  struct err e;
  trial_init(&t, dir);
  struct visit_event v = event(7, VISIT_OPENED, "粤A12345", DIRECTION_UNKNOWN);
  assert_false(trial_event(&t, &v, 1000, "J", 1)); // not begun
  assert_true(trial_begin(&t, &e));
  assert_true(trial_event(&t, &v, 1000, "JPEG", 4));
  assert_true(trial_judge(&t, 7, TRIAL_RIGHT, &e));
  assert_false(trial_judge(&t, 8, TRIAL_RIGHT, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  trial_finish(&t);
  trial_init(&t, dir); // the terminal restarts
  assert_int_equal(t.cars, 1);
  assert_string_equal(t.car[0].text, "粤A12345");
  assert_int_equal(t.car[0].word, TRIAL_RIGHT);
  assert_memory_equal(t.car[0].jpeg, "JPEG", 4);
  v = event(7, VISIT_IMPROVED, "粤A12346", DIRECTION_UNKNOWN);
  assert_true(trial_event(&t, &v, 2000, NULL, 0));
  assert_int_equal(t.car[0].word, TRIAL_OPEN); // another text must be looked at again
  v = event(7, VISIT_MERGED, "", DIRECTION_UNKNOWN);
  assert_true(trial_event(&t, &v, 3000, NULL, 0));
  assert_int_equal(t.cars, 0);
  trial_finish(&t);
}

static void five_right_in_a_row_and_both_ways_pass(void **state) {
  (void)state;
  static struct trial t;
  struct err e;
  trial_init(&t, dir);
  assert_true(trial_begin(&t, &e));
  for (uint64_t i = 1; i <= 20; i++) { // more than are kept
    const struct visit_event v = event(i, VISIT_OPENED, "粤A12345", DIRECTION_UNKNOWN);
    assert_true(trial_event(&t, &v, (int64_t)i, "J", 1));
  }
  assert_int_equal(t.cars, TRIAL_CARS_MAX);
  for (uint64_t i = 14; i <= 20; i++)
    assert_true(trial_judge(&t, i, TRIAL_RIGHT, &e));
  assert_int_equal(trial_right(&t), 7);
  assert_true(trial_judge(&t, 18, TRIAL_WRONG, &e));
  assert_int_equal(trial_right(&t), 2); // it begins anew after a wrong one
  assert_true(trial_judge(&t, 18, TRIAL_RIGHT, &e));
  assert_false(trial_passed(&t)); // the ways are open
  assert_true(trial_expect(&t, DIRECTION_IN, &e));
  struct visit_event v = event(21, VISIT_OPENED, "粤A12345", DIRECTION_UNKNOWN);
  assert_true(trial_event(&t, &v, 30, NULL, 0));
  assert_true(t.in.waiting); // it says nothing of the way yet
  v = event(21, VISIT_IMPROVED, "粤A12345", DIRECTION_OUT);
  assert_true(trial_event(&t, &v, 31, NULL, 0));
  assert_int_equal(t.in.word, TRIAL_WRONG);
  assert_true(trial_expect(&t, DIRECTION_IN, &e));
  assert_true(trial_event(&t, &v, 32, NULL, 0)); // told again, not anew: says nothing
  assert_true(t.in.waiting);
  v = event(22, VISIT_OPENED, "粤A12345", DIRECTION_IN);
  assert_true(trial_event(&t, &v, 33, NULL, 0));
  assert_int_equal(t.in.word, TRIAL_RIGHT);
  assert_true(trial_expect(&t, DIRECTION_OUT, &e));
  v = event(22, VISIT_IMPROVED, "粤A12345", DIRECTION_OUT);
  assert_true(trial_event(&t, &v, 34, NULL, 0));
  assert_int_equal(t.out.word, TRIAL_RIGHT);
  assert_true(trial_passed(&t));
  assert_false(trial_expect(&t, DIRECTION_UNKNOWN, &e));
  trial_finish(&t);
}

static void a_damaged_trial_begins_anew(void **state) {
  (void)state;
  static struct trial t;
  char path[TOOL_PATH_MAX];
  tool_path(path, dir, "trial.json");
  static const char *const bad[] = {"", "{", "[]", "{\"cars\":[7,{},{\"visit\":\"x\"}],\"in\":4}",
                                    "{\"cars\":[{\"visit\":\"-1\",\"plate\":\"a\"}]}"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    tool_write(path, bad[i], strlen(bad[i]));
    trial_init(&t, dir);
    assert_int_equal(t.cars, 0);
    assert_false(trial_passed(&t));
    trial_finish(&t);
  }
}

// --- meters

enum { W = 1280, H = 720 };
static uint8_t pixels[W * H];

static void plate_at(struct plate_read *r, int x, int y, int w, int h, bool sharp) {
  const struct quad q = {{{(float)x, (float)y},
                          {(float)(x + w), (float)y},
                          {(float)(x + w), (float)(y + h)},
                          {(float)x, (float)(y + h)}}};
  *r = (struct plate_read){.quad = q, .type = PLATE_BLUE, .confidence = 0.9f};
  snprintf(r->text, sizeof r->text, "粤A12345");
  memset(pixels, 120, sizeof pixels);
  for (int j = y; j < y + h; j++) {
    for (int i = x; i < x + w; i++) {
      const int in = (i - x) % 22, v = in < 4 || (in > 12 && in < 17) ? 230 : 60;
      const bool inside = j > y + h / 6 && j < y + h - h / 6;
      pixels[j * W + i] = (uint8_t)(!inside ? 60 : v);
    }
  }
  static uint8_t before[W * H];
  memcpy(before, pixels, sizeof before);
  for (int j = y - 8; !sharp && j < y + h + 8; j++) { // a defocused lens: 9 pixels each way
    for (int i = x - 8; i < x + w + 8; i++) {
      int sum = 0;
      for (int b = -4; b <= 4; b++) {
        for (int a = -4; a <= 4; a++)
          sum += before[(j + b) * W + i + a];
      }
      pixels[j * W + i] = (uint8_t)(sum / 81);
    }
  }
}

static const struct image_view frame = {IMAGE_GRAY8, W, H, {pixels, NULL, NULL}, {W, 0, 0}};

static void meters_grade_a_plate_and_forget_it(void **state) {
  (void)state;
  static struct meters m;
  struct plate_read r;
  meters_init(&m);
  plate_at(&r, 500, 400, 160, 51, true);
  meters_frame(&m, &frame, NULL, &r, 1, true, 1000000000);
  meters_frame(&m, &frame, NULL, &r, 1, true, 1040000000);
  for (int i = METER_WIDTH; i < METER_COUNT; i++) {
    if (i != METER_SMEAR && m.meter[i].grade != GRADE_GOOD)
      fail_msg("%s is %g: %s", meter_name((enum meter)i), (double)m.meter[i].value,
               grade_name(m.meter[i].grade));
  }
  assert_int_equal(meters_worst(&m), GRADE_GOOD); // without a smear
  assert_string_equal(m.text, "粤A12345");
  meters_age(&m, 1040000000 + METERS_HOLD_NS + 1);
  assert_int_equal(m.meter[METER_WIDTH].grade, GRADE_NONE);
  assert_int_equal(meters_worst(&m), GRADE_NONE);
}

static void meters_say_what_is_wrong(void **state) {
  (void)state;
  static struct meters m;
  struct plate_read r;
  meters_init(&m);
  plate_at(&r, 500, 400, 40, 13, true);
  meters_frame(&m, &frame, NULL, &r, 1, true, 1000000000);
  assert_int_equal(m.meter[METER_WIDTH].grade, GRADE_BAD);
  assert_false(m.meter[METER_WIDTH].high);
  assert_false(m.meter[METER_SHARPNESS].known); // too small to tell
  meters_init(&m);
  plate_at(&r, 500, 400, 160, 51, false);
  meters_frame(&m, &frame, NULL, &r, 1, true, 1000000000);
  if (m.meter[METER_SHARPNESS].grade != GRADE_BAD)
    fail_msg("a defocused plate's edges are %g %%", (double)m.meter[METER_SHARPNESS].value);
  assert_true(m.meter[METER_SHARPNESS].high);
  meters_init(&m); // nothing left of the characters
  memset(pixels, 60, sizeof pixels);
  for (int y = 410; y < 440; y++)
    memset(pixels + y * W + 510, 150, 140);
  meters_frame(&m, &frame, NULL, &r, 1, true, 1000000000);
  assert_int_equal(m.meter[METER_SHARPNESS].grade, GRADE_BAD);
  meters_init(&m);
  memset(pixels, 255, sizeof pixels);
  meters_frame(&m, &frame, NULL, NULL, 0, false, 1000000000);
  assert_int_equal(m.meter[METER_BRIGHT].grade, GRADE_BAD);
  assert_int_equal(m.meter[METER_EXPOSURE].grade, GRADE_BAD);
  json_t *all = meters_json(&m, 1000000000);
  assert_int_equal(json_array_size(json_object_get(all, "list")), METER_COUNT);
  json_decref(all);
}

static void a_moving_plate_tells_smear_and_shutter(void **state) {
  (void)state;
  static struct meters m;
  struct plate_read r;
  meters_init(&m);
  for (int i = 0; i < 8; i++) { // downward by 6 pixels a frame, smeared by 5
    plate_at(&r, 500, 300 + 6 * i, 160, 51, true);
    static uint8_t sharp[W * H];
    memcpy(sharp, pixels, sizeof sharp);
    for (int y = 2; y < H - 2; y++) {
      for (int x = 450; x < 720; x++) {
        int sum = 0;
        for (int k = -2; k <= 2; k++)
          sum += sharp[(y + k) * W + x];
        pixels[y * W + x] = (uint8_t)(sum / 5);
      }
    }
    meters_frame(&m, &frame, NULL, &r, 1, true, 1000000000 + i * 40000000);
  }
  assert_true(m.meter[METER_SMEAR].known);
  if (m.meter[METER_SMEAR].value < 7 || m.meter[METER_SMEAR].value > 12)
    fail_msg("smear %g %%", (double)m.meter[METER_SMEAR].value);
  // 5 pixels at 150 a second: 1/30 s.
  if (m.shutter_s < 1 / 45.0f || m.shutter_s > 1 / 24.0f)
    fail_msg("shutter 1/%g s", 1 / (double)m.shutter_s);
  assert_false(m.meter[METER_SHARPNESS].known && m.meter[METER_SHARPNESS].grade == GRADE_BAD);
}

// --- sheets

static void sheets_are_kept_listed_and_rotated(void **state) {
  (void)state;
  char sheets[TOOL_PATH_MAX], id[SHEET_ID_MAX], first[SHEET_ID_MAX];
  struct err e;
  void *data = NULL;
  size_t len = 0;
  const char *type = NULL;
  tool_path(sheets, dir, "sheets");
  const struct sheet_picture scene = {"scene.jpg", "J", 1};
  for (int i = 0; i < 4; i++) {
    json_t *content = json_pack("{s:s,s:b}", "at", "2026-03-08T14:15:02+08:00", "passed", i == 3);
    assert_true(sheet_write(sheets, INT64_C(1772950502000), content, &scene, 1, id, &e));
    json_decref(content);
    if (i == 0)
      memcpy(first, id, sizeof first);
  }
  assert_string_not_equal(first, id); // of the same second, and still four
  json_t *list = sheet_list(sheets);
  assert_int_equal(json_array_size(list), 4);
  assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "id")), id);
  assert_true(json_is_false(json_object_get(json_array_get(list, 0), "drawn")));
  json_decref(list);
  char name[64];
  snprintf(name, sizeof name, "%s.json", id);
  assert_true(sheet_read(sheets, name, &data, &len, &type, &e));
  assert_non_null(strstr(data, "\"passed\": true"));
  free(data);
  static const char *const bad[] = {"",
                                    ".png",
                                    "../settings.json",
                                    "20260308-141502",
                                    "20260308-141502.exe",
                                    "20260308/141502.png",
                                    "20260308-1415023.png"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(sheet_read(sheets, bad[i], &data, &len, &type, &e));
    assert_int_equal(e.code, ERR_ARG);
  }
  sheet_rotate(sheets, 2);
  list = sheet_list(sheets);
  assert_int_equal(json_array_size(list), 2);
  json_decref(list);
  assert_false(sheet_draw(sheets, id, "/no/such/program", &e));
  assert_non_null(strstr(e.text, "/no/such/program"));
  assert_false(sheet_draw(sheets, id, "/bin/false", &e));
  assert_non_null(strstr(e.text, "without a word"));
}

static void a_sheet_is_drawn_by_the_program(void **state) {
  (void)state;
  char sheets[TOOL_PATH_MAX], id[SHEET_ID_MAX], name[64];
  struct err e;
  void *data = NULL;
  size_t len = 0;
  const char *type = NULL;
  tool_path(sheets, dir, "sheets");
  static struct meters m;
  meters_init(&m);
  json_t *content = json_pack("{s:s,s:b,s:s,s:o,s:[s,s],s:[{s:s,s:s,s:s}]}", "at",
                              "2026-03-08T14:15:02+08:00", "passed", 0, "shop", "示范专营店",
                              "meters", meters_json(&m, 0), "open", "meter:width", "cars", "cars",
                              "plate", "粤A12345", "picture", "../escape.jpg", "word", "right");
  assert_non_null(content);
  const struct sheet_picture scene = {"scene.jpg", "no JPEG at all", 14};
  assert_true(sheet_write(sheets, INT64_C(1772950502000), content, &scene, 1, id, &e));
  json_decref(content);
  if (!sheet_draw(sheets, id, BAYPLATE_BINARY_DIR "/firmware/bayplate-sheet", &e))
    fail_msg("%s", e.text);
  snprintf(name, sizeof name, "%s.png", id);
  assert_true(sheet_read(sheets, name, &data, &len, &type, &e));
  assert_memory_equal(data, "\x89PNG", 4);
  assert_true(len > 10000);
  free(data);
  snprintf(name, sizeof name, "%s.pdf", id);
  assert_true(sheet_read(sheets, name, &data, &len, &type, &e));
  assert_memory_equal(data, "%PDF-", 5);
  free(data);
  json_t *list = sheet_list(sheets);
  assert_true(json_is_true(json_object_get(json_array_get(list, 0), "drawn")));
  json_decref(list);
}

// --- all together

static struct frame *picture(int64_t t_ns) {
  struct frame *f = NULL;
  assert_true(frame_new(&f, FRAME_GRAY8, W, H, NULL));
  for (int y = 0; y < H; y++)
    memcpy(f->plane[0] + (ptrdiff_t)y * f->stride[0], pixels + (size_t)y * W, W);
  f->mono_ns = t_ns;
  return f;
}

static void meters_run_only_while_somebody_looks(void **state) {
  (void)state;
  char path[TOOL_PATH_MAX];
  struct settings *s = NULL;
  struct commission *c = NULL;
  struct err e;
  struct plate_read r;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  struct clock_sim *sim = clock_sim_new(CLOCK_NS_PER_S, INT64_C(1800000000) * CLOCK_NS_PER_S);
  tool_path(path, dir, "settings.json");
  assert_true(settings_open(&s, path, &e));
  const struct commission_options o = {.clock = clock_sim_clock(sim),
                                       .settings = s,
                                       .dir = dir,
                                       .shop = "店",
                                       .camera = "门",
                                       .serial = "1",
                                       .sheet_program = "/bin/false"};
  assert_true(commission_new(&c, &o, &e));
  plate_at(&r, 500, 400, 160, 51, true);
  struct frame *f = picture(CLOCK_NS_PER_S);
  commission_frame(c, f, &r, 1, true); // nobody looks
  assert_false(commission_picture(c, &jpeg, &len, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  bool got = false;
  for (int i = 0; i < 5000 && !got; i++) { // that was a question: now they run
    clock_sim_advance(sim, COMMISSION_PICTURE_NS);
    commission_wake(c);
    commission_frame(c, f, &r, 1, true);
    got = commission_picture(c, &jpeg, &len, &e);
    if (!got)
      (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  assert_true(got);
  assert_int_equal(jpeg[0], 0xFF);
  free(jpeg);
  char *json = NULL;
  assert_true(commission_json(c, &json, &e));
  assert_non_null(strstr(json, "\"width\""));
  free(json);
  assert_true(commission_set(c, "camera.zone", "0,0 1,0 1,1", &e));
  assert_false(commission_set(c, "camera.zone", "0,0 1,0", &e));
  assert_false(commission_probe(c, &e));
  frame_unref(f);
  commission_free(c);
  settings_free(s);
  clock_sim_free(sim);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(a_region_is_kept_and_goes_before_the_configuration),
      CASE(an_impossible_setting_is_refused_in_words),
      CASE(a_damaged_file_is_set_aside),
      CASE(cars_are_taken_in_judged_and_kept),
      CASE(five_right_in_a_row_and_both_ways_pass),
      CASE(a_damaged_trial_begins_anew),
      CASE(meters_grade_a_plate_and_forget_it),
      CASE(meters_say_what_is_wrong),
      CASE(a_moving_plate_tells_smear_and_shutter),
      CASE(sheets_are_kept_listed_and_rotated),
      CASE(a_sheet_is_drawn_by_the_program),
      CASE(meters_run_only_while_somebody_looks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
