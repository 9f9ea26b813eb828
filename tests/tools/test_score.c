// SPDX-License-Identifier: Apache-2.0
#include "tools/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define JING "\xE4\xBA\xAC" // 京
#define YUE "\xE7\xB2\xA4"  // 粤

static struct quad box(float x0, float y0, float x1, float y1) {
  return (struct quad){{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}};
}

static struct label label(const char *text, const char *type, float x0, float y0, float x1,
                          float y1) {
  struct label l = {.has_box = x1 > 0, .box = {x0, y0, x1, y1}};
  (void)snprintf(l.plate, sizeof l.plate, "%s", text);
  (void)snprintf(l.type, sizeof l.type, "%s", type);
  return l;
}

static struct plate_read read_of(const char *text, enum plate_type type, float confidence,
                                 struct quad q) {
  struct plate_read r = {.type = type, .confidence = confidence, .quad = q};
  (void)snprintf(r.text, sizeof r.text, "%s", text);
  return r;
}

static void several_plates_of_a_picture_are_counted(void **state) {
  (void)state;
  const struct label truth[] = {
      label(JING "A11111", "blue", 10, 10, 110, 40),
      label(JING "A22222", "blue", 10, 100, 110, 130),  // read wrong but for the province
      label(JING "A33333", "green", 10, 200, 110, 230), // not found
      label("", "yellow", 10, 300, 110, 330),           // text not known
  };
  struct quad found[] = {box(12, 11, 112, 41), box(10, 100, 110, 130), box(10, 300, 110, 330),
                         box(400, 400, 500, 430)};
  struct plate_read reads[] = {
      read_of(JING "A11111", PLATE_BLUE, 0.99f, found[0]),
      read_of(YUE "A22222", PLATE_YELLOW, 0.95f, found[1]),
      read_of(JING "A99999", PLATE_YELLOW, 0.97f, found[2]), // right or wrong: nobody knows
      read_of(JING "A88888", PLATE_BLUE, 0.91f, found[3]),   // no plate is there
  };
  const struct seen p = {
      .truth = truth, .truths = 4, .reads = 4, .read = reads, .detections = 4, .detection = found};
  struct pairing pair;
  score_pair(&p, BOX_CORNERS, &pair);
  assert_int_equal(pair.of_truth[0], 0);
  assert_int_equal(pair.of_truth[1], 1);
  assert_int_equal(pair.of_truth[2], -1);
  assert_int_equal(pair.of_truth[3], 2);
  assert_int_equal(pair.of_read[3], -1);
  struct set_score s = {0};
  score_picture(&s, &p, &pair, BOX_CORNERS);
  assert_int_equal(s.all.truths, 3);
  assert_int_equal(s.all.exact, 1);
  assert_int_equal(s.all.no_province, 2);
  assert_int_equal(s.all.placed, 4);
  assert_int_equal(s.all.found, 3);
  assert_int_equal(s.all.typed, 3);
  assert_int_equal(s.all.type_right, 2);
  assert_int_equal(s.all.false_plates, 1);
  assert_int_equal(s.all.false_sure, 1);
  assert_int_equal(s.all.sure, 3);
  assert_int_equal(s.all.sure_right, 1);
  assert_int_equal(s.all.pictures, 1);
  int types = 0, provinces = 0;
  for (int i = 0; i < s.groups; i++) {
    types += strncmp(s.group[i].name, "type:", 5) == 0;
    provinces += strcmp(s.group[i].name, "province:" JING) == 0 && s.group[i].truths == 3;
  }
  assert_int_equal(types, 3);
  assert_int_equal(provinces, 1);
}

static void a_plate_without_a_place_takes_the_surest_read(void **state) {
  (void)state;
  const struct label truth[] = {label(JING "A11111", "", 0, 0, 0, 0)};
  struct plate_read reads[] = {read_of(JING "A11112", PLATE_BLUE, 0.8f, box(1, 1, 9, 4)),
                               read_of(JING "A11117", PLATE_BLUE, 0.3f, box(50, 1, 90, 14))};
  const struct seen p = {.truth = truth, .truths = 1, .reads = 2, .read = reads};
  struct pairing pair;
  score_pair(&p, BOX_CORNERS, &pair);
  assert_int_equal(pair.of_truth[0], 0);
  assert_int_equal(pair.of_read[1], -1);
}

static void a_row_that_stands_twice_shares_its_read(void **state) {
  (void)state;
  const struct label truth[] = {label(JING "A11111", "blue", 10, 10, 110, 40),
                                label(JING "A11111", "blue", 10, 10, 110, 40),
                                label(JING "A11111", "blue", 10, 200, 110, 230)};
  struct plate_read reads[] = {read_of(JING "A11111", PLATE_BLUE, 0.9f, box(10, 10, 110, 40)),
                               read_of(JING "A11117", PLATE_BLUE, 0.3f, box(10, 60, 110, 90))};
  const struct seen p = {.truth = truth, .truths = 3, .reads = 2, .read = reads};
  struct pairing pair;
  score_pair(&p, BOX_CORNERS, &pair);
  assert_int_equal(pair.of_truth[0], 0);
  assert_int_equal(pair.of_truth[1], 0);
  assert_int_equal(pair.of_truth[2], -1); // another plate, though of the same text
  assert_int_equal(pair.of_read[0], 0);
  assert_int_equal(pair.of_read[1], -1);
}

static void ignored_plates_count_nowhere(void **state) {
  (void)state;
  struct label truth[] = {label(JING "A11111", "blue", 10, 10, 110, 40)};
  truth[0].ignored = true;
  struct plate_read reads[] = {read_of(JING "A77777", PLATE_BLUE, 0.99f, box(10, 10, 110, 40))};
  const struct seen p = {.truth = truth, .truths = 1, .reads = 1, .read = reads};
  struct pairing pair;
  struct set_score s = {0};
  score_pair(&p, BOX_CORNERS, &pair);
  score_picture(&s, &p, &pair, BOX_CORNERS);
  assert_int_equal(s.all.truths + s.all.sure + s.all.false_plates + s.all.placed, 0);
}

static void types_are_compared(void **state) {
  (void)state;
  assert_true(score_same_type("blue", PLATE_BLUE));
  assert_false(score_same_type("blue", PLATE_GREEN));
  assert_true(score_same_type("green", PLATE_GREEN_LARGE));
  assert_false(score_same_type("green_large", PLATE_GREEN));
  assert_true(score_same_type("white", PLATE_WHITE2));
  assert_false(score_same_type("yellow", PLATE_YELLOW2));
}

// Twenty pictures whose only plate lies at (100, 100), 80x20. `as_centre`: so the boxes say.
static void boxes_of(bool as_centre, int detected, enum box_form want) {
  struct label truth[20];
  struct quad found[20];
  struct seen seen[20];
  for (int i = 0; i < 20; i++) {
    const float x = 100.0f + (float)i, y = 100.0f;
    truth[i] = as_centre ? label(JING "A11111", "", x, y, x + 80, y + 20)
                         : label(JING "A11111", "", x - 40, y - 10, x + 40, y + 10);
    found[i] = box(x - 40, y - 10, x + 40, y + 10);
    seen[i] = (struct seen){
        .truth = &truth[i], .truths = 1, .detections = i < detected, .detection = &found[i]};
  }
  assert_int_equal(score_box_form(seen, 20), want);
}

static void box_form_is_decided_by_what_is_found(void **state) {
  (void)state;
  boxes_of(true, 20, BOX_CENTRE);
  boxes_of(true, 12, BOX_CENTRE);
  boxes_of(true, 9, BOX_CORNERS); // too little to be sure of
  boxes_of(false, 20, BOX_CORNERS);
  boxes_of(false, 1, BOX_CORNERS); // a detector that fails must not change the labels' meaning
  boxes_of(false, 0, BOX_CORNERS);
}

// 80x20 turned by 35 degrees about (100, 100): its upright box is 77x62, no half of which is the
// label's.
static void a_label_without_its_angle_is_found_by_a_turned_plate(void **state) {
  (void)state;
  const struct label truth = label(JING "A11111", "", 100, 100, 180, 120);
  struct quad turned;
  for (int i = 0; i < 4; i++) {
    const float x = i == 1 || i == 2 ? 40.0f : -40.0f, y = i >= 2 ? 10.0f : -10.0f;
    turned.corner[i] =
        (struct point){100.0f + 0.819f * x - 0.574f * y, 100.0f + 0.574f * x + 0.819f * y};
  }
  const struct seen p = {.truth = &truth, .truths = 1, .detections = 1, .detection = &turned};
  struct pairing pair;
  struct set_score s = {0};
  score_pair(&p, BOX_CENTRE, &pair);
  score_picture(&s, &p, &pair, BOX_CENTRE);
  assert_int_equal(s.all.placed, 1);
  assert_int_equal(s.all.found, 1);
}

static void turned_boxes_lie_flat(void **state) {
  (void)state;
  struct rect r;
  const struct label l = label("", "", 100, 50, 120, 130); // 20 wide and 80 high: turned
  assert_true(score_place(&l, BOX_CENTRE, &r));
  assert_float_equal(r.x0, 60, 1e-6);
  assert_float_equal(r.y1, 60, 1e-6);
  assert_true(score_place(&l, BOX_CORNERS, &r));
  assert_float_equal(r.y1, 130, 1e-6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(several_plates_of_a_picture_are_counted),
      cmocka_unit_test(a_plate_without_a_place_takes_the_surest_read),
      cmocka_unit_test(a_row_that_stands_twice_shares_its_read),
      cmocka_unit_test(ignored_plates_count_nowhere),
      cmocka_unit_test(types_are_compared),
      cmocka_unit_test(box_form_is_decided_by_what_is_found),
      cmocka_unit_test(turned_boxes_lie_flat),
      cmocka_unit_test(a_label_without_its_angle_is_found_by_a_turned_plate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
