// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

static int parse(struct service_head *h, const char *text) {
  return service_head_parse(h, text, strlen(text));
}

static void assert_span(struct service_span s, const char *text) {
  assert_int_equal(s.n, strlen(text));
  assert_memory_equal(s.at, text, s.n);
}

static void a_request_is_taken_apart(void **state) {
  (void)state;
  struct service_head h;
  assert_int_equal(parse(&h, "PUT /v1/upload?sha256=ab&size=20 HTTP/1.1\r\nHost: x\r\n"
                             "content-length:  10 \r\nContent-Range: bytes 10-19/20\r\n"
                             "Expect: 100-continue\r\nX-Bayplate-Claim: AB CD\r\n\r\n"),
                   0);
  assert_span(h.method, "PUT");
  assert_span(h.path, "/v1/upload");
  assert_span(service_query(&h, "sha256"), "ab");
  assert_span(service_query(&h, "size"), "20");
  assert_span(service_query(&h, "offset"), "");
  assert_span(h.claim, "AB CD");
  assert_true(h.has_length && h.length == 10);
  assert_true(h.has_range && h.from == 10 && h.last == 19 && h.total == 20);
  assert_true(h.expects_continue);
  assert_false(h.chunked);
}

static void the_end_is_found_once_it_is_there(void **state) {
  (void)state;
  const char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody";
  const size_t end = sizeof text - 1 - 4;
  for (size_t n = 0; n < sizeof text; n++)
    assert_int_equal(service_head_end(text, n), n >= end ? end : 0);
}

static void bad_requests_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / FTP/1.1\r\n\r\n",
      "GET x HTTP/1.1\r\n\r\n",
      "GET /a b HTTP/1.1\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\n\r\n",
      "GET /\x7f HTTP/1.1\r\n\r\n",
      "GET /\xe8 HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\n: empty\r\n\r\n",
      "GET / HTTP/1.1\r\nA : b\r\n\r\n",
      "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\nA: b\r\n\r\n",
      "GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Range: bytes 5-4/9\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Range: bytes 5-9/9\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Range: bytes 5-8/*\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Range: lines 5-8/9\r\n\r\n",
      "GET / HTTP/1.1\r\nX-Bayplate-Claim: a\r\nX-Bayplate-Claim: b\r\n\r\n",
  };
  struct service_head h;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (parse(&h, bad[i]) != 400)
      fail_msg("taken: %s", bad[i]);
  }
  assert_int_equal(parse(&h, "GET / HTTP/2.0\r\n\r\n"), 505);
  assert_int_equal(parse(&h, "GET / HTTP/1.\r\n\r\n"), 505);
}

static void a_long_target_is_refused(void **state) {
  (void)state;
  char text[700] = "GET /";
  memset(text + 5, 'a', 511);
  memcpy(text + 5 + 511, " HTTP/1.1\r\n\r\n", 14);
  struct service_head h;
  assert_int_equal(parse(&h, text), 0);
  memcpy(text + 5 + 511, "a HTTP/1.1\r\n\r\n", 15);
  assert_int_equal(parse(&h, text), 414);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_taken_apart),
      cmocka_unit_test(the_end_is_found_once_it_is_there),
      cmocka_unit_test(bad_requests_are_refused),
      cmocka_unit_test(a_long_target_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
