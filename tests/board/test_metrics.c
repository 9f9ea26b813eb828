// SPDX-License-Identifier: Apache-2.0
#include "board/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_line(const char *line) {
  size_t len = 0;
  char *text = metrics_text(&len);
  assert_non_null(text);
  assert_int_equal(strlen(text), len);
  if (!strstr(text, line))
    fail_msg("no line \"%s\" in\n%s", line, text);
  free(text);
}

static void counters_and_gauges_are_shown_as_prometheus_text(void **state) {
  (void)state;
  struct metric *ok = metric_counter("t_lookups_total", "result=\"ok\"", "Look-ups.");
  struct metric *gauge = metric_gauge("t_online", NULL, "Is it there.");
  struct metric *bad = metric_counter("t_lookups_total", "result=\"bad\"", "Look-ups.");
  metric_add(ok, 3);
  metric_add(bad, 1);
  metric_set(gauge, 1);
  metric_set(gauge, -2);
  assert_int_equal(metric_value(gauge), -2);
  // One head a name, and its lines together.
  expect_line("# HELP t_lookups_total Look-ups.\n# TYPE t_lookups_total counter\n"
              "t_lookups_total{result=\"ok\"} 3\nt_lookups_total{result=\"bad\"} 1\n");
  expect_line("# TYPE t_online gauge\nt_online -2\n");
}

static void the_same_name_and_label_is_the_same_metric(void **state) {
  (void)state;
  assert_ptr_equal(metric_counter("t_same", NULL, "x"), metric_counter("t_same", NULL, "x"));
  assert_ptr_not_equal(metric_counter("t_same", "a=\"b\"", "x"),
                       metric_counter("t_same", NULL, "x"));
}

static void a_histogram_counts_upwards_in_seconds(void **state) {
  (void)state;
  struct metric *h = metric_histogram("t_seconds", NULL, "Time.");
  metric_observe_ns(h, 1000000);     // 1 ms: on the limit
  metric_observe_ns(h, 40000000);    // 40 ms
  metric_observe_ns(h, 60000000000); // more than the last limit
  metric_observe_ns(h, -5);          // a clock that jumped
  assert_int_equal(metric_value(h), 4);
  expect_line("t_seconds_bucket{le=\"0.001\"} 2\n");
  expect_line("t_seconds_bucket{le=\"0.02\"} 2\nt_seconds_bucket{le=\"0.05\"} 3\n");
  expect_line(
      "t_seconds_bucket{le=\"10\"} 3\nt_seconds_bucket{le=\"+Inf\"} 4\nt_seconds_sum 60.041000\n"
      "t_seconds_count 4\n");
}

static void *add_many(void *m) {
  for (int i = 0; i < 10000; i++)
    metric_add(m, 1);
  return NULL;
}

static void threads_lose_no_count(void **state) {
  (void)state;
  struct metric *m = metric_counter("t_threads_total", NULL, "x");
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, add_many, m), 0);
  size_t len = 0;
  free(metrics_text(&len)); // reading meanwhile is fine
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(metric_value(m), 40000);
}

static void too_many_are_taken_but_not_shown(void **state) {
  (void)state;
  static char names[METRICS_MAX + 1][24];
  struct metric *m = NULL;
  for (int i = 0; i <= METRICS_MAX; i++) {
    (void)snprintf(names[i], sizeof names[i], "t_many_%d", i);
    m = metric_counter(names[i], NULL, "x");
    assert_non_null(m);
  }
  metric_add(m, 1);
  size_t len = 0;
  char *text = metrics_text(&len);
  assert_non_null(text);
  assert_null(strstr(text, names[METRICS_MAX]));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counters_and_gauges_are_shown_as_prometheus_text),
      cmocka_unit_test(the_same_name_and_label_is_the_same_metric),
      cmocka_unit_test(a_histogram_counts_upwards_in_seconds),
      cmocka_unit_test(threads_lose_no_count),
      cmocka_unit_test(too_many_are_taken_but_not_shown), // last: fills the table
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
