// SPDX-License-Identifier: Apache-2.0
#include "net/json_pointer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// The document and the table of RFC 6901 section 5.
static void rfc_examples(void **state) {
  (void)state;
  static const char text[] =
      "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
      "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
  static const struct {
    const char *pointer;
    int value;
  } cases[] = {{"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3}, {"/g|h", 4},
               {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8}};
  json_t *root = json_loads(text, 0, NULL);
  assert_non_null(root);
  assert_ptr_equal(json_pointer_get(root, ""), root);
  assert_ptr_equal(json_pointer_get(root, "/foo"), json_object_get(root, "foo"));
  assert_string_equal(json_string_value(json_pointer_get(root, "/foo/0")), "bar");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const json_t *v = json_pointer_get(root, cases[i].pointer);
    assert_true(json_is_integer(v));
    assert_int_equal(json_integer_value(v), cases[i].value);
  }
  json_decref(root);
}

static void finds_nothing(void **state) {
  (void)state;
  static const char *const none[] = {"/foo/2",          "/foo/-",  "/foo/01", "/foo/",
                                     "/foo/0/x",        "/nobody", "/foo/+1", "/foo/0x0",
                                     "/foo/9999999999", "foo",     "/foo~2"};
  json_t *root = json_loads("{\"foo\":[\"bar\",\"baz\"]}", 0, NULL);
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    assert_null(json_pointer_get(root, none[i]));
  json_decref(root);
}

static void checks_syntax(void **state) {
  (void)state;
  struct err e;
  char long_step[JSON_POINTER_TOKEN_MAX + 2];
  memset(long_step, 'a', sizeof long_step);
  long_step[0] = '/';
  long_step[sizeof long_step - 1] = '\0';
  assert_true(json_pointer_check("", &e));
  assert_true(json_pointer_check("/a~0~1/0", &e));
  const char *const wrong[] = {"a", "/a~", "/a~2", long_step};
  for (size_t i = 0; i < 4; i++) {
    assert_false(json_pointer_check(wrong[i], &e));
    assert_int_equal(e.code, ERR_FORMAT);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rfc_examples),
      cmocka_unit_test(finds_nothing),
      cmocka_unit_test(checks_syntax),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
