// SPDX-License-Identifier: Apache-2.0
#include "vision/tess_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Places from "粤 A/4 1 ...": alternatives of a place are divided by '/', each half as likely as
// the one before.
static struct tess_text line(const char *places) {
  struct tess_text t = {0};
  char copy[256], *rest = copy, *word;
  assert_true(snprintf(copy, sizeof copy, "%s", places) < (int)sizeof copy);
  while ((word = strsep(&rest, " "))) {
    struct tess_place *p = tess_text_place(&t);
    char *symbol;
    float weight = 0.4f;
    while (p && (symbol = strsep(&word, "/"))) {
      tess_place_add(p, symbol, weight);
      weight /= 2.0f;
    }
  }
  return t;
}

static struct plate_read ranked(const struct tess_text *t, bool two_lines) {
  struct plate_read r = {0};
  tess_text_rank(t, two_lines, 1.0f, 0.0f, &r);
  return r;
}

static void what_was_seen_is_told(void **state) {
  (void)state;
  const struct tess_text t = line("粤 A 1 2 3 4 5");
  const struct plate_read r = ranked(&t, false);
  assert_string_equal(r.text, "粤A12345");
  assert_int_equal(r.type, PLATE_BLUE);
  assert_true(r.confidence > 0.99f);
  assert_int_equal(r.alternatives, 0);
}

// A digit cannot stand second: the letter that was seen there, less likely, is taken.
static void grammar_chooses_among_what_was_seen(void **state) {
  (void)state;
  const struct tess_text t = line("粤 4/A 1 2 3 4 5");
  const struct plate_read r = ranked(&t, false);
  assert_string_equal(r.text, "粤A12345");
  assert_true(r.confidence < 0.4f); // it is as sure as the letter was
}

static void a_nought_behind_the_province_is_the_letter(void **state) {
  (void)state;
  const struct tess_text t = line("粤 0/Q T 1 0 3 4");
  const struct plate_read r = ranked(&t, false);
  assert_string_equal(r.text, "粤OT1034");
  assert_string_equal(r.alternative[0].text, "粤QT1034");
}

static void nothing_is_put_where_nothing_fits(void **state) {
  (void)state;
  const struct tess_text digit = line("粤 4 1 2 3 4 5"), gap = line("粤 A 1 2 I 4 5"),
                         few = line("粤 A 1 2"), many = line("粤 A 1 2 3 4 5 6 7 8"), none = {0};
  assert_string_equal(ranked(&digit, false).text, "");
  assert_string_equal(ranked(&gap, false).text, ""); // I stands on no plate
  assert_string_equal(ranked(&few, false).text, "");
  assert_string_equal(ranked(&many, false).text, "");
  assert_string_equal(ranked(&none, false).text, "");
  assert_true(ranked(&many, false).confidence == 0.0f);
}

static void alternatives_are_ranked_and_share_the_rest(void **state) {
  (void)state;
  const struct tess_text t = line("粤/湘 A 1 2/Z 3 4 5");
  const struct plate_read r = ranked(&t, false);
  assert_string_equal(r.text, "粤A12345");
  assert_int_equal(r.alternatives, 3);
  float sum = r.confidence;
  for (int i = 0; i < r.alternatives; i++) {
    assert_string_not_equal(r.alternative[i].text, r.text);
    assert_true(i == 0 || r.alternative[i].confidence <= r.alternative[i - 1].confidence);
    sum += r.alternative[i].confidence;
  }
  assert_string_equal(r.alternative[2].text, "湘A1Z345");
  assert_true(sum <= 1.001f);
}

static void two_lines_make_another_type(void **state) {
  (void)state;
  const struct tess_text t = line("粤 A 1 2 3 4 挂"), w = line("W J 粤 1 2 3 4 5");
  assert_int_equal(ranked(&t, true).type, PLATE_YELLOW2);
  assert_int_equal(ranked(&w, true).type, PLATE_WHITE2);
  assert_int_equal(ranked(&w, false).type, PLATE_WHITE);
}

static void places_hold_the_best_and_each_symbol_once(void **state) {
  (void)state;
  static const char *const symbols[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  struct tess_text t = {0};
  struct tess_place *p = tess_text_place(&t);
  for (int i = 0; i < 10; i++)
    tess_place_add(p, symbols[i], 0.01f * (float)(i + 1));
  tess_place_add(p, "9", 0.5f);
  tess_place_add(p, "I", 0.9f); // stands on no plate
  tess_place_add(p, "12", 0.9f);
  tess_place_add(p, "7", -1.0f);
  assert_int_equal(p->choices, TESS_CHOICES_MAX);
  for (int i = 1; i < p->choices; i++) {
    assert_true(p->weight[i] <= p->weight[i - 1]);
    for (int k = 0; k < i; k++)
      assert_int_not_equal(p->symbol[i], p->symbol[k]);
  }
  assert_true(p->weight[0] == 0.5f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_seen_is_told),
      cmocka_unit_test(grammar_chooses_among_what_was_seen),
      cmocka_unit_test(a_nought_behind_the_province_is_the_letter),
      cmocka_unit_test(nothing_is_put_where_nothing_fits),
      cmocka_unit_test(alternatives_are_ranked_and_share_the_rest),
      cmocka_unit_test(two_lines_make_another_type),
      cmocka_unit_test(places_hold_the_best_and_each_symbol_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
