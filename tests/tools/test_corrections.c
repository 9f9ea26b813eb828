// SPDX-License-Identifier: Apache-2.0
// What a person corrects becomes a folder that the tools read.
#include "tests/firmware/store_fixture.h"

#include "firmware/api_store.h"
#include "firmware/arrivals.h"
#include "firmware/corrections.h"
#include "tools/labels.h"

#include <sys/stat.h>

// The start of a JPEG of 280x90 pixels: all that is looked at.
static const uint8_t jpeg[] = {0xFF, 0xD8, 0xFF, 0xE0, 0, 4,  0, 0, 0xFF, 0xC0, 0,
                               17,   8,    0,    90,   1, 24, 3, 1, 0x11, 0};

static struct corrections *open_in(struct fixture *f, int max) {
  char dir[96];
  struct corrections *c = NULL;
  struct err e;
  (void)snprintf(dir, sizeof dir, "%s/corrections", f->dir);
  assert_true(corrections_open(&c, dir, max, &e));
  return c;
}

static bool put(struct corrections *c, uint64_t visit, const char *plate, const char *read,
                struct err *e) {
  const struct correction what = {.visit = visit,
                                  .plate = plate,
                                  .type = PLATE_BLUE,
                                  .read = read,
                                  .confidence = 0.71,
                                  .wall_ms = NOW,
                                  .jpeg = jpeg,
                                  .len = sizeof jpeg};
  return corrections_put(c, &what, e);
}

static void load(struct fixture *f, struct labels *l) {
  char dir[96];
  struct err e = {0};
  (void)snprintf(dir, sizeof dir, "%s/corrections", f->dir);
  if (!labels_load(l, dir, stderr, &e))
    fail_msg("%s", e.text);
}

static bool there(struct fixture *f, const char *name) {
  char path[128];
  struct stat st;
  (void)snprintf(path, sizeof path, "%s/corrections/%s", f->dir, name);
  return stat(path, &st) == 0 && st.st_size == (off_t)sizeof jpeg;
}

static void what_is_written_is_what_the_eval_reads(void **state) {
  struct fixture *f = *state;
  struct corrections *c = open_in(f, 10);
  struct err e = {0};
  assert_true(put(c, 7, "粤A12345", "粤A12346", &e));
  assert_true(put(c, 8, "粤BD12345", "", &e));        // nothing was read: the crop is of the car
  assert_true(put(c, 7, "粤A12349", "粤A12346", &e)); // the last word counts
  struct labels l;
  load(f, &l);
  assert_int_equal(l.n, 2);
  assert_string_equal(l.row[0].path, "img/8.jpg");
  assert_string_equal(l.row[0].type, "green"); // read as blue, which the text cannot be
  assert_false(l.row[0].has_box);
  assert_string_equal(l.row[1].path, "img/7.jpg");
  assert_string_equal(l.row[1].plate, "粤A12349");
  assert_string_equal(l.row[1].type, "blue");
  assert_true(l.row[1].has_box); // 280x90 with 0.2 and 0.4 around: the plate is 200x50
  assert_float_equal(l.row[1].box[0], 40, 0.1);
  assert_float_equal(l.row[1].box[1], 20, 0.1);
  assert_float_equal(l.row[1].box[2], 240, 0.1);
  assert_float_equal(l.row[1].box[3], 70, 0.1);
  assert_true(there(f, "img/7.jpg") && there(f, "img/8.jpg"));
  assert_int_equal(l.left_out, 0);
  labels_free(&l);
  corrections_free(c);
}

static void the_oldest_goes_when_there_are_too_many(void **state) {
  struct fixture *f = *state;
  struct corrections *c = open_in(f, 3);
  struct err e = {0};
  for (uint64_t v = 1; v <= 5; v++)
    assert_true(put(c, v, "粤A12345", "粤A12346", &e));
  corrections_free(c);
  c = open_in(f, 3); // also after a restart
  assert_true(put(c, 6, "粤A12345", "粤A12346", &e));
  struct labels l;
  load(f, &l);
  assert_int_equal(l.n, 3);
  assert_string_equal(l.row[0].path, "img/4.jpg");
  assert_true(!there(f, "img/3.jpg") && there(f, "img/4.jpg") && there(f, "img/6.jpg"));
  labels_free(&l);
  corrections_free(c);
}

static void bad_ones_are_refused_and_nothing_is_lost(void **state) {
  struct fixture *f = *state;
  struct corrections *c = open_in(f, 3);
  struct err e = {0};
  assert_true(put(c, 1, "粤A12345", "粤A12346", &e));
  assert_false(put(c, 2, "粤A1234", "粤A12346", &e));
  assert_false(put(c, 0, "粤A12345", "粤A12346", &e));
  assert_false(put(c, 2, "粤A12345", "a,b", &e));
  char path[128];
  (void)snprintf(path, sizeof path, "%s/corrections/labels.csv", f->dir);
  FILE *file = fopen(path, "ab");
  assert_non_null(file);
  assert_true(fputs("half a row", file) >= 0);
  assert_int_equal(fclose(file), 0);
  assert_false(put(c, 3, "粤A12345", "粤A12346", &e));
  assert_non_null(strstr(e.text, "labels.csv: is not as it was written"));
  assert_false(there(f, "img/3.jpg"));
  corrections_free(c);
  assert_false(corrections_open(&c, "", 3, &e));
  assert_false(corrections_open(&c, "/tmp", CORRECTIONS_MAX + 1, &e));
}

static void nobody_looks(void *ctx, uint64_t rev, const char *json) {
  (void)ctx;
  (void)rev;
  (void)json;
}

static void a_visit_of_the_store_is_corrected_with_its_crop(void **state) {
  struct fixture *f = *state;
  struct err e = {0};
  char dir[96];
  struct evidence *ev = NULL;
  struct store_visit v = {.id = 5,
                          .phase = STORE_VISIT_OPEN,
                          .certainty = VISIT_UNSURE,
                          .type = PLATE_YELLOW,
                          .text = "苏E12345",
                          .confidence = 0.62,
                          .opened_ms = NOW,
                          .last_seen_ms = NOW};
  (void)snprintf(dir, sizeof dir, "%s/evidence", f->dir);
  assert_true(
      evidence_open(&ev, &(struct evidence_options){.dir = dir, .budget_bytes = 1 << 20}, &e));
  assert_true(evidence_write(ev, 5, 1, NOW, jpeg, sizeof jpeg, v.evidence, &e));
  assert_true(store_visit_put(f->s, &v, &e));
  v = (struct store_visit){.id = 6, .type = PLATE_BLUE, .opened_ms = NOW, .last_seen_ms = NOW};
  assert_true(store_visit_put(f->s, &v, &e)); // without a picture
  struct clock_sim *sim = clock_sim_new(0, NOW * CLOCK_NS_PER_MS);
  struct calendar_config calendar;
  calendar_config_default(&calendar);
  const struct arrivals_options ao = {.clock = clock_sim_clock(sim),
                                      .store = f->s,
                                      .calendar = &calendar,
                                      .camera = "gate",
                                      .announce = nobody_looks};
  struct arrivals *arrivals = NULL;
  assert_true(arrivals_new(&arrivals, &ao, &e) && arrivals_start(arrivals, &e));
  struct api_store s = {.reader = f->s,
                        .evidence = ev,
                        .arrivals = arrivals,
                        .corrections = open_in(f, 9),
                        .clock = clock_sim_clock(sim)};
  assert_true(api_store_correct(&s, 5, "苏E12346", 1, &e));
  assert_true(api_store_correct(&s, 6, "苏E12347", 1, &e));
  assert_false(api_store_correct(&s, 77, "苏E12346", 1, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
  assert_true(store_visit_get(f->s, 6, &v, &e));
  assert_string_equal(v.text, "苏E12347");
  arrivals_free(arrivals);
  struct labels l;
  load(f, &l);
  assert_int_equal(l.n, 1);
  assert_string_equal(l.row[0].plate, "苏E12346");
  assert_string_equal(l.row[0].type, "yellow");
  labels_free(&l);
  corrections_free(s.corrections);
  evidence_free(ev);
  clock_sim_free(sim);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_written_is_what_the_eval_reads, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(the_oldest_goes_when_there_are_too_many, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(bad_ones_are_refused_and_nothing_is_lost, fixture_setup,
                                      fixture_teardown),
      cmocka_unit_test_setup_teardown(a_visit_of_the_store_is_corrected_with_its_crop,
                                      fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
