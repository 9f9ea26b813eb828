// SPDX-License-Identifier: Apache-2.0
// Which crops stay, and what lies on the disk.
#include "tests/firmware/store_fixture.h"

#include "board/file.h"
#include "board/jpeg.h"
#include "firmware/golden.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#define DAY INT64_C(86400000)

static uint8_t *picture;
static size_t picture_len;

// A plate of 200x50 whose surroundings are black: 0.2 and 0.4 of it on each side.
static void draw(void) {
  static uint8_t bgr[90 * 280 * 3];
  for (int y = 20; y < 70; y++)
    memset(bgr + ((size_t)y * 280 + 40) * 3, 0xff, (size_t)200 * 3);
  assert_true(jpeg_encode_bgr(bgr, 280, 90, 280 * 3, 90, &picture, &picture_len, NULL));
}

static struct golden *open_in(struct fixture *f) {
  char dir[96];
  struct golden *g = NULL;
  (void)snprintf(dir, sizeof dir, "%s/golden", f->dir);
  assert_true(golden_open(&g, dir, NULL));
  return g;
}

// Plates 粤A00000 and so on: valid ones, all different.
static void plate_of(unsigned n, char out[PLATE_TEXT_MAX]) {
  (void)snprintf(out, PLATE_TEXT_MAX, "粤A%05u", n);
}

static bool offer(struct golden *g, uint64_t visit, const char *plate, int64_t ms, bool person) {
  bool taken = false;
  struct err e = {0};
  const struct golden_crop c = {.visit = visit,
                                .plate = plate,
                                .type = PLATE_BLUE,
                                .by_person = person,
                                .wall_ms = ms,
                                .evidence = picture,
                                .len = picture_len};
  if (!golden_offer(g, &c, &taken, &e))
    fail_msg("%s", e.text);
  return taken;
}

static bool there(struct fixture *f, const char *name) {
  char path[128];
  struct stat st;
  (void)snprintf(path, sizeof path, "%s/golden/%s", f->dir, name);
  return stat(path, &st) == 0 && (st.st_mode & 0777) == 0600;
}

static int files(struct fixture *f) {
  char path[96];
  (void)snprintf(path, sizeof path, "%s/golden", f->dir);
  DIR *d = opendir(path);
  assert_non_null(d);
  int n = 0;
  for (const struct dirent *x = NULL; (x = readdir(d));)
    n += x->d_name[0] != '.';
  (void)closedir(d);
  return n;
}

static void the_plate_alone_is_kept_private_and_survives_a_restart(void **state) {
  struct fixture *f = *state;
  struct golden *g = open_in(f);
  assert_true(offer(g, 7, "粤A12345", NOW, false));
  golden_free(g);
  g = open_in(f);
  assert_false(offer(g, 8, "粤A12345", NOW + DAY, false)); // the plate is there
  assert_true(there(f, "7.jpg") && there(f, "labels.csv"));
  char path[128];
  void *data = NULL;
  size_t len = 0;
  int w = 0, h = 0;
  (void)snprintf(path, sizeof path, "%s/golden/7.jpg", f->dir);
  assert_true(file_get(path, GOLDEN_BYTES_MAX, &data, &len, NULL));
  assert_true(jpeg_measure(data, len, &w, &h, NULL));
  assert_int_equal(w, 200);
  assert_int_equal(h, 50);
  struct jpeg_decoder *d = NULL;
  struct frame *frame = NULL;
  assert_true(jpeg_decoder_new(&d, NULL) && jpeg_decode(d, data, len, &frame, NULL));
  assert_non_null(frame);
  assert_true(frame && frame->plane[0][5 * frame->stride[0] + 5] > 200); // nothing black is left
  frame_unref(frame);
  jpeg_decoder_free(d);
  free(data);
  (void)snprintf(path, sizeof path, "%s/golden/labels.csv", f->dir);
  assert_true(file_get(path, 4096, &data, &len, NULL));
  assert_non_null(strstr(data, "file,plate,"));
  assert_non_null(strstr(data, "\n7.jpg,粤A12345,blue,9,readers,1772932353000\n"));
  free(data);
  golden_free(g);
}

static void the_number_is_bounded_and_a_full_set_is_replaced_slowly(void **state) {
  struct fixture *f = *state;
  struct golden *g = open_in(f);
  char plate[PLATE_TEXT_MAX];
  for (unsigned i = 0; i < GOLDEN_MAX; i++) {
    plate_of(i, plate);
    assert_true(offer(g, 100 + i, plate, NOW + i, false));
  }
  assert_int_equal(files(f), GOLDEN_MAX + 1);
  assert_false(offer(g, 200, "粤B11111", NOW + DAY, false)); // of the same kind, too young
  assert_true(offer(g, 201, "粤B11112", NOW + (GOLDEN_SETTLED_DAYS + 1) * DAY, false));
  assert_false(there(f, "100.jpg")); // the oldest went
  assert_false(offer(g, 202, "粤B11113", NOW + (GOLDEN_SETTLED_DAYS + 1) * DAY + 3600000, false));
  assert_true(offer(g, 203, "粤B11114", NOW + (GOLDEN_SETTLED_DAYS + 2) * DAY + 3600000, false));
  // At night: a kind that is not there yet comes in at once.
  assert_true(offer(g, 204, "粤B11115", NOW + DAY / 2, false));
  assert_int_equal(files(f), GOLDEN_MAX + 1);
  golden_free(g);
}

static void a_persons_word_counts_more(void **state) {
  struct fixture *f = *state;
  struct golden *g = open_in(f);
  char plate[PLATE_TEXT_MAX];
  assert_true(offer(g, 1, "粤A12345", NOW, false));
  assert_true(offer(g, 2, "粤A12346", NOW, false));
  assert_true(offer(g, 1, "粤A12346", NOW, true)); // visit 1 is that car: both rows before go
  assert_int_equal(files(f), 2);
  assert_true(there(f, "1.jpg") && !there(f, "2.jpg"));
  assert_false(offer(g, 3, "粤A12346", NOW, false));
  // People's crops alone never fill the set, nor are they pushed out by others.
  for (unsigned i = 0; i < GOLDEN_BY_PERSON + 5; i++) {
    plate_of(i, plate);
    assert_true(offer(g, 100 + i, plate, NOW + i + 1, true));
  }
  assert_int_equal(files(f), GOLDEN_BY_PERSON + 1);
  golden_free(g);
}

static void old_ones_go(void **state) {
  struct fixture *f = *state;
  struct golden *g = open_in(f);
  struct err e = {0};
  assert_true(offer(g, 1, "粤A12345", NOW, false));
  assert_true(offer(g, 2, "粤A12346", NOW + DAY, true));
  assert_true(golden_expire(g, NOW + GOLDEN_AGE_DAYS * DAY, &e));
  assert_true(there(f, "1.jpg"));
  assert_true(golden_expire(g, NOW + GOLDEN_AGE_DAYS * DAY + 1, &e));
  assert_true(!there(f, "1.jpg") && there(f, "2.jpg"));
  golden_free(g);
}

static void what_is_damaged_is_begun_anew_and_left_overs_go(void **state) {
  struct fixture *f = *state;
  struct golden *g = open_in(f);
  char path[128];
  assert_true(offer(g, 1, "粤A12345", NOW, false));
  (void)snprintf(path, sizeof path, "%s/golden/9.jpg", f->dir);
  assert_true(file_put(path, "x", 1, NULL)); // a power cut between crop and row
  golden_free(g);
  g = open_in(f);
  assert_true(there(f, "1.jpg") && !there(f, "9.jpg"));
  golden_free(g);
  (void)snprintf(path, sizeof path, "%s/golden/labels.csv", f->dir);
  assert_true(file_put(path, "file,plate,type,hour,by,time_ms\n../../x.jpg,", 44, NULL));
  g = open_in(f);
  assert_false(there(f, "1.jpg"));
  assert_true(offer(g, 2, "粤A12345", NOW, false));
  // Neither a text that is no plate nor a picture that is none gets in, and neither is an error.
  assert_false(offer(g, 3, "粤A1", NOW, true));
  const size_t len = picture_len;
  picture_len = 3;
  assert_false(offer(g, 4, "粤A12349", NOW, true));
  picture_len = len;
  assert_int_equal(files(f), 2);
  golden_free(g);
  assert_false(golden_open(&g, "", NULL));
}

int main(void) {
  if (setenv("TZ", "Asia/Shanghai", 1) != 0)
    return 1;
  tzset();
  draw();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_plate_alone_is_kept_private_and_survives_a_restart,
                                      fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(the_number_is_bounded_and_a_full_set_is_replaced_slowly,
                                      fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(a_persons_word_counts_more, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(old_ones_go, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(what_is_damaged_is_begun_anew_and_left_overs_go,
                                      fixture_setup, fixture_teardown),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(picture);
  return failed;
}
