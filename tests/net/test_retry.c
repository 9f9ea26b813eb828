// SPDX-License-Identifier: Apache-2.0
#include "net/retry.h"

#include "board/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS CLOCK_NS_PER_MS
#define S CLOCK_NS_PER_S

static void pauses_grow_and_end(void **state) {
  (void)state;
  struct retry_rng r = {.state = 7};
  for (int attempt = 1; attempt <= 60; attempt++) {
    int64_t full = attempt > 6 ? 10000 * MS : (200 * MS) << (attempt - 1);
    full = full < 10000 * MS ? full : 10000 * MS;
    for (int i = 0; i < 100; i++) {
      int64_t p = retry_pause_ns(&r, attempt, 200 * MS, 10000 * MS);
      assert_in_range(p, full - full / 2, full);
    }
  }
}

// Two terminals that fail together do not come back together.
static void pauses_differ(void **state) {
  (void)state;
  struct retry_rng a, b;
  retry_rng_seed(&a);
  retry_rng_seed(&b);
  assert_true(a.state != b.state);
  int64_t low = INT64_MAX, high = 0;
  for (int i = 0; i < 200; i++) {
    int64_t p = retry_pause_ns(&a, 1, 1000 * MS, 10000 * MS);
    low = p < low ? p : low;
    high = p > high ? p : high;
  }
  assert_true(high - low > 300 * MS);
}

static void reads_seconds(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t s;
  } good[] = {{"0", 0}, {"1", 1}, {" 120 ", 120}, {"3600", 3600}, {"99999999999999999999", 3600}};
  int64_t p;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_true(retry_after_parse(good[i].text, 0, &p));
    assert_int_equal(p, good[i].s * S);
  }
  static const char *const bad[] = {"", " ", "-1", "1.5", "soon", "10 s", "tomorrow"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(retry_after_parse(bad[i], 0, &p));
}

// The three forms of RFC 9110 section 5.6.7, all 1994-11-06 08:49:37 UTC.
static void reads_dates(void **state) {
  (void)state;
  static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
  const int64_t at = INT64_C(784111777) * S;
  int64_t p;
  for (size_t i = 0; i < 3; i++) {
    assert_true(retry_after_parse(forms[i], at - 30 * S, &p));
    assert_int_equal(p, 30 * S);
    assert_true(retry_after_parse(forms[i], at + 30 * S, &p));
    assert_int_equal(p, 0);
    assert_true(retry_after_parse(forms[i], at - 90000 * S, &p));
    assert_int_equal(p, RETRY_AFTER_MAX_S * S);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pauses_grow_and_end),
      cmocka_unit_test(pauses_differ),
      cmocka_unit_test(reads_seconds),
      cmocka_unit_test(reads_dates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
