// SPDX-License-Identifier: Apache-2.0
// What bayplate-flash writes must be what the board reads.
#include "firmware/device_id.h"
#include "tools/flash/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

static char path[64];

static int set_up(void **state) {
  (void)state;
  (void)snprintf(path, sizeof path, "/tmp/bayplate-device-XXXXXX");
  int fd = mkstemp(path);
  return fd >= 0 ? close(fd) : -1;
}

static int tear_down(void **state) {
  (void)state;
  return unlink(path);
}

static bool load(const char *text, struct device_id *id, struct err *e) {
  FILE *f = fopen(path, "we");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
  return device_id_load(id, path, e);
}

static void what_was_flashed_is_read(void **state) {
  (void)state;
  struct identity made;
  struct device_id id;
  struct err e;
  char ini[IDENTITY_INI_MAX];
  assert_true(identity_make(&made, "", "bayplate-rpi4", "rpi4", NULL, &e));
  assert_true(identity_ini(&made, 1800000000, ini, &e));
  assert_true(load(ini, &id, &e));
  assert_string_equal(id.serial, made.serial);
  assert_string_equal(id.model, "bayplate-rpi4");
  assert_string_equal(id.board, "rpi4");
  assert_int_equal(strlen(id.mac), 17);
  assert_true(device_id_password_ok(id.password_hash, made.password));
  assert_false(device_id_password_ok(id.password_hash, made.claim));
  assert_true(device_id_claim_ok(id.claim_hash, made.claim, strlen(made.claim)));
  assert_false(device_id_claim_ok(id.claim_hash, made.claim, strlen(made.claim) - 1));
  assert_false(device_id_claim_ok(id.claim_hash, made.password, strlen(made.password)));
  for (char *p = made.claim; *p; p++) // as people type it
    *p = *p == '-' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
  assert_true(device_id_claim_ok(id.claim_hash, made.claim, strlen(made.claim)));
}

static void no_hash_lets_nobody_in(void **state) {
  (void)state;
  static const char *const hashes[] = {"",
                                       "blake2b$",
                                       "blake2b$00$00",
                                       "md5$00$00",
                                       "blake2b$000102030405060708090a0b0c0d0e0f$",
                                       "blake2b$000102030405060708090a0b0c0d0e0f$00"};
  for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
    assert_false(device_id_claim_ok(hashes[i], "", 0));
  assert_false(device_id_password_ok("", ""));
  assert_false(device_id_password_ok("", "A"));
  assert_false(device_id_password_ok("$argon2id$rubbish", "A"));
}

// FNV-1a 64 of "a" is af63dc4c8601ec8c (the authors' test vectors); local and for one station.
static void the_serial_gives_the_address(void **state) {
  (void)state;
  static const uint8_t want[6] = {0x8e, 0xec, 0x01, 0x86, 0x4c, 0xdc};
  uint8_t mac[6];
  device_id_mac("a", mac);
  assert_memory_equal(mac, want, sizeof mac);
}

static void a_code_is_its_letters_and_digits(void **state) {
  (void)state;
  char a[6];
  assert_int_equal(device_id_code(a, sizeof a, "ab-c 1", 6), 4);
  assert_memory_equal(a, "ABC1\0", sizeof a);
  assert_int_equal(device_id_code(a, sizeof a, "abcdefgh", 8), 6);
  assert_memory_equal(a, "ABCDEF", sizeof a);
}

static void a_machine_that_was_not_flashed_has_none(void **state) {
  (void)state;
  struct device_id id;
  struct err e;
  assert_true(device_id_load(&id, "", &e));
  assert_true(device_id_load(&id, "/nonexistent/device.ini", &e));
  assert_string_equal(id.serial, "");
  assert_string_equal(id.password_hash, "");
}

static void a_damaged_file_is_told_and_gives_nothing(void **state) {
  (void)state;
  struct device_id id;
  struct err e;
  static const char *const wrong[] = {
      "",
      "[device]\nmodel = x\nfirst_password_hash = y\n",
      "[device]\nserial = a b\n",
      "[device]\nserial = A\nserial = B\n",
      "[device]\nserial = A\nrubbish\n",
      "[device]\nserial = 0123456789012345678901234567890123456789\n",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (load(wrong[i], &id, &e))
      fail_msg("taken: %s", wrong[i]);
    assert_int_equal(e.code, ERR_FORMAT);
    assert_non_null(strstr(e.text, path));
    assert_string_equal(id.serial, "");
    assert_string_equal(id.password_hash, "");
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_was_flashed_is_read),
      TEST(no_hash_lets_nobody_in),
      TEST(the_serial_gives_the_address),
      TEST(a_code_is_its_letters_and_digits),
      TEST(a_machine_that_was_not_flashed_has_none),
      TEST(a_damaged_file_is_told_and_gives_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
