// SPDX-License-Identifier: Apache-2.0
// labels.csv as strangers write it.
#include "tools/labels.h"

#include "tools/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/bayplate-labels-XXXXXX";

static int setup(void **state) {
  (void)state;
  return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  char command[64];
  (void)snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

static void put(const char *name, const void *text, size_t bytes) {
  char path[64];
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, bytes, f), bytes);
  assert_int_equal(fclose(f), 0);
}

// Loads a text; what is told goes to `told`.
static bool load(struct labels *l, const char *text, char *told, size_t room, struct err *e) {
  put("labels.csv", text, strlen(text));
  char *buffer = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&buffer, &n);
  assert_non_null(f);
  const bool ok = labels_load(l, dir, f, e);
  assert_int_equal(fclose(f), 0);
  (void)snprintf(told, room, "%s", buffer);
  free(buffer);
  return ok;
}

static void odd_but_right_files_load(void **state) {
  (void)state;
  struct labels l;
  struct err e = {0};
  char told[4096];
  // A byte order mark, CRLF, columns in another order and one of the owner's own, quotes, blanks,
  // empty lines, a dot in the text, no newline at the end, rows of one picture apart.
  assert_true(load(&l,
                   "\xEF\xBB\xBFplate,Path,note,x0,y0,x1,y1\r\n"
                   "\xE7\xB2\xA4"
                   "a\xC2\xB7"
                   "12345,\"a,b \"\"c\"\".jpg\",\"hello, you\",1,2.5,30,40\r\n"
                   "\r\n"
                   "  \r\n"
                   "\xE4\xBA\xAC"
                   "A88731 , /abs/d.jpg ,,,,,\r\n"
                   ",,,,,,\r\n"
                   "\xE4\xBA\xAC"
                   "B88731,\"a,b \"\"c\"\".jpg\",,5,6,7",
                   told, sizeof told, &e));
  assert_string_equal(told, "");
  assert_int_equal(l.n, 3);
  assert_string_equal(l.row[0].path, "a,b \"c\".jpg");
  assert_string_equal(l.row[0].plate, "\xE7\xB2\xA4"
                                      "A12345");
  assert_true(l.row[0].has_box && !l.row[0].has_corners);
  assert_float_equal(l.row[0].box[1], 2.5, 1e-6);
  assert_string_equal(l.row[1].path, l.row[0].path);
  assert_int_equal(l.row[1].first, l.row[0].first);
  assert_false(l.row[1].has_box); // one number is missing: not known
  assert_string_equal(l.row[2].path, "/abs/d.jpg");
  assert_string_equal(l.row[2].plate, "\xE4\xBA\xAC"
                                      "A88731");
  assert_int_equal(l.left_out, 0);
  assert_int_equal(l.odd, 0);
  labels_free(&l);
}

static void corners_and_types_load(void **state) {
  (void)state;
  struct labels l;
  struct err e = {0};
  char told[4096];
  assert_true(load(&l,
                   "path,plate,type,x0,y0,x1,y1,c0x,c0y,c1x,c1y,c2x,c2y,c3x,c3y\n"
                   "a.jpg,,Yellow2,,,,,1,2,3,4,5,6,7,8\n",
                   told, sizeof told, &e));
  assert_int_equal(l.n, 1);
  assert_string_equal(l.row[0].type, "yellow2");
  assert_string_equal(l.row[0].plate, "");
  assert_true(l.row[0].has_corners && !l.row[0].has_box);
  assert_float_equal(l.row[0].corners.corner[3].y, 8.0, 1e-6);
  labels_free(&l);
}

static void bad_rows_are_told_and_left_out(void **state) {
  (void)state;
  struct labels l;
  struct err e = {0};
  char told[4096];
  assert_true(load(&l,
                   "path,plate,type,x0,y0,x1,y1\n"
                   "a.jpg,\xE4\xBA\xAC"
                   "A88731,blue,1,2,3,x\n"
                   ",\xE4\xBA\xAC"
                   "A88731,blue,,,,\n"
                   "b.jpg,\"open,blue,1,2,3,4\n"
                   "c.jpg,0123456789012345678901234567890123,blue,1,2,3,4\n"
                   "d.jpg,\xE4\xBA\xAC"
                   "A88731,blue,1,2,3,4,5\n"
                   "good.jpg,\xE6\x97\xA5"
                   "A88731,blue,1,2,3,4\n",
                   told, sizeof told, &e));
  assert_int_equal(l.n, 1);
  assert_string_equal(l.row[0].path, "good.jpg");
  assert_int_equal(l.left_out, 5);
  assert_non_null(strstr(told, "labels.csv:2: field \"y1\" is \"x\""));
  assert_non_null(strstr(told, "labels.csv:3: field \"path\" is empty"));
  assert_non_null(strstr(told, "labels.csv:4: a quote is not closed"));
  assert_non_null(strstr(told, "labels.csv:5: field \"plate\""));
  assert_non_null(strstr(told, "labels.csv:6: has 8 fields, the header names 7"));
  assert_int_equal(l.odd, 1); // no plate begins with that sign
  assert_int_equal(l.odd_line, 7);
  labels_free(&l);
}

static void files_that_are_no_labels_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } bad[] = {
      {"", "is empty"},
      {"file,plate\na,b\n", "no column \"path\""},
      {"path,text\n", "no column \"plate\""},
      {"path,plate,PATH\n", "two columns are named \"path\""},
      {"\xFF\xFEp", "UTF-16"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct labels l;
    struct err e = {0};
    char told[512];
    assert_false(load(&l, bad[i].text, told, sizeof told, &e));
    if (!strstr(e.text, bad[i].says))
      fail_msg("\"%s\" does not say \"%s\"", e.text, bad[i].says);
    assert_int_equal(l.n, 0);
  }
  struct labels l;
  struct err e = {0};
  assert_false(labels_load(&l, "/nowhere", NULL, &e));
  assert_non_null(strstr(e.text, "/nowhere/labels.csv"));
}

static void too_much_is_bounded(void **state) {
  (void)state;
  const size_t room = 3 * LABELS_LINE_MAX;
  char *text = malloc(room);
  assert_non_null(text);
  size_t n = (size_t)snprintf(text, room, "path,plate\n");
  memset(text + n, 'x', LABELS_LINE_MAX + 10);
  n += LABELS_LINE_MAX + 10;
  n += (size_t)snprintf(text + n, room - n,
                        "\nz.jpg,\xE4\xBA\xAC"
                        "A88731\n");
  for (int i = 0; i < LABELS_A_PICTURE_MAX + 30; i++)
    n += (size_t)snprintf(text + n, room - n, "a.jpg,\n");
  struct labels l;
  struct err e = {0};
  char told[16384];
  assert_true(load(&l, text, told, sizeof told, &e));
  assert_int_equal(l.n, LABELS_A_PICTURE_MAX + 1);
  assert_int_equal(l.left_out, 31);
  assert_non_null(strstr(told, "labels.csv:2: is longer than"));
  assert_non_null(strstr(told, "11 more rows are left out"));
  assert_string_equal(l.row[0].path, "z.jpg");
  labels_free(&l);
  free(text);
}

static void only_listed_texts_stay(void **state) {
  (void)state;
  struct labels l;
  struct err e = {0};
  char told[512], list[64];
  assert_true(load(&l,
                   "path,plate\na,\xE4\xBA\xAC"
                   "A11111\na,\xE4\xBA\xAC"
                   "A22222\n"
                   "b,\xE4\xBA\xAC"
                   "A33333\nc,\xE4\xBA\xAC"
                   "A44444\n",
                   told, sizeof told, &e));
  static const char texts[] = "\xE4\xBA\xAC"
                              "A44444\r\n\xE4\xBA\xAC"
                              "A22222\n";
  put("texts", texts, sizeof texts - 1);
  (void)snprintf(list, sizeof list, "%s/texts", dir);
  assert_true(labels_only(&l, list, &e));
  assert_int_equal(l.n, 3);
  assert_true(l.row[0].ignored && !l.row[1].ignored && !l.row[2].ignored);
  assert_string_equal(l.row[2].path, "c");
  assert_false(labels_only(&l, "/nowhere", &e));
  put("texts", "", 0);
  assert_false(labels_only(&l, list, &e));
  assert_non_null(strstr(e.text, "lists no plate"));
  labels_free(&l);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(odd_but_right_files_load),
      cmocka_unit_test(corners_and_types_load),
      cmocka_unit_test(bad_rows_are_told_and_left_out),
      cmocka_unit_test(files_that_are_no_labels_are_refused),
      cmocka_unit_test(too_much_is_bounded),
      cmocka_unit_test(only_listed_texts_stay),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
