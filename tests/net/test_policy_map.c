// SPDX-License-Identifier: Apache-2.0
#include "net/policy_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct policy_answer answer;
static struct err e;

static enum policy_fault read_with(const struct policy_map_entry *table, int n, const char *data,
                                   size_t len, bool *found) {
  struct policy_map *m = NULL;
  err_clear(&e);
  assert_true(policy_map_new(&m, table, n, &e));
  enum policy_fault f = policy_map_read(m, data, len, "粤A12345", &answer, found, &e);
  policy_map_free(m);
  return f;
}

static enum policy_fault read_own(const char *text) {
  bool found;
  enum policy_fault f = read_with(NULL, 0, text, strlen(text), &found);
  assert_int_equal(found, f == POLICY_FAULT_NONE);
  assert_int_equal(e.code == ERR_NONE, f == POLICY_FAULT_NONE);
  return f;
}

static void reads_our_answer(void **state) {
  (void)state;
  assert_int_equal(
      read_own(
          "\xef\xbb\xbf{\"plate\":\"粤A·12345\",\"owner\":{\"name\":\"演示客户\",\"phone\":\"138 "
          "0000 "
          "0001\"},\"vehicle\":{\"model\":\"朗逸\",\"vin\":\"DEMO1\",\"color\":null,"
          "\"first_registered\":\"2020-02-29\"},\"policies\":[{\"kind\":\"compulsory\","
          "\"insurer\":\"示例\",\"number\":123,\"start\":\"2025-03-09\",\"end\":\"2026-03-08\","
          "\"premium\":950,\"claims\":0,\"covers\":[\"交强险\"]},{\"kind\":\"商业险\",\"end\":"
          "\"2026-04-01T24:00:00+08:00\",\"premium\":\"3250.50\"},{\"kind\":\"travel\",\"end\":"
          "\"2026-04-01\"}]}"),
      POLICY_FAULT_NONE);
  assert_string_equal(answer.owner.name, "演示客户");
  assert_string_equal(answer.vehicle.color, "");
  assert_int_equal(answer.vehicle.first_registered.day, 29);
  assert_int_equal(answer.policies, 2);
  assert_int_equal(answer.skipped, 1);
  const struct policy *p = answer.policy;
  assert_int_equal(p[0].kind, POLICY_COMPULSORY);
  assert_string_equal(p[0].number, "123");
  assert_int_equal(p[0].premium_fen, 95000);
  assert_int_equal(p[0].covers, 1);
  assert_int_equal(p[1].kind, POLICY_COMMERCIAL);
  assert_int_equal(p[1].premium_fen, 325050);
  assert_int_equal(p[1].claims, POLICY_UNKNOWN_NUMBER);
  assert_int_equal(p[1].start.year, 0);
  assert_int_equal(p[1].end.month, 4);
}

static void names_what_is_wrong(void **state) {
  (void)state;
#define ONE(fields) "{\"plate\":\"粤A12345\",\"policies\":[{" fields "}]}"
  static const struct {
    const char *text;
    enum policy_fault fault;
    const char *says;
  } cases[] = {
      {"", POLICY_FAULT_MALFORMED, "empty"},
      {"{\"plate\":", POLICY_FAULT_MALFORMED, "too early"},
      {"<html></html>", POLICY_FAULT_MALFORMED, "HTML"},
      {"{\"plate\":\"a\",\"plate\":\"b\"}", POLICY_FAULT_MALFORMED, "twice"},
      {"[]", POLICY_FAULT_SHAPE, "/plate"},
      {"null", POLICY_FAULT_SHAPE, "/plate"},
      {"{\"plate\":true}", POLICY_FAULT_SHAPE, "/plate"},
      {"{\"plate\":\"粤A54321\",\"policies\":[]}", POLICY_FAULT_PLATE, "another plate"},
      {"{\"plate\":\"粤A12345\"}", POLICY_FAULT_SHAPE, "/policies"},
      {"{\"plate\":\"粤A12345\",\"policies\":\"none\"}", POLICY_FAULT_SHAPE, "array"},
      {"{\"plate\":\"粤A12345\",\"policies\":[7]}", POLICY_FAULT_SHAPE, "/policies/0"},
      {ONE("\"kind\":\"compulsory\""), POLICY_FAULT_SHAPE, "last day"},
      {ONE("\"end\":\"2026-01-01\""), POLICY_FAULT_SHAPE, "kind"},
      {ONE("\"kind\":[],\"end\":\"2026-01-01\""), POLICY_FAULT_SHAPE, "/kind"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"2026-02-30\""), POLICY_FAULT_DATE, "2026-02-30"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"soon\""), POLICY_FAULT_DATE, "/end"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"\""), POLICY_FAULT_SHAPE, "/end"},
      {ONE("\"kind\":\"compulsory\",\"end\":false"), POLICY_FAULT_SHAPE, "/end"},
      {ONE("\"kind\":\"compulsory\",\"start\":\"2026-05-01\",\"end\":\"2026-01-01\""),
       POLICY_FAULT_DATE, "before it starts"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"2026-01-01\",\"premium\":-1"), POLICY_FAULT_SHAPE,
       "/premium"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"2026-01-01\",\"premium\":1e300"), POLICY_FAULT_SHAPE,
       "/premium"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"2026-01-01\",\"claims\":1.5"), POLICY_FAULT_SHAPE,
       "/claims"},
      {ONE("\"kind\":\"compulsory\",\"end\":\"2026-01-01\",\"covers\":[{}]"), POLICY_FAULT_SHAPE,
       "/covers"},
      {"{\"plate\":\"\xd4\xc1"
       "A12345\"}",
       POLICY_FAULT_ENCODING, "byte 10"},
      {"\xff\xfe{", POLICY_FAULT_ENCODING, "UTF-16"},
      {"\x1f\x8b\x08", POLICY_FAULT_ENCODING, "gzip"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enum policy_fault f = read_own(cases[i].text);
    if (f != cases[i].fault || !strstr(e.text, cases[i].says))
      fail_msg("case %zu: fault %s, \"%s\" lacks \"%s\"", i, policy_fault_name(f), e.text,
               cases[i].says);
    assert_null(strstr(e.text, "54321")); // never whose data it is
  }
}

static void utf16_with_nuls(void **state) {
  (void)state;
  bool found;
  assert_int_equal(read_with(NULL, 0, "{\0}\0", 4, &found), POLICY_FAULT_ENCODING);
}

static void bounds_hold(void **state) {
  (void)state;
  const size_t n = 400000;
  char *text = malloc(n + 1);
  assert_non_null(text);
  memset(text, '[', n);
  text[n] = '\0';
  assert_int_equal(read_own(text), POLICY_FAULT_MALFORMED); // deep
  for (size_t i = 0; i < n; i++)
    text[i] = i == 0 ? '[' : i % 2 ? '1' : ',';
  assert_int_equal(read_own(text), POLICY_FAULT_TOO_LARGE); // many values
  memset(text, 'x', n);
  const char head[] = "{\"plate\":\"粤A12345\",\"vehicle\":{\"model\":\"";
  const char tail[] = "\"},\"policies\":[]}";
  memcpy(text, head, sizeof head - 1);
  memcpy(text + n - (sizeof tail - 1), tail, sizeof tail);
  assert_int_equal(read_own(text), POLICY_FAULT_NONE); // a free text is cut
  assert_int_equal(strlen(answer.vehicle.model), POLICY_TEXT_MAX - 1);
  size_t len = (size_t)snprintf(text, n, "{\"plate\":\"粤A12345\",\"policies\":[");
  for (int i = 0; i <= POLICY_POLICIES_MAX; i++)
    len += (size_t)snprintf(text + len, n - len,
                            "%s{\"kind\":\"commercial\",\"end\":\"2026-01-01\"}", i ? "," : "");
  (void)snprintf(text + len, n - len, "]}");
  assert_int_equal(read_own(text), POLICY_FAULT_TOO_LARGE);
  free(text);
  assert_int_equal(read_own("{\"plate\":\"粤A12345\",\"vehicle\":{\"vin\":\""
                            "0123456789012345678901234567890123456789012345678901234567890123456"
                            "\"},\"policies\":[]}"),
                   POLICY_FAULT_SHAPE); // an identifier is not
}

// RDW: an array of objects of texts; an unknown plate is an empty array.
static void reads_rdw(void **state) {
  (void)state;
  static const struct policy_map_entry table[] = {
      {"found", "/0"},
      {"plate", "/0/kenteken"},
      {"vehicle.model", "/0/merk"},
      {"vehicle.model", "/0/handelsbenaming"},
      {"policies", ""},
      {"policy.kind", "=compulsory"},
      {"policy.end?", "/vervaldatum_apk"},
  };
  bool found;
  const char text[] =
      "[{\"kenteken\":\"粤A12345\",\"merk\":\"VOORBEELD\",\"handelsbenaming\":\"EEN\","
      "\"vervaldatum_apk\":\"20270314\"}]";
  assert_int_equal(read_with(table, 7, text, strlen(text), &found), POLICY_FAULT_NONE);
  assert_true(found);
  assert_string_equal(answer.vehicle.model, "VOORBEELD EEN");
  assert_int_equal(answer.policies, 1);
  assert_int_equal(answer.policy[0].end.day, 14);
  assert_int_equal(read_with(table, 7, "[]", 2, &found), POLICY_FAULT_NONE);
  assert_false(found);
}

// Policies side by side, with the gateway's own words for the kinds.
static void reads_flat_answer(void **state) {
  (void)state;
  static const struct policy_map_entry table[] = {
      {"plate?", "/hphm"},       {"policy1.kind", "=compulsory"}, {"policy1.end?", "/jqx/zbrq"},
      {"policy2.kind", "/xzdm"}, {"policy2.end", "/syx"},         {"kind.commercial", "02|SY"},
  };
  bool found;
  const char text[] = "{\"jqx\":{\"zbrq\":\"08/03/2026\"},\"xzdm\":\"SY\",\"syx\":20260401}";
  assert_int_equal(read_with(table, 6, text, strlen(text), &found), POLICY_FAULT_NONE);
  assert_int_equal(answer.policies, 2);
  assert_int_equal(answer.policy[0].end.month, 3);
  assert_int_equal(answer.policy[1].kind, POLICY_COMMERCIAL);
  assert_int_equal(answer.policy[1].end.month, 4);
}

static void refuses_bad_tables(void **state) {
  (void)state;
  static const struct {
    struct policy_map_entry table[3];
    const char *says;
  } cases[] = {
      {{{"nobody", "/a"}}, "map[nobody]"},
      {{{"vehicle.vin?", "/a"}}, "map[vehicle.vin?]"},
      {{{"policy5.end", "/a"}}, "map[policy5.end]"},
      {{{"policy1.end", "a"}, {"policy1.kind", "=compulsory"}}, "'/'"},
      {{{"policy1.end", "/a"}}, "policy1.kind"},
      {{{"policy.end", "/a"}, {"policy.kind", "/b"}}, "map[policies]"},
      {{{"plate", "/a"}, {"plate", "/b"}}, "twice"},
      {{{"plate", "/a"}}, "no policy"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int n = 0;
    while (n < 3 && cases[i].table[n].field[0])
      n++;
    struct policy_map *m = NULL;
    assert_false(policy_map_new(&m, cases[i].table, n, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    if (!strstr(e.text, cases[i].says))
      fail_msg("case %zu: \"%s\"", i, e.text);
  }
}

static void dates(void **state) {
  (void)state;
  static const char *const good[] = {"2026-03-08",
                                     "2026/03/08",
                                     "20260308",
                                     "08/03/2026",
                                     "2026-03-08T23:59:59",
                                     "2026-03-08 24:00:00",
                                     "2026-03-08T00:00:00.000Z",
                                     "2026-03-08T10:00+0800",
                                     "20260308235959"};
  static const char *const bad[] = {
      "2025-02-29",       "2026-13-01", "2026-00-10",  "1899-01-01",  "31/04/2026",
      "20260230",         "2026-3-8",   "2026-03-08x", "2026-03-081", "2026-03-08T25:00",
      "2026-03-08T10:61", "2026/03-08", "8/3/2026",    "202603",      "0000-00-00"};
  struct policy_date d;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (!policy_date_parse(good[i], &d, &e))
      fail_msg("%s: %s", good[i], e.text);
    char text[POLICY_DATE_TEXT];
    policy_date_text(&d, text);
    assert_string_equal(text, "2026-03-08");
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (policy_date_parse(bad[i], &d, &e))
      fail_msg("%s was taken", bad[i]);
    assert_int_equal(e.code, ERR_FORMAT);
  }
  assert_true(policy_date_parse("2024-02-29", &d, &e));
}

static void plates_compare(void **state) {
  (void)state;
  assert_true(policy_plate_same("粤A12345", "粤a·123 45"));
  assert_true(policy_plate_same("AB-12-CD", "ab12cd"));
  assert_false(policy_plate_same("粤A12345", "粤A1234"));
  assert_false(policy_plate_same("粤A12345", "鄂A12345"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_our_answer),   cmocka_unit_test(names_what_is_wrong),
      cmocka_unit_test(utf16_with_nuls),    cmocka_unit_test(bounds_hold),
      cmocka_unit_test(reads_rdw),          cmocka_unit_test(reads_flat_answer),
      cmocka_unit_test(refuses_bad_tables), cmocka_unit_test(dates),
      cmocka_unit_test(plates_compare),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
