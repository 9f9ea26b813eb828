// SPDX-License-Identifier: Apache-2.0
#include "board/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// stderr is turned into a pipe around `write`; what came out is returned.
static const char *caught(void (*write)(void)) {
  static char out[4096];
  int ends[2];
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  int old = dup(STDERR_FILENO);
  assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
  write();
  assert_true(dup2(old, STDERR_FILENO) >= 0);
  assert_int_equal(close(old), 0);
  assert_int_equal(close(ends[1]), 0);
  ssize_t n = read(ends[0], out, sizeof out - 1);
  assert_true(n >= 0);
  out[n] = '\0';
  assert_int_equal(close(ends[0]), 0);
  return out;
}

static void write_two(void) {
  log_info("store", "opened rows=%d", 3);
  log_debug("store", "not shown");
}

static void one_line_an_event_and_nothing_below_the_level(void **state) {
  (void)state;
  assert_string_equal(caught(write_two), "info store: opened rows=3\n");
  log_set_level(LOG_LEVEL_ERROR);
  assert_string_equal(caught(write_two), "");
  assert_false(log_enabled(LOG_LEVEL_WARN));
}

static void write_dirty(void) {
  log_error("net", "%s", "a\nfake: line\x1b[2J\x7f");
}

static void what_a_peer_sent_cannot_make_lines_or_move_the_cursor(void **state) {
  (void)state;
  assert_string_equal(caught(write_dirty), "error net: a?fake: line?[2J?\n");
}

static void write_long(void) {
  char text[3 * LOG_LINE_MAX];
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  log_error("net", "%s", text);
}

static void a_long_line_is_cut(void **state) {
  (void)state;
  const char *out = caught(write_long);
  assert_true(strlen(out) <= LOG_LINE_MAX);
  assert_int_equal(out[strlen(out) - 1], '\n');
}

static void the_journal_gets_its_priority(void **state) {
  (void)state;
  assert_int_equal(setenv("JOURNAL_STREAM", "8:1", 1), 0);
  assert_string_equal(caught(write_two), "<6>info store: opened rows=3\n");
  assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

static void levels_are_words(void **state) {
  (void)state;
  enum log_level level = LOG_LEVEL_ERROR;
  assert_true(log_level_parse("debug", &level));
  assert_int_equal(level, LOG_LEVEL_DEBUG);
  assert_false(log_level_parse("Debug", &level));
  assert_false(log_level_parse("", &level));
}

static void the_tail_keeps_the_newest_whole_lines(void **state) {
  (void)state;
  static char tail[LOG_TAIL_MAX + 1];
  (void)caught(write_two);
  size_t n = log_tail(tail, sizeof tail);
  assert_int_equal(n, strlen(tail));
  const char *last = strrchr(tail, 'Z'); // the end of the time, then the line as it was written
  assert_non_null(last);
  assert_string_equal(last, "Z info store: opened rows=3\n");
  // More than it holds: still whole lines, the newest last, and never more than it may be.
  for (int i = 0; i < 200; i++)
    (void)caught(write_long);
  (void)caught(write_two);
  n = log_tail(tail, sizeof tail);
  assert_in_range(n, LOG_TAIL_MAX / 2, LOG_TAIL_MAX);
  assert_memory_equal(tail, "20", 2); // begins with a year
  assert_non_null(strstr(tail, "Z info store: opened rows=3\n"));
  n = log_tail(tail, 120);
  assert_in_range(n, 20, 119);
  assert_memory_equal(tail, "20", 2);
}

static int reset(void **state) {
  (void)state;
  log_set_level(LOG_LEVEL_INFO);
  return unsetenv("JOURNAL_STREAM");
}

int main(void) {
#define CASE(f) cmocka_unit_test_setup(f, reset)
  const struct CMUnitTest tests[] = {
      CASE(one_line_an_event_and_nothing_below_the_level),
      CASE(what_a_peer_sent_cannot_make_lines_or_move_the_cursor),
      CASE(a_long_line_is_cut),
      CASE(the_journal_gets_its_priority),
      CASE(levels_are_words),
      CASE(the_tail_keeps_the_newest_whole_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
