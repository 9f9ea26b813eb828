// SPDX-License-Identifier: Apache-2.0
// bayplate-flash's small parts: manifests, partition tables, identities, the bar.
#include "tools/flash/gpt.h"
#include "tools/flash/identity.h"
#include "tools/flash/manifest.h"
#include "tools/flash/progress.h"
#include "tools/flash/words.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

#define SUM "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_manifest_must_be_whole_and_say_things_once(void **state) {
  (void)state;
  struct manifest m;
  struct err e;
  assert_true(manifest_parse(&m,
                             "[image]\nboard = rpi4\nversion=1.2.0\nsize = 1048576\n"
                             "sha256 = " SUM "\nlater = x\n[more]\nx=1\n",
                             &e));
  assert_string_equal(m.board, "rpi4");
  assert_int_equal(m.size, 1048576);
  assert_int_equal(m.sha256[31], 0xff);
  static const char *const wrong[] = {
      "",
      "[image]\nboard = rpi4\nversion = 1\nsize = 10\n",
      "[image]\nboard = rpi4\nboard = x\nversion = 1\nsize = 10\nsha256 = " SUM "\n",
      "[image]\nboard = a/b\nversion = 1\nsize = 10\nsha256 = " SUM "\n",
      "[image]\nboard = a\nversion = 1\nsize = -10\nsha256 = " SUM "\n",
      "[image]\nboard = a\nversion = 1\nsize = 0\nsha256 = " SUM "\n",
      "[image]\nboard = a\nversion = 1\nsize = 99999999999999999999\nsha256 = " SUM "\n",
      "[image]\nboard = a\nversion = 1\nsize = 10\nsha256 = 00\n",
      "[image]\nboard = a\nversion = 1\nsize = 10\nsha256 = " SUM "\nrubbish\n",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (manifest_parse(&m, wrong[i], &e))
      fail_msg("taken: %s", wrong[i]);
    assert_int_equal(e.code, ERR_FORMAT);
  }
}

static void wishes_are_held(void **state) {
  (void)state;
  struct err e;
  const struct manifest_wish any = {"", "", ""}, board = {"rpi5", "", ""},
                             version = {"", "1.2.1", ""}, least = {"", "", "1.10"};
  assert_true(manifest_fits("rpi4", "1.2.0", &any, &e));
  assert_false(manifest_fits("rpi4", "1.2.0", &board, &e));
  assert_non_null(strstr(e.text, "rpi5"));
  assert_false(manifest_fits("rpi4", "1.2.0", &version, &e));
  assert_false(manifest_fits("rpi4", "1.9", &least, &e));
  assert_int_equal(e.code, ERR_DENIED);
  assert_true(manifest_fits("rpi4", "1.10", &least, &e));
}

static void put_little(uint8_t *p, uint64_t v, int n) {
  for (int i = 0; i < n; i++)
    p[i] = (uint8_t)(v >> (8 * i));
}

static void a_partition_is_found_by_its_name(void **state) {
  (void)state;
  static uint8_t head[GPT_HEAD_BYTES];
  uint64_t at = 0, size = 0;
  struct err e;
  assert_false(gpt_find(head, sizeof head, "boot", &at, &size, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  memcpy(head + 512, "EFI PART", 8);
  put_little(head + 512 + 72, 2, 8);
  put_little(head + 512 + 80, 128, 4);
  put_little(head + 512 + 84, 128, 4);
  uint8_t *entry = head + 1024 + 128 * 3;
  put_little(entry + 32, 2048, 8);
  put_little(entry + 40, 4095, 8);
  for (size_t i = 0; i < 4; i++)
    entry[56 + 2 * i] = (uint8_t) "boot"[i];
  assert_true(gpt_find(head, sizeof head, "boot", &at, &size, &e));
  assert_int_equal(at, 1 << 20);
  assert_int_equal(size, 1 << 20);
  assert_false(gpt_find(head, sizeof head, "boo", &at, &size, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  put_little(entry + 40, 2047, 8); // ends before it begins
  assert_false(gpt_find(head, sizeof head, "boot", &at, &size, &e));
  put_little(head + 512 + 80, 1 << 30, 4); // more entries than there are bytes
  assert_false(gpt_find(head, sizeof head, "boot", &at, &size, &e));
  assert_false(gpt_find(head, 600, "boot", &at, &size, &e));
}

static void every_board_is_another(void **state) {
  (void)state;
  struct identity a, b;
  struct err e;
  char ini[IDENTITY_INI_MAX];
  assert_true(identity_make(&a, "", "bayplate-x", "x", NULL, &e));
  assert_true(identity_make(&b, "", "bayplate-x", "x", NULL, &e));
  assert_string_not_equal(a.serial, b.serial);
  assert_string_not_equal(a.password, b.password);
  assert_string_not_equal(a.claim, b.claim);
  assert_int_equal(strlen(a.password), 14);
  assert_int_equal(strlen(a.claim), 19);
  assert_int_equal(a.mac[0] & 3, 2); // of its own, not a group's
  // The same serial again has other secrets: they do not follow from it.
  assert_true(identity_make(&b, a.serial, "bayplate-x", "x", NULL, &e));
  assert_memory_equal(a.mac, b.mac, 6);
  assert_string_not_equal(a.claim, b.claim);
  assert_false(identity_make(&b, "-x", "m", "x", NULL, &e));
  assert_false(identity_make(&b, "a b", "m", "x", NULL, &e));
  assert_true(identity_ini(&a, 1764115200, ini, &e));
  assert_null(strstr(ini, a.password));
  assert_null(strstr(ini, a.claim));
  assert_non_null(strstr(ini, "made = 2025-11-26T00:00:00Z"));
  char hash[160], bare[16];
  const char *from = strstr(ini, "first_password_hash = ");
  assert_non_null(from);
  (void)snprintf(hash, sizeof hash, "%.*s", (int)strcspn(from + 22, "\n"), from + 22);
  (void)snprintf(bare, sizeof bare, "%.4s%.4s%.4s", a.password, a.password + 5, a.password + 10);
  assert_int_equal(crypto_pwhash_str_verify(hash, bare, strlen(bare)), 0);
}

static void an_address_is_six_bytes_of_one_board(void **state) {
  (void)state;
  uint8_t mac[6];
  assert_true(identity_mac_parse("DC:a6:32:01:02:03", mac));
  assert_int_equal(mac[0], 0xdc);
  static const char *const wrong[] = {"",
                                      "dc:a6:32:01:02",
                                      "dc:a6:32:01:02:0g",
                                      "01:00:5e:00:00:01",
                                      "00:00:00:00:00:00",
                                      "dc:a6:32:01:02:03:04"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(identity_mac_parse(wrong[i], mac));
}

static void the_bar_tells_how_far_and_how_long(void **state) {
  (void)state;
  char line[PROGRESS_LINE_MAX];
  struct progress p = {.phase = PHASE_WRITE, .total = 320000000, .done = 80000000};
  progress_line(&p, INT64_C(2000000000), line);
  assert_string_equal(
      line, "2/3 写入 write  [######..................]  25 %  80/320 MB  40.0 MB/s  left 0:06");
  p.done = p.total;
  progress_line(&p, INT64_C(8000000000), line);
  assert_non_null(strstr(line, "[########################] 100 %"));
  p.total = p.done = 0; // nothing is divided by
  progress_line(&p, 0, line);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_manifest_must_be_whole_and_say_things_once),
      cmocka_unit_test(wishes_are_held),
      cmocka_unit_test(a_partition_is_found_by_its_name),
      cmocka_unit_test(every_board_is_another),
      cmocka_unit_test(an_address_is_six_bytes_of_one_board),
      cmocka_unit_test(the_bar_tells_how_far_and_how_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
