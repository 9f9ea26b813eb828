// SPDX-License-Identifier: Apache-2.0
#include "firmware/config.h"
#include "firmware/config_option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

#define FAULTS 16

struct faults {
  int n;
  int line[FAULTS];
  char field[FAULTS][160];
  char text[FAULTS][256];
};

static void note(void *ctx, int line, const char *field, const char *text) {
  struct faults *f = ctx;
  assert_true(f->n < FAULTS);
  f->line[f->n] = line;
  (void)snprintf(f->field[f->n], sizeof f->field[0], "%s", field);
  (void)snprintf(f->text[f->n], sizeof f->text[0], "%s", text);
  f->n++;
}

static bool parse(struct config *c, const char *text, struct faults *f) {
  memset(f, 0, sizeof *f);
  return config_parse(c, text, strlen(text), note, f);
}

static void a_small_file_is_enough(void **state) {
  (void)state;
  struct config c;
  struct faults f;
  assert_true(parse(&c, "[camera]\nsource = gate.mp4\n", &f));
  assert_string_equal(c.camera.source, "gate.mp4");
  assert_int_equal(c.http.port, 8080);
  assert_string_equal(c.http.address, "127.0.0.1");
  assert_int_equal(c.visit.same_car_gap_ns, 600 * INT64_C(1000000000));
  assert_false(c.policy_enabled);
}

static void every_error_is_told_with_line_and_field(void **state) {
  (void)state;
  struct config c;
  struct faults f;
  assert_false(parse(&c,
                     "[camera]\n"
                     "source = x\n"
                     "offline_ms = soon\n"
                     "\n"
                     "[http]\n"
                     "prot = 80\n"
                     "port = 70000\n"
                     "[nonsense]\n"
                     "a = b\n"
                     "[camera]\n"
                     "source = y\n",
                     &f));
  assert_int_equal(f.n, 5);
  assert_int_equal(f.line[0], 3);
  assert_string_equal(f.field[0], "camera.offline_ms");
  assert_non_null(strstr(f.text[0], "soon"));
  assert_int_equal(f.line[1], 6);
  assert_non_null(strstr(f.text[1], "did you mean \"port\""));
  assert_int_equal(f.line[2], 7);
  assert_non_null(strstr(f.text[2], "-1 to 65535"));
  assert_string_equal(f.field[3], "nonsense.a");
  assert_int_equal(f.line[4], 11);
  assert_non_null(strstr(f.text[4], "first in line 2"));
}

static void an_indented_line_is_its_own(void **state) {
  (void)state;
  struct config c;
  struct faults f;
  assert_true(parse(&c, "[camera]\n source = a\n\tname = 东门\n", &f));
  assert_string_equal(c.camera.source, "a");
  assert_string_equal(c.camera.name, "东门");
}

static void zones(void **state) {
  (void)state;
  struct config c;
  struct faults f;
  assert_true(parse(&c, "[camera]\nsource=a\nzone = 0.1,0.2 0.9,0.2 0.9,1 0.1,1\n", &f));
  assert_int_equal(c.visit.zone_points, 4);
  assert_true(c.visit.zone[2].x > 0.89f && c.visit.zone[2].y == 1.0f);
  static const char *const bad[] = {"0.1,0.2 0.5,0.5", "0.1 0.2 0.3", "0,0 1,0 1,1.2", "a,b",
                                    "0,0 1,0 nan,1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[128];
    (void)snprintf(text, sizeof text, "[camera]\nsource=a\nzone = %s\n", bad[i]);
    assert_false(parse(&c, text, &f));
    assert_string_equal(f.field[0], "camera.zone");
  }
}

static void impossible_values(void **state) {
  (void)state;
  static const char *const bad[] = {"[http]\nport = 80.5\n",
                                    "[http]\nport = \n",
                                    "[http]\nport = 0x50\n",
                                    "[camera]\nloop = maybe\n",
                                    "[visit]\ncertain = 7\n",
                                    "[visit]\ncertain = nan\n",
                                    "[log]\nlevel = loud\n",
                                    "[calendar]\npush = 70\n",
                                    "[calendar]\ndue_from = soon\n",
                                    "[http]\ntls_cert = a\ntls_port = 0\n",
                                    "[store]\nevidence_mb = 0\n",
                                    "[vision]\nthreads = -1\n",
                                    "[http]\ntls_cert = a\ntls_key = b\n",
                                    "[http]\nredirect = yes\n",
                                    "[http]\nport = -1\n",
                                    "[http]\ntls_port = 8080\n",
                                    "[http]\nport = -2\n"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct config c;
    struct faults f;
    char text[128];
    (void)snprintf(text, sizeof text, "%s[camera]\nsource = a\n", bad[i]);
    assert_false(parse(&c, text, &f));
    assert_int_equal(f.n, 1);
  }
}

static void rubbish(void **state) {
  (void)state;
  struct config c;
  struct faults f;
  char longline[600];
  memset(longline, 'x', sizeof longline);
  memcpy(longline, "[camera]\nsource=", 16);
  longline[599] = '\0';
  assert_false(parse(&c, longline, &f));
  assert_int_equal(f.line[0], 2);
  assert_false(parse(&c, "", &f));
  assert_string_equal(f.field[0], "camera.source");
  memset(&f, 0, sizeof f);
  assert_false(config_parse(&c, "[camera]\nsource=a\0b\n", 20, note, &f));
  assert_int_equal(f.line[0], 2);
  memset(&f, 0, sizeof f);
  assert_false(config_load(&c, "/nonexistent/bayplate.ini", note, &f));
  assert_non_null(strstr(f.text[0], "No such file"));
}

static void the_gateway_table(void **state) {
  (void)state;
  struct config c;
  struct faults f;
  assert_true(parse(
      &c,
      "[camera]\nsource=a\n"
      "[policy]\nbase = https://gateway.invalid\nurl = {base}/x/{plate}\n"
      "header = X-Key: abc\nheader = Accept: application/json\n"
      "[policy.map]\npolicy.end = /0/vervaldatum_apk\npolicy.kind = =compulsory\npolicies = /x\n",
      &f));
  assert_true(c.policy_enabled);
  assert_int_equal(c.policy.map_entries, 3);
  assert_string_equal(c.policy.map[0].value, "/0/vervaldatum_apk");
}

static void the_printed_file_is_valid(void **state) {
  (void)state;
  char *text = NULL;
  size_t len = 0;
  FILE *m = open_memstream(&text, &len);
  assert_non_null(m);
  config_option_print(m);
  assert_int_equal(fclose(m), 0);
  // Take the key's comment signs away: every printed default must be accepted.
  for (char *at = text; (at = strchr(at, '#')) != NULL; at++) {
    if (at[1] != ' ')
      *at = ' ';
  }
  struct config c;
  struct faults f;
  (void)parse(&c, text, &f);
  for (int i = 0; i < f.n; i++)
    assert_string_equal(f.field[i], "camera.source"); // the one key without a default
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_small_file_is_enough),
      cmocka_unit_test(every_error_is_told_with_line_and_field),
      cmocka_unit_test(an_indented_line_is_its_own),
      cmocka_unit_test(zones),
      cmocka_unit_test(impossible_values),
      cmocka_unit_test(rubbish),
      cmocka_unit_test(the_gateway_table),
      cmocka_unit_test(the_printed_file_is_valid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
