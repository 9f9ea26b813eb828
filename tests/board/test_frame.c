// SPDX-License-Identifier: Apache-2.0
#include "board/frame.h"
#include "board/frame_range.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct frame *make(enum frame_format format, int width, int height) {
  struct frame *f = NULL;
  struct err e = {0};
  if (!frame_new(&f, format, width, height, &e))
    fail_msg("%s", e.text);
  return f;
}

static void planes_are_aligned_apart_and_writable_to_the_last_byte(void **state) {
  (void)state;
  static const int sizes[][2] = {{1, 1}, {2, 2}, {33, 17}, {640, 360}, {1279, 719}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    for (int format = FRAME_GRAY8; format <= FRAME_I420; format++) {
      struct frame *f = make((enum frame_format)format, sizes[i][0], sizes[i][1]);
      int planes = format == FRAME_I420 ? 3 : 1;
      for (int p = 0; p < planes; p++) {
        assert_int_equal((uintptr_t)f->plane[p] % 32, 0);
        assert_int_equal(f->stride[p] % 32, 0);
        int rows = p == 0 ? f->height : (f->height + 1) / 2;
        memset(f->plane[p], p + 1, (size_t)f->stride[p] * (size_t)rows); // ASan watches the ends
      }
      assert_int_equal(f->plane[0][0], 1);
      frame_unref(f);
    }
  }
}

static void the_pixels_live_as_long_as_anybody_holds_them(void **state) {
  (void)state;
  struct frame *f = make(FRAME_GRAY8, 8, 8);
  memset(f->plane[0], 9, 8);
  assert_ptr_equal(frame_ref(f), f);
  frame_unref(f);
  assert_int_equal(f->plane[0][7], 9);
  frame_unref(f);
  frame_unref(NULL);
}

static void a_returned_picture_is_used_again(void **state) {
  (void)state;
  struct frame *f = make(FRAME_I420, 320, 240);
  const uint8_t *pixels = f->plane[0];
  f->mono_ns = 5;
  f->seq = 6;
  frame_unref(f);
  struct frame *g = make(FRAME_I420, 320, 240);
  assert_ptr_equal(g->plane[0], pixels); // nothing is allocated a frame
  assert_int_equal(g->mono_ns, 0);
  assert_int_equal(g->seq, 0);
  frame_unref(g);
}

static void impossible_sizes_are_refused(void **state) {
  (void)state;
  struct frame *f = NULL;
  struct err e = {0};
  assert_false(frame_new(&f, FRAME_I420, 0, 10, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(frame_new(&f, FRAME_I420, 10, -1, &e));
  assert_false(frame_new(&f, FRAME_GRAY8, FRAME_SIDE_MAX + 1, 1, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_false(frame_new(&f, FRAME_BGR24, FRAME_SIDE_MAX, FRAME_SIDE_MAX, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_null(f);
}

static void full_range_is_squeezed(void **state) {
  (void)state;
  struct frame *f = make(FRAME_I420, 4, 2);
  const uint8_t luma[4] = {0, 255, 128, 64};
  memcpy(f->plane[0], luma, 4);
  memset(f->plane[0] + f->stride[0], 255, 4);
  f->plane[1][0] = 0;
  f->plane[1][1] = 128;
  f->plane[2][0] = 255;
  f->plane[2][1] = 128;
  frame_range_limit(f);
  assert_int_equal(f->plane[0][0], 16);
  assert_int_equal(f->plane[0][1], 235);
  assert_int_equal(f->plane[0][2], 126);
  assert_int_equal(f->plane[0][f->stride[0] + 3], 235);
  assert_int_equal(f->plane[1][0], 16);
  assert_int_equal(f->plane[1][1], 128); // no colour stays no colour
  assert_int_equal(f->plane[2][0], 240);
  frame_unref(f);
}

static void *churn(void *shared) {
  for (int i = 0; i < 300; i++) {
    struct frame *f = NULL;
    struct err e = {0};
    if (frame_new(&f, FRAME_GRAY8, 16 + i % 3, 16, &e))
      f->plane[0][0] = (uint8_t)i;
    frame_unref(f);
    frame_unref(frame_ref(shared));
  }
  return NULL;
}

static void threads_may_take_and_return(void **state) {
  (void)state;
  struct frame *shared = make(FRAME_GRAY8, 64, 64);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, churn, shared), 0);
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  frame_unref(shared);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(planes_are_aligned_apart_and_writable_to_the_last_byte),
      cmocka_unit_test(the_pixels_live_as_long_as_anybody_holds_them),
      cmocka_unit_test(a_returned_picture_is_used_again),
      cmocka_unit_test(impossible_sizes_are_refused),
      cmocka_unit_test(full_range_is_squeezed),
      cmocka_unit_test(threads_may_take_and_return),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
