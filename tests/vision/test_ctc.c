// SPDX-License-Identifier: Apache-2.0
#include "vision/ctc.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 20, CLASSES = GRAMMAR_SYMBOLS + 1 };

static struct reader_model model;
static float logits[STEPS][CLASSES];
static float types[2];

static int setup(void **state) {
  (void)state;
  model = (struct reader_model){.symbols = GRAMMAR_SYMBOLS, .types = 2, .temperature = 1.0f};
  for (int i = 0; i < GRAMMAR_SYMBOLS; i++)
    model.symbol[i] = i;
  model.type[0] = PLATE_BLUE;
  model.type[1] = PLATE_GREEN;
  for (int t = 0; t < STEPS; t++) {
    for (int c = 0; c < CLASSES; c++)
      logits[t][c] = -20.0f;
    logits[t][0] = 0.0f;
  }
  types[0] = 10.0f;
  types[1] = -10.0f;
  return 0;
}

static void see(int step, const char *symbol, float value) {
  logits[step][grammar_symbol_at(symbol, NULL) + 1] = value;
}

// Writes a text, a symbol every second column from column 1.
static void write_text(const char *text) {
  uint8_t s[PLATE_SYMBOLS_MAX];
  const int n = grammar_split(text, s, PLATE_SYMBOLS_MAX);
  for (int i = 0; i < n; i++)
    see(1 + 2 * i, grammar_symbol(s[i]), 12.0f);
}

static struct ctc_result decode(void) {
  struct ctc_result r;
  ctc_decode(&model, &logits[0][0], STEPS, types, &r);
  return r;
}

static void a_clear_text_is_read(void **state) {
  (void)state;
  write_text("粤A11234"); // a doubled digit needs the blank between
  const struct ctc_result r = decode();
  assert_true(r.texts >= 1);
  assert_string_equal(r.text[0].text, "粤A11234");
  assert_int_equal(r.text[0].type, PLATE_BLUE);
  assert_true(r.text[0].probability > 0.98f && r.text[0].probability <= 1.0001f);
}

static void a_symbol_over_several_columns_is_one(void **state) {
  (void)state;
  write_text("粤A12345");
  see(4, "A", 12.0f);
  const struct ctc_result r = decode();
  assert_string_equal(r.text[0].text, "粤A12345");
}

static void the_grammar_chooses_among_what_was_seen(void **state) {
  (void)state;
  write_text("粤A12345");
  see(3, "8", 13.0f); // likelier than A, but a digit cannot stand there
  struct ctc_result r = decode();
  assert_string_equal(r.text[0].text, "粤A12345");
  // The doubt stays: exp(12) / (exp(12) + exp(13)) = 0.27.
  assert_float_equal(r.text[0].probability, 0.269, 0.01);
}

static void alternatives_are_ranked(void **state) {
  (void)state;
  write_text("粤A12345");
  see(13, "S", 11.0f);
  const struct ctc_result r = decode();
  assert_true(r.texts >= 2);
  assert_string_equal(r.text[0].text, "粤A12345");
  assert_string_equal(r.text[1].text, "粤A1234S");
  assert_float_equal(r.text[0].probability, 0.731, 0.01);
  assert_float_equal(r.text[1].probability, 0.269, 0.01);
}

static void nothing_is_invented(void **state) {
  (void)state;
  assert_int_equal(decode().texts, 0); // blanks alone
  write_text("A12345");                // no province was seen
  assert_int_equal(decode().texts, 0);
}

static void the_type_weighs_in(void **state) {
  (void)state;
  write_text("粤BD12345");
  struct ctc_result r = decode();
  assert_string_equal(r.text[0].text, "粤BD12345");
  assert_int_equal(r.text[0].type, PLATE_GREEN);
  assert_true(r.text[0].probability < 0.5f); // the picture looks blue
  types[1] = 20.0f;
  r = decode();
  assert_true(r.text[0].probability > 0.95f);
}

static void temperature_softens(void **state) {
  (void)state;
  write_text("粤A12345");
  see(13, "S", 8.0f);
  const float sharp = decode().text[0].probability;
  model.temperature = 4.0f;
  const float soft = decode().text[0].probability;
  assert_true(soft < sharp);
}

static void damaged_values_are_survived(void **state) {
  (void)state;
  write_text("粤A12345");
  for (int t = 0; t < STEPS; t += 3)
    for (int c = 0; c < CLASSES; c++)
      logits[t][c] = c % 2 ? NAN : INFINITY;
  const struct ctc_result r = decode();
  assert_in_range(r.texts, 0, CTC_TEXTS_MAX);
}

static void looks_are_mixed(void **state) {
  (void)state;
  struct ctc_result look[2] = {
      {2, {{"粤A12345", PLATE_BLUE, 0.6f}, {"粤A12346", PLATE_BLUE, 0.4f}}},
      {1, {{"粤A12346", PLATE_YELLOW, 0.9f}}},
  };
  struct ctc_result r;
  ctc_fuse(look, 2, &r);
  assert_int_equal(r.texts, 2);
  assert_string_equal(r.text[0].text, "粤A12346");
  assert_float_equal(r.text[0].probability, 0.65, 1e-5);
  assert_int_equal(r.text[0].type, PLATE_YELLOW);
  assert_float_equal(r.text[1].probability, 0.3, 1e-5);
}

// The networks know the figure alone; seen in two columns running it is one letter.
static void a_nought_behind_the_province_is_the_letter(void **state) {
  (void)state;
  write_text("粤0T1004");
  see(3, "Q", 10.0f);
  struct ctc_result r = decode();
  assert_string_equal(r.text[0].text, "粤OT1004");
  assert_string_equal(r.text[1].text, "粤QT1004");
  assert_true(r.text[0].probability > r.text[1].probability);
  see(4, "0", 12.0f);
  r = decode();
  assert_string_equal(r.text[0].text, "粤OT1004");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(a_nought_behind_the_province_is_the_letter, setup),
      cmocka_unit_test_setup(a_clear_text_is_read, setup),
      cmocka_unit_test_setup(a_symbol_over_several_columns_is_one, setup),
      cmocka_unit_test_setup(the_grammar_chooses_among_what_was_seen, setup),
      cmocka_unit_test_setup(alternatives_are_ranked, setup),
      cmocka_unit_test_setup(nothing_is_invented, setup),
      cmocka_unit_test_setup(the_type_weighs_in, setup),
      cmocka_unit_test_setup(temperature_softens, setup),
      cmocka_unit_test_setup(damaged_values_are_survived, setup),
      cmocka_unit_test(looks_are_mixed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
