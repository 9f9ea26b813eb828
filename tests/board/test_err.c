// SPDX-License-Identifier: Apache-2.0
#include "board/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_text_is_set_and_layers_put_theirs_before_it(void **state) {
  (void)state;
  struct err e = {0};
  assert_false(err_set(&e, ERR_FORMAT, "line %d: not a number", 7));
  assert_false(err_prefix(&e, "%s", "gate.ini"));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_string_equal(e.text, "gate.ini: line 7: not a number");
}

static void errno_gives_code_and_words(void **state) {
  (void)state;
  static const struct {
    int errnum;
    enum err_code code;
  } cases[] = {{ENOSPC, ERR_FULL},   {ENOENT, ERR_NOT_FOUND}, {ENOMEM, ERR_NOMEM},
               {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED},     {EIO, ERR_IO}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct err e = {0};
    assert_false(err_errno(&e, cases[i].errnum, "open %s", "x"));
    assert_int_equal(e.code, cases[i].code);
    assert_int_equal(strncmp(e.text, "open x: ", 8), 0);
    assert_true(strlen(e.text) > 8);
  }
}

static void texts_too_long_are_cut_and_ended(void **state) {
  (void)state;
  char long_text[2 * ERR_TEXT_MAX];
  memset(long_text, 'a', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  struct err e;
  memset(&e, 'x', sizeof e);
  err_set(&e, ERR_IO, "%s", long_text);
  assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
  err_prefix(&e, "%s", long_text);
  assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
  err_errno(&e, ENOENT, "%s", long_text);
  assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

static void nobody_needs_to_listen(void **state) {
  (void)state;
  assert_false(err_set(NULL, ERR_IO, "x"));
  assert_false(err_prefix(NULL, "x"));
  assert_false(err_errno(NULL, EIO, "x"));
  struct err e = {ERR_IO, "x"};
  err_clear(&e);
  assert_int_equal(e.code, ERR_NONE);
  assert_string_equal(e.text, "");
}

static void every_code_has_a_name_of_its_own(void **state) {
  (void)state;
  for (int a = ERR_NONE; a <= ERR_BUSY; a++) {
    assert_true(err_name((enum err_code)a)[0] != '\0');
    for (int b = ERR_NONE; b < a; b++)
      assert_string_not_equal(err_name((enum err_code)a), err_name((enum err_code)b));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_is_set_and_layers_put_theirs_before_it),
      cmocka_unit_test(errno_gives_code_and_words),
      cmocka_unit_test(texts_too_long_are_cut_and_ended),
      cmocka_unit_test(nobody_needs_to_listen),
      cmocka_unit_test(every_code_has_a_name_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
