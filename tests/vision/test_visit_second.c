// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/visit_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct opinion_table opinions = {
    .knots = 2,
    .at = {0.0f, 1.0f},
    .then = {[OPINION_NONE] = {0.0f, 1.0f},
             [OPINION_SAME] = {0.5f, 1.0f},
             [OPINION_OTHER] = {0.0f, 0.5f},
             [OPINION_SILENT] = {0.0f, 0.8f}},
};

// Answers a question that must be there.
static void answer(struct scene *w, const char *text, float confidence) {
  struct visit_question q;
  struct plate_read second = world_read(text, confidence, 0, 0, 100);
  assert_true(visits_ask(w->v, &q));
  visits_answer(w->v, &q, &second, w->t, scene_note, w);
}

static void the_second_reader_is_asked_after_the_card_about_its_crop(void **state) {
  (void)state;
  struct scene w = scene_start();
  struct visit_question q;
  scene_arrive(&w, "粤A12345", 0.95f);
  assert_false(visits_ask(w.v, &q)); // nobody to ask
  visits_set_opinions(w.v, &opinions);
  assert_true(visits_ask(w.v, &q));
  assert_int_equal(q.visit, 7);
  assert_non_null(q.crop.plane[0]);
  float x0, y0, x1, y1;
  quad_bounds(&q.plate.quad, &x0, &y0, &x1, &y1);
  assert_true(x0 > 0 && y0 > 0 && x1 < (float)q.crop.width && y1 < (float)q.crop.height);
  assert_true(x1 - x0 > 0.5f * (float)q.crop.width);
  assert_false(visits_ask(w.v, &q)); // once for one crop
  scene_finish(&w);
}

static void agreement_raises_and_disagreement_lowers(void **state) {
  (void)state;
  struct scene w = scene_start(), o = scene_start();
  visits_set_opinions(w.v, &opinions);
  visits_set_opinions(o.v, &opinions);
  scene_arrive(&w, "粤A12345", 0.82f);
  scene_arrive(&o, "粤A12345", 0.97f);
  scene_stand(&o, "粤A12345", 0.97f, 1);
  const float before = scene_last(&w)->best.confidence;
  answer(&w, "粤A12345", 0.9f);
  assert_int_equal(scene_last(&w)->opinion, OPINION_SAME);
  assert_true(scene_last(&w)->best.confidence > before);
  assert_int_equal(scene_last(&o)->certainty, VISIT_CERTAIN);
  answer(&o, "粤A1234S", 0.9f);
  assert_int_equal(scene_last(&o)->kind, VISIT_IMPROVED);
  assert_int_equal(scene_last(&o)->opinion, OPINION_OTHER);
  assert_int_equal(scene_last(&o)->certainty, VISIT_UNSURE); // whatever it was before
  assert_string_equal(scene_last(&o)->best.text, "粤A12345");
  assert_int_equal(scene_last(&o)->best.alternatives, 1);
  assert_string_equal(scene_last(&o)->best.alternative[0].text, "粤A1234S");
  assert_true(scene_last(&o)->best.alternative[0].confidence > 0.4f);
  scene_finish(&w);
  scene_finish(&o);
}

static void the_surest_of_its_answers_counts(void **state) {
  (void)state;
  struct scene w = scene_start();
  visits_set_opinions(w.v, &opinions);
  for (int i = 0; i < 8; i++)
    scene_show(&w, "粤A12345", 0.9f, 640, 300 + 6 * (float)i, 30, 0.5f);
  answer(&w, "粤A12345", 0.9f);
  assert_int_equal(scene_last(&w)->opinion, OPINION_SAME);
  scene_arrive(&w, "粤A12345", 0.95f);
  answer(&w, "粤A12346", 0.4f); // of a better crop, but less sure
  assert_int_equal(scene_last(&w)->opinion, OPINION_SAME);
  scene_finish(&w);
}

static void a_text_without_a_province_is_certain_by_two_readers_only(void **state) {
  (void)state;
  struct scene w = scene_start(), police = scene_start();
  visits_set_opinions(w.v, &opinions);
  scene_arrive(&w, "KR11555", 0.97f);
  scene_stand(&w, "KR11555", 0.97f, 1);
  assert_true(w.n > 0);
  assert_int_equal(scene_last(&w)->certainty, VISIT_UNSURE);
  answer(&w, "KR11555", 0.9f);
  assert_int_equal(scene_last(&w)->certainty, VISIT_CERTAIN);
  scene_arrive(&police, "WJ京1234X", 0.97f);
  scene_stand(&police, "WJ京1234X", 0.97f, 1);
  assert_int_equal(scene_last(&police)->certainty, VISIT_CERTAIN);
  scene_finish(&w);
  scene_finish(&police);
}

static void a_changed_text_is_asked_about_again_but_not_for_ever(void **state) {
  (void)state;
  struct scene w = scene_start();
  struct visit_question q;
  int asked = 0;
  visits_set_opinions(w.v, &opinions);
  for (int i = 0; i < 60; i++) {
    scene_show(&w, "皖A12845", 0.7f, 640, 300 + 2 * (float)i, 40, 0.5f);
    asked += visits_ask(w.v, &q);
  }
  assert_true(asked >= 1);
  scene_arrive(&w, "粤A12345", 0.95f);
  assert_string_equal(scene_last(&w)->best.text, "粤A12345");
  assert_int_equal(scene_last(&w)->opinion, OPINION_NONE); // the old answer was of another text
  answer(&w, "粤A12345", 0.9f);
  assert_int_equal(scene_last(&w)->opinion, OPINION_SAME);
  for (int i = 0; i < 200; i++) {
    scene_show(&w, i / 20 % 2 ? "粤A12345" : "粤A12346", 0.9f, 640, 520, 60 + 2 * (float)i, 0.5f);
    asked += visits_ask(w.v, &q);
  }
  assert_true(asked <= 6);
  scene_finish(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_second_reader_is_asked_after_the_card_about_its_crop),
      cmocka_unit_test(agreement_raises_and_disagreement_lowers),
      cmocka_unit_test(the_surest_of_its_answers_counts),
      cmocka_unit_test(a_text_without_a_province_is_certain_by_two_readers_only),
      cmocka_unit_test(a_changed_text_is_asked_about_again_but_not_for_ever),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
