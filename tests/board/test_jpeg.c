// SPDX-License-Identifier: Apache-2.0
#include "board/jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include <cmocka.h>

#define W 50 // not a multiple of a JPEG block
#define H 34

static struct jpeg_decoder *decoder;

static void bgr_of(uint8_t bgr[W * H * 3], uint8_t b, uint8_t g, uint8_t r) {
  for (size_t i = 0; i < (size_t)W * H; i++) {
    bgr[3 * i] = b;
    bgr[3 * i + 1] = g;
    bgr[3 * i + 2] = r;
  }
}

static void encode(uint8_t **jpeg, size_t *len) {
  uint8_t bgr[W * H * 3];
  bgr_of(bgr, 0, 0, 255);
  struct err e = {0};
  assert_true(jpeg_encode_bgr(bgr, W, H, W * 3, 92, jpeg, len, &e));
}

static void red_survives_the_way_in_and_out(void **state) {
  (void)state;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  encode(&jpeg, &len);
  struct frame *f = NULL;
  struct err e = {0};
  assert_true(jpeg_decode(decoder, jpeg, len, &f, &e));
  free(jpeg);
  assert_int_equal(f->format, FRAME_I420);
  assert_int_equal(f->width, W);
  assert_int_equal(f->height, H);
  // Pure red in BT.601 limited range is 81, 90, 240; looked at in the last corner.
  assert_in_range(f->plane[0][(H - 1) * f->stride[0] + W - 1], 78, 84);
  assert_in_range(f->plane[1][(H / 2 - 1) * f->stride[1] + W / 2 - 1], 86, 94);
  assert_in_range(f->plane[2][(H / 2 - 1) * f->stride[2] + W / 2 - 1], 236, 241);
  frame_unref(f);
}

static void every_sampling_cameras_use_is_decoded(void **state) {
  (void)state;
  static const int samplings[] = {TJSAMP_444, TJSAMP_422, TJSAMP_420, TJSAMP_440, TJSAMP_GRAY};
  uint8_t bgr[W * H * 3];
  bgr_of(bgr, 255, 0, 0);
  for (size_t i = 0; i < sizeof samplings / sizeof samplings[0]; i++) {
    tjhandle h = tjInitCompress();
    unsigned char *jpeg = NULL;
    unsigned long len = 0;
    assert_int_equal(tjCompress2(h, bgr, W, W * 3, H, TJPF_BGR, &jpeg, &len, samplings[i], 92, 0),
                     0);
    struct frame *f = NULL;
    struct err e = {0};
    if (!jpeg_decode(decoder, jpeg, len, &f, &e))
      fail_msg("sampling %d: %s", samplings[i], e.text);
    if (samplings[i] == TJSAMP_GRAY) {
      assert_int_equal(f->format, FRAME_GRAY8);
    } else { // blue is 41, 240, 110
      assert_in_range(f->plane[0][0], 38, 44);
      assert_in_range(f->plane[1][0], 236, 241);
      assert_in_range(f->plane[2][(H / 2 - 1) * f->stride[2] + W / 2 - 1], 106, 114);
    }
    frame_unref(f);
    tjFree(jpeg);
    assert_int_equal(tjDestroy(h), 0);
  }
}

static void cut_at_any_length_it_is_an_error(void **state) {
  (void)state;
  uint8_t *jpeg = NULL;
  size_t len = 0;
  encode(&jpeg, &len);
  for (size_t keep = 0; keep + 2 < len; keep += keep < 700 ? 13 : 3) {
    uint8_t *part = malloc(keep ? keep : 1); // its own block: reading past it is seen
    assert_non_null(part);
    memcpy(part, jpeg, keep);
    struct frame *f = NULL;
    struct err e = {0};
    if (jpeg_decode(decoder, part, keep, &f, &e))
      fail_msg("%zu of %zu bytes were taken as a picture", keep, len);
    assert_int_equal(e.code, ERR_FORMAT);
    free(part);
    if (keep % 5 == 0) { // the next whole picture is not spoilt by the broken one
      assert_true(jpeg_decode(decoder, jpeg, len, &f, &e));
      frame_unref(f);
    }
  }
  free(jpeg);
}

static void words_and_a_picture_that_claims_to_be_huge_are_refused(void **state) {
  (void)state;
  struct frame *f = NULL;
  struct err e = {0};
  assert_false(jpeg_decode(decoder, (const uint8_t *)"no picture", 10, &f, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  uint8_t *jpeg = NULL;
  size_t len = 0;
  encode(&jpeg, &len);
  bool found = false;
  for (size_t i = 0; i + 9 < len && !found; i++) {
    found = jpeg[i] == 0xff && jpeg[i + 1] == 0xc0; // SOF0: length, bits, height, width
    if (found)
      memset(jpeg + i + 5, 0xfe, 4);
  }
  assert_true(found);
  assert_false(jpeg_decode(decoder, jpeg, len, &f, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  free(jpeg);
}

static void impossible_pictures_are_not_encoded(void **state) {
  (void)state;
  uint8_t bgr[12] = {0}, *jpeg = NULL;
  size_t len = 0;
  struct err e = {0};
  assert_false(jpeg_encode_bgr(bgr, 0, 2, 6, 90, &jpeg, &len, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(jpeg_encode_bgr(bgr, 2, 2, 5, 90, &jpeg, &len, &e));
  assert_false(jpeg_encode_bgr(bgr, 2, 2, 6, 101, &jpeg, &len, &e));
  assert_false(jpeg_encode_bgr(NULL, 2, 2, 6, 90, &jpeg, &len, &e));
  assert_null(jpeg);
}

static int set_up(void **state) {
  (void)state;
  struct err e = {0};
  return jpeg_decoder_new(&decoder, &e) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  jpeg_decoder_free(decoder);
  jpeg_decoder_free(NULL);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(red_survives_the_way_in_and_out),
      cmocka_unit_test(every_sampling_cameras_use_is_decoded),
      cmocka_unit_test(cut_at_any_length_it_is_an_error),
      cmocka_unit_test(words_and_a_picture_that_claims_to_be_huge_are_refused),
      cmocka_unit_test(impossible_pictures_are_not_encoded),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
