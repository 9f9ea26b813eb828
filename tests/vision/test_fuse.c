// SPDX-License-Identifier: Apache-2.0
#include "tests/vision/visit_world.h"
#include "vision/fuse.h"
#include "vision/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void add(struct fuse *f, const char *text, float confidence, float w) {
  struct plate_read r = world_read(text, confidence, 600, 300 + w, w);
  fuse_add(f, &r);
}

static void distance_counts_symbols_not_bytes(void **state) {
  (void)state;
  assert_int_equal(text_distance("粤A12345", "粤A12345"), 0);
  assert_int_equal(text_distance("粤A12345", "皖A12345"), 1);
  assert_int_equal(text_distance("粤A12345", "粤A1234"), 1);
  assert_int_equal(text_distance("粤A12345", "粤AD12345"), 1);
  assert_int_equal(text_distance("", "粤A"), 2);
  assert_int_equal(text_distance("\xff", "粤A12345"), PLATE_SYMBOLS_MAX);
}

static void split_and_join_are_inverse(void **state) {
  (void)state;
  uint32_t s[PLATE_SYMBOLS_MAX];
  char out[PLATE_TEXT_MAX];
  assert_int_equal(text_split("WJ京1234X", s), 8);
  text_join(s, 8, out);
  assert_string_equal(out, "WJ京1234X");
  assert_int_equal(text_split("ABCDEFGHJ", s), -1);
  assert_int_equal(text_split("粤\xe7", s), -1);
}

static void nothing_read_is_no_text(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  add(&f, "", 0.9f, 100);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "");
  assert_int_equal(r.reads, 0);
  assert_false(fuse_certain(&r, 0.1f));
}

// The first read was made far away, the loudest is a blur's; the rest agree.
static void neither_the_first_nor_the_loudest_decides(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  add(&f, "皖A12345", 0.80f, 50);
  add(&f, "粤A12346", 0.999f, 60);
  for (int i = 0; i < 6; i++)
    add(&f, "粤A12345", 0.9f, 70.0f + 8 * (float)i);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤A12345");
  assert_int_equal(r.agreeing, 6);
  assert_int_equal(r.reads, 8);
  assert_true(fuse_certain(&r, 0.9f));
  assert_true(r.alternatives >= 1);
  assert_string_equal(r.alternative[0].text, "粤A12346");
}

static void one_read_is_never_certain(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  add(&f, "粤A12345", 0.9999f, 150);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤A12345");
  assert_false(fuse_certain(&r, 0.9f));
  add(&f, "粤A12345", 0.9999f, 150);
  fuse_result(&f, &r);
  assert_true(fuse_certain(&r, 0.9f));
}

// Each read has another wrong symbol; no read was right, place by place they are.
static void symbols_are_voted_on_place_by_place(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  add(&f, "粤A12348", 0.7f, 100);
  add(&f, "粤A1Z345", 0.7f, 110);
  add(&f, "粤R12345", 0.7f, 120);
  add(&f, "皖A12345", 0.7f, 130);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤A12345");
  assert_int_equal(r.agreeing, 0);
  assert_true(r.confidence <= FUSE_PATCHED_MAX);
  assert_false(fuse_certain(&r, 0.5f));
}

static void a_text_that_is_no_plate_gives_way_to_one_that_is(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  add(&f, "51F1234", 0.5f, 100);
  add(&f, "51F1234", 0.5f, 110);
  add(&f, "粤F12345", 0.4f, 120);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤F12345");
  assert_true(r.confidence < 0.2f); // the others speak against it
  assert_false(fuse_certain(&r, 0.9f));
}

// The same weak opinion a hundred times over is one opinion.
static void a_standing_car_makes_nothing_certain_by_repetition(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  for (int i = 0; i < 100; i++)
    add(&f, "粤F12345", 0.84f, 100);
  fuse_result(&f, &r);
  assert_false(fuse_certain(&r, 0.9f));
  struct fuse g = {0};
  for (int i = 0; i < 6; i++)
    add(&g, "粤F12345", 0.84f, 60 + 12 * (float)i);
  fuse_result(&g, &r);
  assert_true(fuse_certain(&r, 0.9f));
}

static void an_hour_of_glare_does_not_outvote_the_approach(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  for (int i = 0; i < 20; i++)
    add(&f, "粤A12345", 0.97f, 60 + 6 * (float)i);
  for (int i = 0; i < 2000; i++)
    add(&f, "粤A12846", 0.5f, 180);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤A12345");
}

static void alternatives_carry_weight(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  for (int i = 0; i < 3; i++) {
    struct plate_read p = world_read(i == 0   ? "粤B12345"
                                     : i == 1 ? "粤D12345"
                                              : "粤Q12345",
                                     0.4f, 600, 300, 100);
    p.alternatives = 1;
    (void)snprintf(p.alternative[0].text, sizeof p.alternative[0].text, "粤A12345");
    p.alternative[0].confidence = 0.39f;
    fuse_add(&f, &p);
  }
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤A12345");
}

static void the_memory_is_bounded_and_keeps_the_heavy(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  for (int i = 0; i < 5; i++)
    add(&f, "粤A12345", 0.95f, 100 + 10 * (float)i);
  for (int i = 0; i < 500; i++) {
    char text[PLATE_TEXT_MAX];
    (void)snprintf(text, sizeof text, "皖B%05d", i * 37);
    add(&f, text, 0.2f, 100);
  }
  assert_true(f.texts <= FUSE_TEXTS_MAX);
  fuse_result(&f, &r);
  assert_string_equal(r.text, "粤A12345");
  assert_int_equal(r.reads, 505);
}

// A police plate is white: among reads of a yellow one its text is no candidate, unless some reads
// saw a white plate.
static void candidates_fit_the_colour_that_was_seen(void **state) {
  (void)state;
  struct fuse f = {0};
  struct fuse_result r;
  for (int i = 0; i < 6; i++) {
    struct plate_read p =
        world_read("豫A8836W", 0.7f, 600, 300 + 10 * (float)i, 100 + 9 * (float)i);
    p.type = PLATE_YELLOW;
    p.alternatives = 2;
    (void)snprintf(p.alternative[0].text, sizeof p.alternative[0].text, "豫A8836警");
    p.alternative[0].confidence = 0.2f;
    (void)snprintf(p.alternative[1].text, sizeof p.alternative[1].text, "蒙A8836W");
    p.alternative[1].confidence = 0.1f;
    fuse_add(&f, &p);
  }
  fuse_result(&f, &r);
  assert_int_equal(r.alternatives, 1);
  assert_string_equal(r.alternative[0].text, "蒙A8836W");
  struct plate_read white = world_read("豫A8836警", 0.6f, 600, 400, 160);
  white.type = PLATE_WHITE;
  fuse_add(&f, &white);
  fuse_result(&f, &r);
  assert_int_equal(r.alternatives, 2);
  assert_string_equal(r.alternative[0].text, "豫A8836警");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distance_counts_symbols_not_bytes),
      cmocka_unit_test(split_and_join_are_inverse),
      cmocka_unit_test(nothing_read_is_no_text),
      cmocka_unit_test(neither_the_first_nor_the_loudest_decides),
      cmocka_unit_test(one_read_is_never_certain),
      cmocka_unit_test(symbols_are_voted_on_place_by_place),
      cmocka_unit_test(a_text_that_is_no_plate_gives_way_to_one_that_is),
      cmocka_unit_test(a_standing_car_makes_nothing_certain_by_repetition),
      cmocka_unit_test(an_hour_of_glare_does_not_outvote_the_approach),
      cmocka_unit_test(alternatives_carry_weight),
      cmocka_unit_test(candidates_fit_the_colour_that_was_seen),
      cmocka_unit_test(the_memory_is_bounded_and_keeps_the_heavy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
