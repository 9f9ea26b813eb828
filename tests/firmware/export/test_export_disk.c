// SPDX-License-Identifier: Apache-2.0
// A disk whose blocks fail where the test says so.
#include "firmware/export/export_disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE (40 * EXPORT_BLOCK + 1000)

struct world {
  struct export_disk d;
  uint64_t bad[4]; // first bytes of bad sectors, 0: none
  bool short_reads;
  uint8_t buf[SIZE];
};

static uint8_t byte_at(uint64_t at) {
  return (uint8_t)(1 + at % 251);
}

static ssize_t read_some(void *ctx, int fd, void *buf, size_t n, off_t at) {
  struct world *w = ctx;
  (void)fd;
  if ((uint64_t)at >= SIZE)
    return 0;
  if (n > SIZE - (size_t)at)
    n = SIZE - (size_t)at;
  if (w->short_reads && n > 700)
    n = 700;
  for (size_t i = 0; i < 4; i++) {
    if (w->bad[i] && w->bad[i] < (uint64_t)at + n && w->bad[i] + 512 > (uint64_t)at) {
      errno = EIO;
      return -1;
    }
  }
  for (size_t i = 0; i < n; i++)
    ((uint8_t *)buf)[i] = byte_at((uint64_t)at + i);
  return (ssize_t)n;
}

static struct world w;

static int set_up(void **state) {
  (void)state;
  memset(&w, 0, sizeof w);
  w.d = (struct export_disk){.fd = -1, .size = SIZE, .read = read_some, .ctx = &w};
  memset(w.buf, 0xee, sizeof w.buf);
  return 0;
}

// Zeros in the blocks named, all else as on the disk.
static void holds(const uint64_t *zero_blocks, size_t n) {
  for (uint64_t at = 0; at < SIZE; at++) {
    bool zero = false;
    for (size_t i = 0; i < n; i++)
      zero = zero || at / EXPORT_BLOCK == zero_blocks[i];
    assert_int_equal(w.buf[at], zero ? 0 : byte_at(at));
  }
}

static void a_good_disk_is_read_to_its_last_byte(void **state) {
  (void)state;
  w.short_reads = true;
  export_disk_get(&w.d, 0, w.buf, SIZE);
  holds(NULL, 0);
  assert_int_equal(w.d.bad, 0);
}

static void bad_sectors_cost_their_block_alone(void **state) {
  (void)state;
  w.bad[0] = 3 * EXPORT_BLOCK + 1024;
  w.bad[1] = 4 * EXPORT_BLOCK;
  w.bad[2] = 20 * EXPORT_BLOCK + 3584;
  w.bad[3] = SIZE - 100; // in the last, shorter block
  export_disk_get(&w.d, 0, w.buf, 10 * EXPORT_BLOCK);
  export_disk_get(&w.d, 10 * EXPORT_BLOCK, w.buf + 10 * EXPORT_BLOCK, SIZE - 10 * EXPORT_BLOCK);
  holds((const uint64_t[]){3, 4, 20, 40}, 4);
  assert_int_equal(w.d.bad, 4);
  assert_int_equal(w.d.ranges, 3);
  assert_int_equal(w.d.range[0].from, 3 * EXPORT_BLOCK);
  assert_int_equal(w.d.range[0].length, 2 * EXPORT_BLOCK);
  assert_int_equal(w.d.range[2].length, 1000);
}

static void more_bad_places_than_can_be_listed_are_still_counted(void **state) {
  (void)state;
  w.bad[0] = 1; // in block 0, asked for again and again with a good block between
  for (int i = 0; i < EXPORT_RANGES + 10; i++) {
    export_disk_get(&w.d, 0, w.buf, EXPORT_BLOCK);
    export_disk_get(&w.d, EXPORT_BLOCK, w.buf, EXPORT_BLOCK);
  }
  assert_int_equal(w.d.bad, EXPORT_RANGES + 10);
  assert_int_equal(w.d.ranges, EXPORT_RANGES);
}

static void a_disk_that_ends_early_is_zeros(void **state) {
  (void)state;
  w.d.size = SIZE + 2 * EXPORT_BLOCK;
  uint8_t buf[2 * EXPORT_BLOCK];
  memset(buf, 0xee, sizeof buf);
  export_disk_get(&w.d, SIZE, buf, sizeof buf);
  for (size_t i = 0; i < sizeof buf; i++)
    assert_int_equal(buf[i], 0);
  assert_int_equal(w.d.bad, 2);
}

static void what_is_not_there_is_told(void **state) {
  (void)state;
  struct export_disk d;
  struct err e;
  assert_false(export_disk_open(&d, "/nowhere/at/all", &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_non_null(strstr(e.text, "/nowhere/at/all"));
  assert_false(export_disk_open(&d, "/dev/null", &e)); // has no bytes
  assert_int_equal(e.code, ERR_IO);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup(f, set_up)
  const struct CMUnitTest tests[] = {
      TEST(a_good_disk_is_read_to_its_last_byte),
      TEST(bad_sectors_cost_their_block_alone),
      TEST(more_bad_places_than_can_be_listed_are_still_counted),
      TEST(a_disk_that_ends_early_is_zeros),
      TEST(what_is_not_there_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
