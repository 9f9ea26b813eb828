// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_tftp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

#define PARSE(r, text) service_tftp_parse((r), (const uint8_t *)(text), sizeof(text) - 1)

static void a_plain_request(void **state) {
  (void)state;
  struct service_tftp_request r;
  assert_int_equal(PARSE(&r, "\0\1image.itb\0octet\0"), 0);
  assert_string_equal(r.name, "image.itb");
  assert_int_equal(r.block, 512);
  assert_false(r.wants_block || r.wants_size);
}

static void options_are_bounded(void **state) {
  (void)state;
  struct service_tftp_request r;
  assert_int_equal(PARSE(&r, "\0\1a\0OCTET\0timeout\0005\0blksize\0001468\0tsize\0000\0"), 0);
  assert_int_equal(r.block, SERVICE_TFTP_BLOCK_MAX);
  assert_true(r.wants_block && r.wants_size);
  assert_int_equal(PARSE(&r, "\0\1a\0octet\0blksize\0007\0"), 0);
  assert_false(r.wants_block);
  assert_int_equal(PARSE(&r, "\0\1a\0octet\0blksize\000100\0"), 0);
  assert_int_equal(r.block, 100);
  assert_int_equal(PARSE(&r, "\0\1a\0octet\0blksize\000100"), 0); // cut: not taken
  assert_int_equal(r.block, 512);
}

static void no_name_leads_out_of_the_folder(void **state) {
  (void)state;
  struct service_tftp_request r;
  assert_int_equal(PARSE(&r, "\0\1../shadow\0octet\0"), 2);
  assert_int_equal(PARSE(&r, "\0\1..\0octet\0"), 2);
  assert_int_equal(PARSE(&r, "\0\1.hidden\0octet\0"), 2);
  assert_int_equal(PARSE(&r, "\0\1/etc/shadow\0octet\0"), 2);
  assert_int_equal(PARSE(&r, "\0\1a\\b\0octet\0"), 2);
  assert_int_equal(PARSE(&r, "\0\1\0octet\0"), 2);
  uint8_t b[128] = {0, 1};
  memset(b + 2, 'a', SERVICE_TFTP_NAME_MAX);
  memcpy(b + 2 + SERVICE_TFTP_NAME_MAX, "\0octet", 7);
  assert_int_equal(service_tftp_parse(&r, b, 2 + SERVICE_TFTP_NAME_MAX + 7), 0);
  memset(b + 2, 'a', SERVICE_TFTP_NAME_MAX + 1);
  memcpy(b + 3 + SERVICE_TFTP_NAME_MAX, "\0octet", 7);
  assert_int_equal(service_tftp_parse(&r, b, 3 + SERVICE_TFTP_NAME_MAX + 7), 2);
}

static void only_whole_read_requests(void **state) {
  (void)state;
  struct service_tftp_request r;
  assert_int_equal(PARSE(&r, "\0\2a\0octet\0"), 4); // writing
  assert_int_equal(PARSE(&r, "\0\1a\0mail\0"), 4);
  const uint8_t whole[] = "\0\1a\0octet";
  for (size_t n = 0; n < sizeof whole; n++)
    assert_int_equal(service_tftp_parse(&r, whole, n), 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_request),
      cmocka_unit_test(options_are_bounded),
      cmocka_unit_test(no_name_leads_out_of_the_folder),
      cmocka_unit_test(only_whole_read_requests),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
