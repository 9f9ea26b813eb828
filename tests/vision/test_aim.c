// SPDX-License-Identifier: Apache-2.0
// Plates drawn with known blur, tilt, slant and light: the measures must give them back.
#include "vision/aim.h"
#include "vision/aim_marks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { W = 480, H = 270 };

static uint8_t pixels[W * H];

static struct image_view view(void) {
  return (struct image_view){IMAGE_GRAY8, W, H, {pixels, NULL, NULL}, {W, 0, 0}};
}

// Ink of a plate at (u, v) in parts of its width and height: seven characters of two uprights and a
// bar each, a stroke 1/14 of the height wide as GA 36 has them.
static bool ink(float u, float v) {
  const float x = u * 44.0f, y = v * 14.0f; // centimetres of 440 x 140 mm
  if (x < 1.5f || x > 42.5f || y < 2.5f || y > 11.5f)
    return false;
  const float in = fmodf(x - 1.5f, 5.857f);
  return in < 1.0f || (in > 3.4f && in < 4.4f) || (in < 4.4f && fabsf(y - 7.0f) < 0.5f);
}

struct drawing {
  struct quad quad;
  float dark, light;      // luma of the ground and of the ink
  float smear_x, smear_y; // box lengths, pixels
  float around;           // luma beside the plate
};

// Which part of the plate is at a place? An affine quad: corner 0 is its origin.
static float luma_at(const struct drawing *d, float px, float py) {
  const struct point *c = d->quad.corner;
  const float ax = c[1].x - c[0].x, ay = c[1].y - c[0].y, bx = c[3].x - c[0].x,
              by = c[3].y - c[0].y, det = ax * by - ay * bx;
  const float u = ((px - c[0].x) * by - (py - c[0].y) * bx) / det;
  const float v = ((py - c[0].y) * ax - (px - c[0].x) * ay) / det;
  if (u < 0 || u > 1 || v < 0 || v > 1)
    return d->around;
  return ink(u, v) ? d->light : d->dark;
}

static void draw(const struct drawing *d) {
  const int n = 12; // samples a pixel each way
  float x0, y0, x1, y1;
  quad_bounds(&d->quad, &x0, &y0, &x1, &y1);
  memset(pixels, (int)d->around, sizeof pixels);
  for (int y = 0; y < H; y++) {
    for (int x = 0; x < W; x++) {
      if ((float)x < x0 - 6 || (float)x > x1 + 6 || (float)y < y0 - 6 || (float)y > y1 + 6)
        continue;
      float sum = 0;
      for (int j = 0; j < n; j++) {
        for (int i = 0; i < n; i++) {
          const float fx = ((float)i + 0.5f) / (float)n - 0.5f,
                      fy = ((float)j + 0.5f) / (float)n - 0.5f;
          sum +=
              luma_at(d, (float)x + fx * (1.0f + d->smear_x), (float)y + fy * (1.0f + d->smear_y));
        }
      }
      pixels[y * W + x] = (uint8_t)(sum / (float)(n * n) + 0.5f);
    }
  }
}

static struct quad flat(float x, float y, float w, float h) {
  return (struct quad){{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}};
}

// Turned by `deg` about its middle.
static struct quad turned(float w, float h, float deg) {
  struct quad q = flat(-w / 2, -h / 2, w, h);
  const float a = deg / 57.29578f;
  for (int i = 0; i < 4; i++) {
    const struct point p = q.corner[i];
    q.corner[i] = (struct point){(float)W / 2 + p.x * cosf(a) - p.y * sinf(a),
                                 (float)H / 2 + p.x * sinf(a) + p.y * cosf(a)};
  }
  return q;
}

static struct aim_plate measured(const struct drawing *d, enum plate_type type) {
  const struct image_view v = view();
  struct aim_plate p;
  draw(d);
  assert_true(aim_plate_measure(&v, &d->quad, type, &p));
  return p;
}

static void near(float is, float should, float by, const char *what) {
  if (!(fabsf(is - should) <= by))
    fail_msg("%s is %g, should be %g within %g", what, (double)is, (double)should, (double)by);
}

static void a_good_plate_is_measured(void **state) {
  (void)state;
  const struct drawing d = {
      .quad = flat(140, 100, 157.1f, 50), .dark = 60, .light = 220, .around = 110};
  const struct aim_plate p = measured(&d, PLATE_BLUE);
  near(p.width, 157.1f, 0.1f, "width");
  near(p.height, 50, 0.1f, "height");
  near(p.roll_deg, 0, 0.1f, "roll");
  near(p.slant_deg, 0, 3, "slant");
  near(p.contrast, 160, 3, "contrast");
  near(p.edge_x, 1.3f, 0.4f, "edges along x");
  near(p.edge_y, 1.3f, 0.4f, "edges along y");
  near(p.glare, 0, 0, "glare");
}

static void a_turned_plate_tells_its_angle(void **state) {
  (void)state;
  const float deg[] = {-14, -3, 6, 20};
  for (size_t i = 0; i < 4; i++) {
    const struct drawing d = {
        .quad = turned(157.1f, 50, deg[i]), .dark = 60, .light = 220, .around = 110};
    const struct aim_plate p = measured(&d, PLATE_BLUE);
    near(p.roll_deg, deg[i], 0.2f, "roll");
    near(p.slant_deg, 0, 3, "slant of a plate that is only turned");
  }
}

// Seen from the side by s degrees a plate is narrower by cos s; from above, lower.
static void a_slanted_plate_tells_its_angle(void **state) {
  (void)state;
  const float deg[] = {20, 35, 50};
  for (size_t i = 0; i < 3; i++) {
    const float by = cosf(deg[i] / 57.29578f);
    const struct drawing side = {
        .quad = flat(140, 100, 157.1f * by, 50), .dark = 60, .light = 220, .around = 110};
    near(measured(&side, PLATE_BLUE).slant_deg, deg[i], 1, "slant from the side");
    const struct drawing above = {
        .quad = flat(140, 100, 157.1f, 50 * by), .dark = 60, .light = 220, .around = 110};
    near(measured(&above, PLATE_BLUE).slant_deg, deg[i], 1, "slant from above");
  }
  // The same corners are no slant on a plate of another shape.
  const struct drawing green = {
      .quad = flat(140, 100, 171.4f, 50), .dark = 200, .light = 20, .around = 110};
  near(measured(&green, PLATE_GREEN).slant_deg, 0, 3, "slant of a green plate");
}

static void smear_is_told_by_its_length_and_way(void **state) {
  (void)state;
  struct drawing d = {.quad = flat(140, 100, 157.1f, 50), .dark = 60, .light = 220, .around = 110};
  d.smear_y = 3;
  struct aim_plate p = measured(&d, PLATE_BLUE);
  assert_true(p.edge_y > p.edge_x + 1.0f);
  near(aim_smear(&p, 0, 1), 3, 1.2f, "smear downward");
  near(aim_smear(&p, 1, 0), 0, 0.1f, "smear of a motion it did not have");
  d.smear_y = 0;
  d.smear_x = 3;
  p = measured(&d, PLATE_BLUE);
  near(aim_smear(&p, -5, 0), 3, 1.2f, "smear to the left");
  d.smear_x = 0;
  p = measured(&d, PLATE_BLUE);
  near(aim_smear(&p, 0, 1), 0, 0.8f, "smear of a short shutter");
  near(aim_smear(&p, 0, 0), 0, 0, "smear of what stands");
}

static void a_blurred_plate_has_wide_edges(void **state) {
  (void)state;
  float before = 0;
  for (int blur = 0; blur <= 3; blur++) {
    const struct drawing d = {.quad = flat(100, 80, 220, 70),
                              .dark = 60,
                              .light = 220,
                              .around = 110,
                              .smear_x = (float)blur,
                              .smear_y = (float)blur};
    const struct aim_plate p = measured(&d, PLATE_BLUE);
    if (!(p.edge_x > before + 0.3f))
      fail_msg("blur of %d pixels: edges of %g after %g", blur, (double)p.edge_x, (double)before);
    before = p.edge_x;
    assert_true(p.strokes > 10);
  }
}

static void glare_counts_spots_and_not_characters(void **state) {
  (void)state;
  struct drawing d = {.quad = flat(100, 80, 220, 70), .dark = 90, .light = 255, .around = 110};
  assert_true(measured(&d, PLATE_BLUE).glare < 0.01f); // bright characters are no glare
  const struct image_view v = view();
  struct aim_plate p;
  for (int y = 90; y < 140; y++) // a lamp's spot over a third of the plate
    memset(pixels + y * W + 140, 255, 80);
  assert_true(aim_plate_measure(&v, &d.quad, PLATE_BLUE, &p));
  near(p.glare, 70.0f * 40.0f / (220 * 70), 0.08f, "glare");
  assert_true(p.glare > 0.1f);
}

static void a_flat_patch_has_no_edges(void **state) {
  (void)state;
  const struct drawing d = {
      .quad = flat(140, 100, 157, 50), .dark = 100, .light = 108, .around = 104};
  const struct aim_plate p = measured(&d, PLATE_BLUE);
  assert_true(p.edge_x == 0.0f && p.edge_y == 0.0f);
  near(aim_smear(&p, 0, 1), 0, 0, "smear without edges");
}

static void what_is_no_plate_is_refused(void **state) {
  (void)state;
  const struct image_view v = view();
  struct aim_plate p;
  const struct quad outside = flat(600, 100, 157, 50), tiny = flat(10, 10, 5, 3);
  const struct quad none = flat(NAN, NAN, 157, 50);
  assert_false(aim_plate_measure(&v, &outside, PLATE_BLUE, &p));
  assert_false(aim_plate_measure(&v, &tiny, PLATE_BLUE, &p));
  assert_false(aim_plate_measure(&v, &none, PLATE_BLUE, &p));
  const struct quad huge = flat(-300, -300, 2000, 900); // only its middle is looked at
  assert_true(aim_plate_measure(&v, &huge, PLATE_BLUE, &p));
  struct image_view nothing = v;
  nothing.plane[0] = NULL;
  const struct quad good = flat(140, 100, 157, 50);
  assert_false(aim_plate_measure(&nothing, &good, PLATE_BLUE, &p));
}

static void light_is_that_of_the_region(void **state) {
  (void)state;
  const struct image_view v = view();
  struct aim_light l;
  struct zone lower;
  const struct point half[4] = {{0, 0.5f}, {1, 0.5f}, {1, 1}, {0, 1}};
  assert_true(zone_init(&lower, half, 4, NULL));
  memset(pixels, 255, sizeof pixels);
  memset(pixels + W * (H / 2), 8, W * (H - H / 2));
  assert_true(aim_light_measure(&v, NULL, &l));
  near(l.bright, 0.5f, 0.02f, "bright part of the whole");
  near(l.dark, 0.5f, 0.02f, "dark part of the whole");
  assert_true(aim_light_measure(&v, &lower, &l));
  near(l.bright, 0, 0.02f, "bright part of the region");
  near(l.mean, 8, 4, "mean of the region");
}

static void luma_is_full_range_in_every_format(void **state) {
  (void)state;
  uint8_t y[1] = {235}, u[1] = {128}, bgr[3] = {255, 255, 255}, grey[1] = {77};
  const struct image_view i420 = {IMAGE_I420, 1, 1, {y, u, u}, {1, 1, 1}};
  const struct image_view colour = {IMAGE_BGR24, 1, 1, {bgr, NULL, NULL}, {3, 0, 0}};
  const struct image_view gray = {IMAGE_GRAY8, 1, 1, {grey, NULL, NULL}, {1, 0, 0}};
  assert_int_equal(aim_luma(&i420, 0, 0), 255);
  y[0] = 16;
  assert_int_equal(aim_luma(&i420, 0, 0), 0);
  y[0] = 4; // below black: still black
  assert_int_equal(aim_luma(&i420, 0, 0), 0);
  assert_int_equal(aim_luma(&colour, 0, 0), 255);
  assert_int_equal(aim_luma(&gray, 0, 0), 77);
}

// --- marks

static struct plate_read read_at(float x, float y, const char *text) {
  struct plate_read r = {.quad = flat(x, y, 100, 32)};
  strncpy(r.text, text, sizeof r.text - 1);
  return r;
}

#define S INT64_C(1000000000)

static void a_sign_is_told_and_a_car_that_came_is_not(void **state) {
  (void)state;
  static struct aim_marks m;
  memset(&m, 0, sizeof m);
  for (int t = 0; t <= 12; t += 2) {
    const struct plate_read sign = read_at(300, 40, "京A12345");
    aim_marks_step(&m, &sign, 1, t * S);
    if (t < 8)
      assert_null(aim_marks_standing(&m, t * S));
  }
  const struct aim_mark *told = aim_marks_standing(&m, 12 * S);
  assert_non_null(told);
  assert_string_equal(told->text, "京A12345");
  assert_null(aim_marks_standing(&m, 20 * S)); // it is gone
  memset(&m, 0, sizeof m);
  for (int i = 0; i < 300; i++) { // drives in for two seconds, then stands for ten
    const struct plate_read car = read_at(100, (float)(i < 50 ? 20 + 3 * i : 170), "粤B12345");
    aim_marks_step(&m, &car, 1, i * S / 25);
  }
  assert_null(aim_marks_standing(&m, 12 * S));
}

static void letters(int x0, int y0, int n, int low, int high) {
  for (int k = 0; k < n; k++) {
    for (int y = y0; y < y0 + 14; y++) {
      for (int x = x0 + k * 10; x < x0 + k * 10 + 8; x++)
        pixels[y * W + x] = (uint8_t)(((x - x0) / 2 + (y - y0) / 4) % 2 ? high : low);
    }
  }
}

static void lettering_laid_over_the_picture_is_told(void **state) {
  (void)state;
  static struct aim_letters l;
  const struct image_view v = view();
  struct image_rect box = {0};
  memset(&l, 0, sizeof l);
  memset(pixels, 90, sizeof pixels);
  letters(40, 16, 20, 20, 240);
  for (int i = 0; i < AIM_LETTER_LOOKS - 1; i++)
    assert_false(aim_letters_step(&l, &v, NULL, &box)); // once is not enough
  assert_true(aim_letters_step(&l, &v, NULL, &box));
  assert_in_range(box.x, 32, 48);
  assert_true(box.width >= 180 && box.width <= 220);
  assert_in_range(box.y, 8, 16);
  struct zone lower;
  const struct point half[4] = {{0, 0.5f}, {1, 0.5f}, {1, 1}, {0, 1}};
  assert_true(zone_init(&lower, half, 4, NULL));
  assert_false(aim_letters_step(&l, &v, &lower, &box)); // the region keeps away from it
}

static void soft_structure_is_no_lettering(void **state) {
  (void)state;
  static struct aim_letters l;
  const struct image_view v = view();
  struct image_rect box = {0};
  memset(&l, 0, sizeof l);
  for (int y = 0; y < H; y++) { // bars as a lens draws them: 6 pixels from dark to bright
    for (int x = 0; x < W; x++)
      pixels[y * W + x] = (uint8_t)(127.5f + 110.0f * sinf((float)x * 0.26f));
  }
  for (int i = 0; i < 8; i++)
    assert_false(aim_letters_step(&l, &v, NULL, &box));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_plate_is_measured),
      cmocka_unit_test(a_turned_plate_tells_its_angle),
      cmocka_unit_test(a_slanted_plate_tells_its_angle),
      cmocka_unit_test(smear_is_told_by_its_length_and_way),
      cmocka_unit_test(a_blurred_plate_has_wide_edges),
      cmocka_unit_test(glare_counts_spots_and_not_characters),
      cmocka_unit_test(a_flat_patch_has_no_edges),
      cmocka_unit_test(what_is_no_plate_is_refused),
      cmocka_unit_test(light_is_that_of_the_region),
      cmocka_unit_test(luma_is_full_range_in_every_format),
      cmocka_unit_test(a_sign_is_told_and_a_car_that_came_is_not),
      cmocka_unit_test(lettering_laid_over_the_picture_is_told),
      cmocka_unit_test(soft_structure_is_no_lettering),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
