// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/store_fixture.h"

#include "firmware/evidence.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

struct folder {
  char base[64], dir[96];
  struct evidence *ev;
};

static void open_with(struct folder *f, uint64_t budget, uint64_t reserve) {
  struct err e;
  evidence_free(f->ev);
  assert_true(evidence_open(
      &f->ev,
      &(struct evidence_options){.dir = f->dir, .budget_bytes = budget, .reserve_bytes = reserve},
      &e));
}

static int setup(void **state) {
  struct folder *f = calloc(1, sizeof *f);
  if (!f)
    return -1;
  (void)snprintf(f->base, sizeof f->base, "/tmp/bayplate-evidence-XXXXXX");
  if (!mkdtemp(f->base)) {
    free(f);
    return -1;
  }
  (void)snprintf(f->dir, sizeof f->dir, "%s/crops", f->base);
  (void)setenv("TZ", "Asia/Shanghai", 1);
  tzset();
  open_with(f, 1 << 20, 0);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct folder *f = *state;
  evidence_free(f->ev);
  int rc = nftw(f->base, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
  free(f);
  return rc;
}

static void put(struct folder *f, uint64_t visit, uint64_t number, int64_t ms, size_t len,
                char path[EVIDENCE_PATH_MAX]) {
  struct err e;
  char *data = malloc(len);
  assert_non_null(data);
  memset(data, (int)visit, len);
  bool ok = evidence_write(f->ev, visit, number, ms, data, len, path, &e);
  free(data);
  assert_true(ok);
}

static bool there(struct folder *f, const char *path) {
  void *data;
  size_t len;
  struct err e;
  bool ok = evidence_read(f->ev, path, &data, &len, &e);
  if (!ok)
    assert_int_equal(e.code, ERR_NOT_FOUND);
  free(data);
  return ok;
}

static void a_crop_comes_back_from_its_days_folder(void **state) {
  struct folder *f = *state;
  struct err e;
  struct stat st;
  void *data;
  size_t len;
  char path[EVIDENCE_PATH_MAX], full[256];
  put(f, 7, 3, NOW, 1000, path);
  assert_string_equal(path, "2026/03/08/7-3.jpg");
  assert_int_equal(evidence_path_number(path), 3);
  assert_true(evidence_read(f->ev, path, &data, &len, &e));
  assert_int_equal(len, 1000);
  assert_int_equal(((char *)data)[999], 7);
  free(data);
  (void)snprintf(full, sizeof full, "%s/%s", f->dir, path);
  assert_int_equal(stat(full, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  put(f, 8, 1, NOW + 15 * 3600 * 1000, 10, path); // after midnight in the shop
  assert_string_equal(path, "2026/03/09/8-1.jpg");
}

static void paths_of_another_form_are_never_opened(void **state) {
  struct folder *f = *state;
  static const char *const bad[] = {
      "",
      "/etc/passwd",
      "../../etc/passwd",
      "2026/03/08/../../../../etc/passwd",
      "2026/03/08/7-3.jpg/..",
      "2026/03/08/7-3.png",
      "2026/03/08/7-3.jpg ",
      "2026/03/08//7-3.jpg",
      "2026/03/08/-3.jpg",
      "2026/03/08/7-.jpg",
      "2026/03/08/07-3.jpg",
      "2026/03/08/+7-3.jpg",
      "2026/3/08/7-3.jpg",
      "2026\\03\\08\\7-3.jpg",
      "./26/03/08/7-3.jpg",
      "..26/03/08/7-3.jpg",
      "2026/03/08/99999999999999999999-1.jpg",
      "2026/03/08/1-11111111111111111111111111111111111111111111111111111.jpg"};
  struct err e;
  void *data;
  size_t len;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(evidence_path_valid(bad[i]));
    assert_int_equal(evidence_path_number(bad[i]), 0);
    assert_false(evidence_read(f->ev, bad[i], &data, &len, &e));
    assert_int_equal(e.code, ERR_ARG);
    assert_null(data);
  }
}

static void links_and_other_things_are_not_followed(void **state) {
  struct folder *f = *state;
  struct err e;
  void *data;
  size_t len;
  char path[EVIDENCE_PATH_MAX], full[256];
  put(f, 1, 1, NOW, 10, path);
  (void)snprintf(full, sizeof full, "%s/2026/03/08/2-1.jpg", f->dir);
  assert_int_equal(symlink("/etc/passwd", full), 0);
  assert_false(evidence_read(f->ev, "2026/03/08/2-1.jpg", &data, &len, &e));
  (void)snprintf(full, sizeof full, "%s/2026/03/09", f->dir);
  assert_int_equal(symlink("08", full), 0);
  assert_false(evidence_read(f->ev, "2026/03/09/1-1.jpg", &data, &len, &e));
  (void)snprintf(full, sizeof full, "%s/2026/03/08/3-1.jpg", f->dir);
  assert_int_equal(mkfifo(full, 0600), 0); // must not wait for a writer
  assert_false(evidence_read(f->ev, "2026/03/08/3-1.jpg", &data, &len, &e));
  (void)snprintf(full, sizeof full, "%s/2026/03/08/4-1.jpg", f->dir);
  assert_int_equal(close(open(full, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0); // empty
  assert_false(evidence_read(f->ev, "2026/03/08/4-1.jpg", &data, &len, &e));
  assert_int_equal(e.code, ERR_LIMIT);
}

static void the_oldest_visits_go_first_whatever_the_clock_said(void **state) {
  struct folder *f = *state;
  struct err e;
  struct evidence_usage u;
  char path[12][EVIDENCE_PATH_MAX];
  open_with(f, 10000, 0);
  // Visit 11 was taken with a clock of 1970: it is the newest all the same.
  for (uint64_t i = 1; i <= 11; i++)
    put(f, i, 1, i == 11 ? 1000 : NOW + (int64_t)i * 86400000, 1000, path[i]);
  assert_true(evidence_rotate(f->ev, 0, &u, &e));
  assert_int_equal(u.removed, 2);
  assert_int_equal(u.bytes, 9000); // 90 % of the budget
  assert_int_equal(u.files, 9);
  assert_false(there(f, path[1]));
  assert_false(there(f, path[2]));
  assert_true(there(f, path[3]));
  assert_true(there(f, path[11]));
  char day[256];
  // The folder of a day without crops goes with the next look.
  assert_true(evidence_rotate(f->ev, 3600 * 1000, &u, &e));
  assert_int_equal(u.removed, 0);
  (void)snprintf(day, sizeof day, "%s/2026/03/09", f->dir);
  assert_int_equal(access(day, F_OK), -1);
}

static void within_the_budget_nothing_goes(void **state) {
  struct folder *f = *state;
  struct err e;
  struct evidence_usage u;
  char path[EVIDENCE_PATH_MAX];
  open_with(f, 10000, 0);
  assert_true(evidence_rotate(f->ev, 0, &u, &e)); // an empty folder
  assert_int_equal(u.files, 0);
  for (uint64_t i = 1; i <= 10; i++)
    put(f, i, 1, NOW, 1000, path);
  assert_true(evidence_rotate(f->ev, 0, &u, &e));
  assert_int_equal(u.removed, 0);
  assert_int_equal(u.bytes, 10000);
}

static void crops_of_the_run_before_count(void **state) {
  struct folder *f = *state;
  struct err e;
  struct evidence_usage u;
  char path[EVIDENCE_PATH_MAX];
  for (uint64_t i = 1; i <= 10; i++)
    put(f, i, i, NOW, 1000, path);
  open_with(f, 5000, 0); // a smaller budget at the next start
  assert_true(evidence_rotate(f->ev, 0, &u, &e));
  assert_int_equal(u.files, 4);
}

static void a_disk_without_its_reserve_is_given_room(void **state) {
  struct folder *f = *state;
  struct err e;
  struct evidence_usage u;
  char path[EVIDENCE_PATH_MAX];
  open_with(f, 1 << 20, UINT64_MAX / 2); // more than any disk has
  put(f, 1, 1, NOW, 1000, path);
  assert_true(evidence_rotate(f->ev, 0, &u, &e));
  assert_int_equal(u.removed, 1);
  assert_int_equal(u.bytes, 0);
}

static void what_a_power_cut_left_is_removed_and_what_is_not_ours_stays(void **state) {
  struct folder *f = *state;
  struct err e;
  struct evidence_usage u;
  char path[EVIDENCE_PATH_MAX], tmp[256], other[256];
  put(f, 1, 1, NOW, 1000, path);
  (void)snprintf(tmp, sizeof tmp, "%s/2026/03/08/9-9.jpg.tmp", f->dir);
  (void)snprintf(other, sizeof other, "%s/2026/03/08/notes.txt", f->dir);
  assert_int_equal(close(open(tmp, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
  assert_int_equal(close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
  assert_true(evidence_rotate(f->ev, 0, &u, &e));
  assert_int_equal(access(tmp, F_OK), -1);
  assert_int_equal(access(other, F_OK), 0);
  assert_int_equal(u.files, 1);
}

static void a_full_disk_is_said_and_leaves_no_half_file(void **state) {
  struct folder *f = *state;
  struct err e;
  struct rlimit limit, small;
  char path[EVIDENCE_PATH_MAX], data[8192] = {1};
  put(f, 1, 1, NOW, 10, path);
  (void)signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 4096;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  bool ok = evidence_write(f->ev, 2, 1, NOW, data, sizeof data, path, &e);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  assert_false(ok);
  assert_int_equal(e.code, ERR_FULL);
  assert_string_equal(path, "");
  assert_false(there(f, "2026/03/08/2-1.jpg"));
  char tmp[256];
  (void)snprintf(tmp, sizeof tmp, "%s/2026/03/08/2-1.jpg.tmp", f->dir);
  assert_int_equal(access(tmp, F_OK), -1);
}

static void a_folder_that_cannot_be_made_is_said_each_time(void **state) {
  struct folder *f = *state;
  struct err e;
  char path[EVIDENCE_PATH_MAX];
  (void)snprintf(f->dir, sizeof f->dir, "%s/missing/crops", f->base);
  open_with(f, 1000, 0);
  for (int i = 0; i < 2; i++) {
    assert_false(evidence_write(f->ev, 1, 1, NOW, "x", 1, path, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "missing"));
    assert_false(evidence_rotate(f->ev, 0, NULL, &e));
  }
}

static void impossible_arguments_are_refused(void **state) {
  struct folder *f = *state;
  struct err e;
  struct evidence *ev;
  char path[EVIDENCE_PATH_MAX];
  assert_false(evidence_open(&ev, &(struct evidence_options){.dir = "", .budget_bytes = 1}, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(evidence_open(&ev, &(struct evidence_options){.dir = "/tmp"}, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(evidence_write(f->ev, 0, 1, NOW, "x", 1, path, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(evidence_write(f->ev, 1, 1, NOW, "", 0, path, &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(evidence_write(f->ev, 1, 1, NOW, "x", EVIDENCE_BYTES_MAX + 1, path, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  evidence_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      T(a_crop_comes_back_from_its_days_folder),
      T(paths_of_another_form_are_never_opened),
      T(links_and_other_things_are_not_followed),
      T(the_oldest_visits_go_first_whatever_the_clock_said),
      T(within_the_budget_nothing_goes),
      T(crops_of_the_run_before_count),
      T(a_disk_without_its_reserve_is_given_room),
      T(what_a_power_cut_left_is_removed_and_what_is_not_ours_stays),
      T(a_full_disk_is_said_and_leaves_no_half_file),
      T(a_folder_that_cannot_be_made_is_said_each_time),
      T(impossible_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
