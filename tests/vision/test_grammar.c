// SPDX-License-Identifier: Apache-2.0
#include "vision/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_type_accepts_its_plates(void **state) {
  (void)state;
  static const struct {
    enum plate_type type;
    const char *text;
  } good[] = {
      {PLATE_BLUE, "粤A12345"},         {PLATE_BLUE, "京A8K8Z8"},
      {PLATE_GREEN, "粤BD12345"},       {PLATE_GREEN, "沪AFK0234"},
      {PLATE_GREEN, "苏EK12345"},       {PLATE_GREEN_LARGE, "粤B12345D"},
      {PLATE_GREEN_LARGE, "京A00001A"}, {PLATE_YELLOW, "冀B12345"},
      {PLATE_YELLOW, "皖A1234学"},      {PLATE_YELLOW2, "鲁B1234挂"},
      {PLATE_YELLOW2, "鲁BN1234"},      {PLATE_WHITE, "京A1234警"},
      {PLATE_WHITE, "京X1234应急"},     {PLATE_WHITE, "WJ京12345"},
      {PLATE_WHITE, "WJ粤1234X"},       {PLATE_WHITE, "VA12345"},
      {PLATE_WHITE2, "KB00001"},        {PLATE_BLACK, "使123456"},
      {PLATE_BLACK, "123456使"},        {PLATE_BLACK, "沪A1234领"},
      {PLATE_WHITE, "WJ00123"},         {PLATE_WHITE, "WJ0012X"},
      {PLATE_WHITE2, "WJ京1234X"},      {PLATE_WHITE2, "WJ0012X"},
      {PLATE_BLUE, "京AA123B"},         {PLATE_BLACK, "粤Z1A23港"},
      {PLATE_BLACK, "粤ZH123澳"},       {PLATE_BLUE, "粤OT1234"},
      {PLATE_WHITE, "粤O1234警"},
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_true(grammar_valid(good[i].type, good[i].text));
    assert_true(grammar_valid(PLATE_UNKNOWN, good[i].text));
    assert_true(grammar_types(good[i].text) >> good[i].type & 1);
  }
}

static void energy_letters_stand_in_both_places(void **state) {
  (void)state;
  for (const char *e = "ABCDEFGHJK"; *e; e++) {
    char text[PLATE_TEXT_MAX];
    (void)snprintf(text, sizeof text, "粤B%c12345", *e);
    assert_true(grammar_valid(PLATE_GREEN, text));
    assert_false(grammar_valid(PLATE_GREEN_LARGE, text));
    (void)snprintf(text, sizeof text, "粤B%cA1234", *e);
    assert_true(grammar_valid(PLATE_GREEN, text));
    (void)snprintf(text, sizeof text, "粤B12345%c", *e);
    assert_true(grammar_valid(PLATE_GREEN_LARGE, text));
    assert_false(grammar_valid(PLATE_GREEN, text));
  }
}

static void impossible_texts_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",          "粤",         "粤A1234",   "粤A123456", "A12345",    "粤AI2345",   "粤AO2345",
      "粤112345",  "12345粤A",   "粤A1234O",  "粤BL12345", "粤B1234LD", "粤A12345挂", "学A12345",
      "粤A学2345", "2026-11-23", "粤A·12345", "粤a12345",  "粤A12345 ", "日A12345",   "粤AABCDE",
      "\xE7\xB2",  "粤0T1234",   "粤OAO234",  "粤OD12345", "O12345",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(grammar_valid(PLATE_UNKNOWN, bad[i]));
  assert_false(grammar_valid(PLATE_YELLOW, "鲁B1234挂")); // trailers' plates have two lines
  assert_false(grammar_valid(PLATE_GREEN, "粤A12345"));
  assert_false(grammar_valid(PLATE_BLUE, "粤BD12345"));
  assert_int_equal(grammar_types("粤BD12345"), 1u << PLATE_GREEN);
}

static void typed_input_is_understood(void **state) {
  (void)state;
  static const struct {
    const char *typed, *text;
    bool whole;
  } t[] = {
      {"粤A·12345", "粤A12345", true},
      {"粤A•12345", "粤A12345", true},
      {"粤A.12345", "粤A12345", true},
      {" 粤a 12345 ", "粤A12345", true},
      {"粤ａ・１２３４５", "粤A12345", true},
      {"粤B·d12345", "粤BD12345", true},
      {"粤A1O345", "粤A10345", true},
      {"粤0t·1O34", "粤OT1034", true},
      {"粤0t·1O345", "粤OT10345", false},
      {"粤o1O345", "粤O10345", true},
      {"粤0", "粤O", false},
      {"O123", "0123", false},
      {"wj京1234x", "WJ京1234X", true},
      {"A123", "A123", false},
      {"粤", "粤", false},
      {"", "", false},
      {"hello!", "", false},
      {"粤A123456789", "", false},
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char out[PLATE_TEXT_MAX];
    assert_int_equal(grammar_normalise(t[i].typed, out), t[i].whole);
    assert_string_equal(out, t[i].text);
  }
}

static void cleaning_keeps_what_stands_there(void **state) {
  (void)state;
  static const char *const t[][2] = {
      {"粤O·12345", "粤O12345"}, {" 粤ａ•１２３４５\t", "粤A12345"}, {"日A-1", "日A1"}, {"", ""}};
  char out[PLATE_TEXT_MAX];
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    assert_true(grammar_clean(t[i][0], out));
    assert_string_equal(out, t[i][1]);
  }
  assert_false(grammar_clean("京京京京京京京京京京京", out));
  assert_string_equal(out, "");
  assert_true(grammar_clean("\xE7\xB2", out)); // a character cut off stays what it is
}

static void a_nought_behind_the_province_is_the_letter(void **state) {
  (void)state;
  static const char *const t[][2] = {{"粤0T9048", "粤OT9048"},
                                     {"粤A0T048", "粤A0T048"},
                                     {"WJ0012X", "WJ0012X"},
                                     {"粤0", "粤O"},
                                     {"粤", "粤"},
                                     {"日0T123", "日0T123"},
                                     {"", ""},
                                     {"00", "00"}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char text[PLATE_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%s", t[i][0]);
    grammar_spell_text(text);
    assert_string_equal(text, t[i][1]);
  }
}

static void long_input_is_bounded(void **state) {
  (void)state;
  char typed[4096], out[PLATE_TEXT_MAX];
  memset(typed, ' ', sizeof typed - 1);
  typed[sizeof typed - 1] = '\0';
  assert_false(grammar_normalise(typed, out));
  assert_string_equal(out, "");
  memset(typed, 'A', sizeof typed - 1);
  assert_false(grammar_normalise(typed, out));
  char shown[PLATE_DISPLAY_MAX];
  grammar_display(typed, shown);
  assert_true(strlen(shown) < PLATE_DISPLAY_MAX);
}

static void display_has_its_dot(void **state) {
  (void)state;
  static const char *const t[][2] = {
      {"粤A12345", "粤A·12345"},   {"粤BD12345", "粤B·D12345"},
      {"鲁B1234挂", "鲁B·1234挂"}, {"WJ京1234X", "WJ京·1234X"},
      {"VA12345", "VA·12345"},     {"使123456", "使123456"},
      {"粤Z1A23港", "粤Z·1A23港"}, {"A12", "A12"},
  };
  for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
    char out[PLATE_DISPLAY_MAX];
    grammar_display(t[i][0], out);
    assert_string_equal(out, t[i][1]);
  }
}

static void symbols_split_and_join(void **state) {
  (void)state;
  for (int i = 0; i < GRAMMAR_SYMBOLS; i++) {
    size_t bytes = 0;
    assert_int_equal(grammar_symbol_at(grammar_symbol(i), &bytes), i);
    assert_int_equal(bytes, strlen(grammar_symbol(i)));
  }
  assert_string_equal(grammar_symbol(GRAMMAR_SYMBOLS), "");
  assert_int_equal(grammar_symbol_at("I", NULL), -1);
  uint8_t s[PLATE_SYMBOLS_MAX] = {0};
  char out[PLATE_TEXT_MAX];
  assert_int_equal(grammar_split("京X1234应急", s, PLATE_SYMBOLS_MAX), 8);
  assert_true(grammar_join(s, 8, out));
  assert_string_equal(out, "京X1234应急");
  assert_int_equal(grammar_split("京X1234应急", s, 7), -1);
  s[0] = GRAMMAR_SYMBOLS;
  assert_false(grammar_join(s, 8, out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_accepts_its_plates),
      cmocka_unit_test(energy_letters_stand_in_both_places),
      cmocka_unit_test(impossible_texts_are_refused),
      cmocka_unit_test(typed_input_is_understood),
      cmocka_unit_test(cleaning_keeps_what_stands_there),
      cmocka_unit_test(a_nought_behind_the_province_is_the_letter),
      cmocka_unit_test(long_input_is_bounded),
      cmocka_unit_test(display_has_its_dot),
      cmocka_unit_test(symbols_split_and_join),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
