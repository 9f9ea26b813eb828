// SPDX-License-Identifier: Apache-2.0
#include "vision/motion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { W = 320, H = 180 };
#define FRAME_NS INT64_C(40000000)

static uint8_t pixels[W * H];
static uint32_t seed;

static struct image_view view(void) {
  return (struct image_view){IMAGE_GRAY8, W, H, {pixels, NULL, NULL}, {W, 0, 0}};
}

static int noise(int amount) {
  seed = seed * 1664525u + 1013904223u;
  return amount ? (int)(seed >> 16) % (2 * amount + 1) - amount : 0;
}

// A bay with a wall's pattern, and a car whose left edge is at `car` (below 0: none), at an
// exposure and with noise.
static void draw(int car, float exposure, int grain) {
  for (int y = 0; y < H; y++) {
    for (int x = 0; x < W; x++) {
      float v = (float)(90 + (x / 16 + y / 12) % 2 * 30);
      if (car >= 0 && x >= car && x < car + 90 && y >= 60 && y < 150)
        v = (y < 90) ? 30.0f : (x / 8 % 2) ? 200.0f : 180.0f;
      int p = (int)(v * exposure) + noise(grain);
      pixels[y * W + x] = (uint8_t)(p < 0 ? 0 : p > 255 ? 255 : p);
    }
  }
}

static struct motion_result step(struct motion *m, int64_t t) {
  const struct image_view v = view();
  struct motion_result r;
  struct err e = {0};
  assert_true(motion_step(m, &v, t, &r, &e));
  return r;
}

static struct motion *fresh(void) {
  struct motion *m = NULL;
  struct err e = {0};
  seed = 1;
  assert_true(motion_new(&m, NULL, &e));
  return m;
}

static void an_empty_noisy_bay_is_still(void **state) {
  (void)state;
  struct motion *m = fresh();
  for (int i = 0; i < 12; i++) {
    draw(-1, 1.0f, 12);
    const struct motion_result r = step(m, i * FRAME_NS);
    assert_int_equal(r.scene_changed, i == 0);
    assert_false(r.moving);
    assert_int_equal(r.boxes, 0);
  }
  motion_free(m);
}

static void exposure_changes_are_no_motion(void **state) {
  (void)state;
  struct motion *m = fresh();
  for (int i = 0; i < 18; i++) {
    draw(-1, i < 6 ? 1.0f : i < 12 ? 1.3f : 0.7f, 3);
    const struct motion_result r = step(m, i * FRAME_NS);
    assert_false(r.moving);
    assert_int_equal(r.boxes, 0);
  }
  motion_free(m);
}

static void a_car_moves_then_stands_then_leaves(void **state) {
  (void)state;
  struct motion *m = fresh();
  int64_t t = 0;
  for (int i = 0; i < 10; i++, t += FRAME_NS) {
    draw(-1, 1.0f, 3);
    (void)step(m, t);
  }
  struct motion_result r = {0};
  for (int x = 0; x <= 120; x += 12, t += FRAME_NS) {
    draw(x, 1.0f, 3);
    r = step(m, t);
    assert_true(r.moving);
  }
  for (int i = 0; i < 15; i++, t += FRAME_NS) { // stands: not moving, still there
    draw(120, 1.0f, 3);
    r = step(m, t);
  }
  assert_false(r.moving);
  assert_true(r.occupied);
  assert_int_equal(r.boxes, 1);
  assert_float_equal(r.box[0].x0, 120.0 / W, 0.03);
  assert_float_equal(r.box[0].x1, 210.0 / W, 0.03);
  assert_float_equal(r.box[0].y1, 150.0 / H, 0.03);
  for (int i = 0; i < 5; i++, t += FRAME_NS) {
    draw(-1, 1.0f, 3);
    r = step(m, t);
  }
  assert_false(r.occupied);
  motion_free(m);
}

static void what_stays_becomes_background(void **state) {
  (void)state;
  struct motion *m = fresh();
  int64_t t = 0;
  draw(-1, 1.0f, 2);
  (void)step(m, t);
  struct motion_result r = {0};
  for (int64_t s = 0; s < 14; s++) {
    draw(100, 1.0f, 2);
    r = step(m, t += INT64_C(5000000000));
    if (s == 10)
      assert_true(r.occupied);
  }
  assert_false(r.occupied);
  // When it drives off, the place it left must not look like a thing that stands there.
  for (int x = 100; x < W; x += 20) {
    draw(x, 1.0f, 2);
    r = step(m, t += FRAME_NS);
  }
  for (int i = 0; i < 4; i++) {
    draw(-1, 1.0f, 2);
    r = step(m, t += FRAME_NS);
  }
  assert_int_equal(r.boxes, 0);
  motion_free(m);
}

static void motion_outside_the_zone_does_not_count(void **state) {
  (void)state;
  static const struct point right[4] = {{0.8f, 0}, {1, 0}, {1, 1}, {0.8f, 1}};
  struct zone z;
  struct err e = {0};
  struct motion *m = NULL;
  assert_true(zone_init(&z, right, 4, &e));
  assert_true(motion_new(&m, &z, &e));
  for (int i = 0; i < 10; i++) {
    draw(i < 3 ? -1 : 8 * i, 1.0f, 2);
    const struct motion_result r = step(m, i * FRAME_NS);
    assert_false(r.moving);
    assert_int_equal(r.boxes, 0);
  }
  motion_free(m);
}

static void another_scene_begins_anew(void **state) {
  (void)state;
  struct motion *m = fresh();
  draw(-1, 1.0f, 2);
  (void)step(m, 0);
  for (int i = 0; i < W * H; i++)
    pixels[i] = (uint8_t)((i % W) / 5 * 37);
  assert_true(step(m, FRAME_NS).scene_changed);
  assert_false(step(m, 2 * FRAME_NS).moving);
  motion_reset(m);
  draw(50, 1.0f, 2);
  const struct motion_result r = step(m, 3 * FRAME_NS);
  assert_true(r.scene_changed && !r.moving && r.boxes == 0);
  motion_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_empty_noisy_bay_is_still),
      cmocka_unit_test(exposure_changes_are_no_motion),
      cmocka_unit_test(a_car_moves_then_stands_then_leaves),
      cmocka_unit_test(what_stays_becomes_background),
      cmocka_unit_test(motion_outside_the_zone_does_not_count),
      cmocka_unit_test(another_scene_begins_anew),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
