// SPDX-License-Identifier: Apache-2.0
// The archive as a receiver sees it, here by zlib and by hand; tests/system/test_export.py has
// tar(1).
#include "firmware/export/export_out.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

struct world {
  struct export_out *out;
  uint8_t packed[1 << 20];
  size_t n;
  size_t room; // bytes after which nobody takes any more
  uint8_t plain[1 << 20];
  size_t plain_n;
};

static bool put(void *ctx, const void *bytes, size_t n) {
  struct world *w = ctx;
  if (w->n + n > w->room)
    return false;
  memcpy(w->packed + w->n, bytes, n);
  w->n += n;
  return true;
}

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof *w);
  struct err e;
  assert_non_null(w);
  w->room = sizeof w->packed;
  assert_true(export_out_new(&w->out, put, w, &e));
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  struct world *w = *state;
  export_out_free(w->out);
  free(w);
  return 0;
}

// inflate()'s last word on what came.
static int unpack(struct world *w) {
  z_stream z = {.next_in = w->packed,
                .avail_in = (uInt)w->n,
                .next_out = w->plain,
                .avail_out = sizeof w->plain};
  assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
  int rc = inflate(&z, Z_NO_FLUSH);
  w->plain_n = sizeof w->plain - z.avail_out;
  assert_int_equal(inflateEnd(&z), Z_OK);
  return rc;
}

static void members_and_their_end(void **state) {
  struct world *w = *state;
  struct err e;
  assert_true(export_out_member(w->out, "a/first", 5, 1000000000, &e));
  assert_true(export_out_bytes(w->out, "he", 2, &e) && export_out_bytes(w->out, "llo", 3, &e));
  assert_true(export_out_member(w->out, "a/none", 0, -1, &e));
  assert_true(export_out_text(w->out, "a/last", "x", 1, &e));
  assert_true(export_out_finish(w->out, &e));
  assert_int_equal(unpack(w), Z_STREAM_END);
  assert_int_equal(w->plain_n, 512 * (2 + 1 + 2 + 2));
  assert_string_equal((char *)w->plain, "a/first");
  assert_string_equal((char *)w->plain + 124, "00000000005");
  assert_string_equal((char *)w->plain + 136, "07346545000"); // 1000000000
  assert_memory_equal(w->plain + 257,
                      "ustar\0"
                      "00",
                      8);
  assert_memory_equal(w->plain + 512, "hello\0\0\0", 8);
  assert_string_equal((char *)w->plain + 1024, "a/none");
  uint8_t want[EXPORT_HASH], got[EXPORT_HASH];
  assert_int_equal(crypto_hash_sha256(want, w->packed, w->n), 0);
  export_out_hash(w->out, got);
  assert_memory_equal(got, want, sizeof want);
  assert_int_equal(export_out_sent(w->out), w->n);
}

// The sum is of the header with blanks in its place, as tar(5) has it.
static void a_header_has_its_sum(void **state) {
  struct world *w = *state;
  struct err e;
  unsigned sum = 0;
  assert_true(export_out_text(w->out, "n", "", 0, &e) && export_out_finish(w->out, &e));
  assert_int_equal(unpack(w), Z_STREAM_END);
  for (size_t i = 0; i < 512; i++)
    sum += i >= 148 && i < 156 ? ' ' : w->plain[i];
  assert_int_equal(strtoul((char *)w->plain + 148, NULL, 8), sum);
}

static void a_size_beyond_eight_gib_is_binary(void **state) {
  struct world *w = *state;
  struct err e;
  assert_true(export_out_member(w->out, "big", UINT64_C(31914983424), 0, &e));
  assert_true(export_out_flush(w->out, &e));
  (void)unpack(w);
  assert_memory_equal(w->plain + 124, "\x80\0\0\0\0\0\0\x07\x6e\x48\0\0", 12);
}

static void long_names_are_cut_at_a_slash_or_refused(void **state) {
  struct world *w = *state;
  struct err e;
  char name[256];
  memset(name, 'd', sizeof name);
  name[120] = '/';
  name[200] = '\0';
  assert_true(export_out_text(w->out, name, "", 0, &e));
  name[120] = 'd';
  assert_false(export_out_text(w->out, name, "", 0, &e)); // no place to cut
  assert_int_equal(e.code, ERR_LIMIT);
  assert_true(export_out_text(w->out, "after", "", 0, &e));
  assert_true(export_out_finish(w->out, &e));
  assert_int_equal(unpack(w), Z_STREAM_END);
  assert_int_equal(strnlen((char *)w->plain, 100), 79);        // behind the slash
  assert_int_equal(strnlen((char *)w->plain + 345, 155), 120); // before it
  assert_string_equal((char *)w->plain + 512, "after");
}

static void cut_off_anywhere_its_end_is_missing(void **state) {
  struct world *w = *state;
  struct err e;
  static const uint8_t zeros[5000];
  assert_true(export_out_member(w->out, "a", sizeof zeros, 0, &e));
  assert_true(export_out_bytes(w->out, zeros, sizeof zeros, &e) && export_out_finish(w->out, &e));
  size_t whole = w->n;
  for (w->n = 0; w->n < whole; w->n++)
    assert_int_not_equal(unpack(w), Z_STREAM_END);
}

static void who_goes_away_ends_it(void **state) {
  struct world *w = *state;
  struct err e;
  w->room = 10;
  assert_true(export_out_text(w->out, "a", "b", 1, &e)); // still in the compressor
  assert_false(export_out_finish(w->out, &e));
  assert_int_equal(e.code, ERR_NET);
}

static void members_are_held_to_their_size(void **state) {
  struct world *w = *state;
  struct err e;
  assert_true(export_out_member(w->out, "a", 2, 0, &e));
  assert_false(export_out_bytes(w->out, "abc", 3, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_false(export_out_member(w->out, "b", 0, 0, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_false(export_out_finish(w->out, &e));
  assert_int_equal(e.code, ERR_STATE);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(members_and_their_end),
      TEST(a_header_has_its_sum),
      TEST(a_size_beyond_eight_gib_is_binary),
      TEST(long_names_are_cut_at_a_slash_or_refused),
      TEST(cut_off_anywhere_its_end_is_missing),
      TEST(who_goes_away_ends_it),
      TEST(members_are_held_to_their_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
