// SPDX-License-Identifier: Apache-2.0
#include "vision/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct point diamond[4] = {{0.5f, 0.1f}, {0.9f, 0.5f}, {0.5f, 0.9f}, {0.1f, 0.5f}};

static void no_points_mean_the_whole_frame(void **state) {
  (void)state;
  struct zone z;
  struct err e = {0};
  assert_true(zone_init(&z, NULL, 0, &e));
  assert_true(zone_contains(&z, 0.0f, 1.0f));
  assert_false(zone_contains(&z, 1.01f, 0.5f));
  const struct image_rect r = zone_rect(&z, 640, 360, 0.1f);
  assert_int_equal(r.x, 0);
  assert_int_equal(r.width, 640);
  assert_int_equal(r.height, 360);
}

static void a_polygon_holds_its_inside_and_edges(void **state) {
  (void)state;
  struct zone z;
  struct err e = {0};
  assert_true(zone_init(&z, diamond, 4, &e));
  assert_true(zone_contains(&z, 0.5f, 0.5f));
  assert_true(zone_contains(&z, 0.5f, 0.1f));
  assert_true(zone_contains(&z, 0.7f, 0.3f));
  assert_false(zone_contains(&z, 0.15f, 0.15f));
  assert_false(zone_contains(&z, 0.85f, 0.85f));
  const struct quad in = {{{300, 170}, {340, 170}, {340, 190}, {300, 190}}};
  const struct quad out = {{{20, 20}, {60, 20}, {60, 40}, {20, 40}}};
  assert_true(zone_contains_quad(&z, &in, 640, 360));
  assert_false(zone_contains_quad(&z, &out, 640, 360));
  const struct image_rect r = zone_rect(&z, 1000, 1000, 0.0f);
  assert_in_range(r.x, 99, 101);
  assert_in_range(r.width, 799, 802);
}

static void a_concave_zone_has_its_notch(void **state) {
  (void)state;
  static const struct point notch[5] = {
      {0.0f, 0.0f}, {1.0f, 0.0f}, {1.0f, 1.0f}, {0.5f, 0.4f}, {0.0f, 1.0f}};
  struct zone z;
  struct err e = {0};
  assert_true(zone_init(&z, notch, 5, &e));
  assert_true(zone_contains(&z, 0.5f, 0.2f));
  assert_false(zone_contains(&z, 0.5f, 0.8f));
  unsigned char mask[100];
  zone_mask(&z, 10, 10, mask);
  assert_int_equal(mask[1 * 10 + 5], 1);
  assert_int_equal(mask[9 * 10 + 5], 0);
}

static void wrong_zones_are_named(void **state) {
  (void)state;
  struct zone z;
  struct err e = {0};
  static const struct point outside[3] = {{0, 0}, {1.5f, 0}, {0, 1}};
  assert_false(zone_init(&z, outside, 3, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_non_null(strstr(e.text, "point 2"));
  static const struct point bow[4] = {{0, 0}, {1, 1}, {1, 0}, {0, 1}};
  assert_false(zone_init(&z, bow, 4, &e));
  assert_non_null(strstr(e.text, "crosses"));
  static const struct point line[3] = {{0, 0}, {0.5f, 0.5f}, {1, 1}};
  assert_false(zone_init(&z, line, 3, &e));
  assert_non_null(strstr(e.text, "no area"));
  assert_false(zone_init(&z, diamond, 2, &e));
  assert_false(zone_init(&z, diamond, ZONE_POINTS_MAX + 1, &e));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_points_mean_the_whole_frame),
      cmocka_unit_test(a_polygon_holds_its_inside_and_edges),
      cmocka_unit_test(a_concave_zone_has_its_notch),
      cmocka_unit_test(wrong_zones_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
