// SPDX-License-Identifier: Apache-2.0
// The expected sums were computed by another program (Python's struct and RFC 1071 by hand).
#include "board/wire_checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

static const uint8_t udp[] = {0x9c, 0x40, 0, 69, 0, 11, 0xde, 0xad, 'a', 'b', 'c'};
static const uint8_t tcp[] = {0x9c, 0x40, 0,    80,   0,    0, 0, 1,   0,   0,   0,   2,  0x50,
                              0x18, 0x20, 0x00, 0xde, 0xad, 0, 0, 'G', 'E', 'T', ' ', '/'};

static size_t ip4(uint8_t *f, uint8_t protocol, const uint8_t *segment, size_t n) {
  memset(f, 0, 14);
  f[12] = 8;
  const uint8_t head[] = {
      0x45, 0,  0, (uint8_t)(20 + n), 0, 1, 0, 0, 64, protocol, 0, 0, 10, 213, 77, 2, 10,
      213,  77, 1};
  memcpy(f + 14, head, sizeof head);
  memcpy(f + 34, segment, n);
  memset(f + 34 + n, 0xee, 10); // Ethernet's padding is not part of it
  return 34 + n + 10;
}

static size_t ip6(uint8_t *f, uint8_t next, const uint8_t *segment, size_t n) {
  memset(f, 0, 14 + 40);
  f[12] = 0x86;
  f[13] = 0xdd;
  f[14] = 0x60;
  f[19] = (uint8_t)n;
  f[20] = next;
  const uint8_t address[] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 2};
  memcpy(f + 22, address, 16);
  memcpy(f + 38, address, 16);
  f[53] = 1;
  memcpy(f + 54, segment, n);
  return 54 + n;
}

static void sums_are_filled_in(void **state) {
  (void)state;
  uint8_t f[128];
  wire_finish_checksum(f, ip4(f, 17, udp, sizeof udp)); // an odd length
  assert_memory_equal(f + 34 + 6, ((const uint8_t[]){0xef, 0x42}), 2);
  wire_finish_checksum(f, ip4(f, 6, tcp, sizeof tcp));
  assert_memory_equal(f + 34 + 16, ((const uint8_t[]){0x79, 0x21}), 2);
  wire_finish_checksum(f, ip6(f, 6, tcp, sizeof tcp));
  assert_memory_equal(f + 54 + 16, ((const uint8_t[]){0x2d, 0xca}), 2);
}

static void the_rest_is_left_alone(void **state) {
  (void)state;
  uint8_t f[128], before[128];
  size_t n = ip4(f, 1, udp, sizeof udp); // ICMP
  memcpy(before, f, n);
  wire_finish_checksum(f, n);
  assert_memory_equal(f, before, n);
  n = ip4(f, 6, tcp, 17); // no room for a sum
  memcpy(before, f, n);
  wire_finish_checksum(f, n);
  assert_memory_equal(f, before, n);
  n = ip4(f, 17, udp, sizeof udp);
  f[17] = 200; // longer than the frame
  memcpy(before, f, n);
  wire_finish_checksum(f, n);
  assert_memory_equal(f, before, n);
  f[17] = 31;
  f[14] = 0x4f; // a head longer than the packet
  memcpy(before, f, n);
  wire_finish_checksum(f, n);
  assert_memory_equal(f, before, n);
  n = ip6(f, 44, tcp, sizeof tcp); // a fragment
  memcpy(before, f, n);
  wire_finish_checksum(f, n);
  assert_memory_equal(f, before, n);
}

static void frames_may_end_anywhere(void **state) {
  (void)state;
  uint8_t whole[128];
  for (int kind = 0; kind < 2; kind++) {
    size_t n = kind ? ip6(whole, 6, tcp, sizeof tcp) : ip4(whole, 17, udp, sizeof udp);
    for (size_t cut = 0; cut <= n; cut++) {
      uint8_t *f = test_malloc(cut + 1); // its end is watched
      memcpy(f, whole, cut);
      wire_finish_checksum(f, cut);
      test_free(f);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_are_filled_in),
      cmocka_unit_test(the_rest_is_left_alone),
      cmocka_unit_test(frames_may_end_anywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
