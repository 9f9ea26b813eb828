// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/port_spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define BIG (2 * PORT_SPOOL_SYNC + 1000)

struct world {
  char dir[64], path[128];
  struct port_spool_options o;
  struct port_spool *s;
  uint8_t *bytes;
  uint8_t hash[PORT_SPOOL_HASH], small_hash[PORT_SPOOL_HASH];
};

static const char *at(struct world *w, const char *name) {
  (void)snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
  return w->path;
}

static long size_of(struct world *w, const char *name) {
  struct stat st;
  return stat(at(w, name), &st) == 0 ? (long)st.st_size : -1;
}

static void open_spool(struct world *w) {
  struct err e;
  if (!port_spool_open(&w->s, &w->o, &e))
    fail_msg("%s", e.text);
}

static void reopen(struct world *w) {
  port_spool_free(w->s);
  open_spool(w);
}

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  (void)snprintf(w->dir, sizeof w->dir, "/tmp/bayplate-spool-XXXXXX");
  assert_non_null(mkdtemp(w->dir));
  w->o = (struct port_spool_options){.dir = w->dir, .max = BIG};
  w->bytes = malloc(BIG);
  assert_non_null(w->bytes);
  for (size_t i = 0; i < BIG; i++)
    w->bytes[i] = (uint8_t)(i * 7 + i / 251);
  assert_int_equal(crypto_hash_sha256(w->hash, w->bytes, BIG), 0);
  assert_int_equal(crypto_hash_sha256(w->small_hash, w->bytes, 10), 0);
  open_spool(w);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  struct world *w = *state;
  port_spool_free(w->s);
  static const char *const names[] = {"upload.part", "upload.meta", "upload.meta.tmp",
                                      "upload.bundle"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    (void)unlink(at(w, names[i]));
  assert_int_equal(rmdir(w->dir), 0); // nothing else was left
  free(w->bytes);
  free(w);
  return 0;
}

static void write_range(struct world *w, uint64_t from, uint64_t to) {
  struct err e;
  while (from < to) {
    size_t n = to - from < 100000 ? (size_t)(to - from) : 100000;
    if (!port_spool_write(w->s, from, w->bytes + from, n, &e))
      fail_msg("%s", e.text);
    from += n;
  }
}

static uint64_t begin(struct world *w, const uint8_t *hash, uint64_t size) {
  struct err e;
  uint64_t have = 1234567;
  if (!port_spool_begin(w->s, hash, size, &have, &e))
    fail_msg("%s", e.text);
  return have;
}

static void commit(struct world *w) {
  struct err e;
  if (!port_spool_commit(w->s, &e))
    fail_msg("%s", e.text);
}

static void a_whole_upload_is_handed_over(void **state) {
  struct world *w = *state;
  struct port_spool_state st;
  assert_int_equal(begin(w, w->hash, BIG), 0);
  write_range(w, 0, BIG);
  commit(w);
  port_spool_state(w->s, &st);
  assert_true(st.done && st.have == BIG);
  assert_int_equal(size_of(w, "upload.bundle"), BIG);
  assert_int_equal(size_of(w, "upload.part"), -1);
  reopen(w); // it is still known after a restart, and not asked for again
  assert_int_equal(begin(w, w->hash, BIG), BIG);
  port_spool_state(w->s, &st);
  assert_true(st.done);
}

static void a_restart_goes_on(void **state) {
  struct world *w = *state;
  (void)begin(w, w->hash, BIG);
  write_range(w, 0, 5000);
  reopen(w); // a clean stop: every byte is kept
  assert_int_equal(begin(w, w->hash, BIG), 5000);
  write_range(w, 5000, BIG);
  commit(w);
}

// After a power cut the file may be longer than what is known to be right, or hold zeros there.
static void only_noted_bytes_survive_a_power_cut(void **state) {
  struct world *w = *state;
  struct err e;
  (void)begin(w, w->hash, BIG);
  write_range(w, 0, 5000);
  assert_true(port_spool_pause(w->s, &e));
  char meta[256];
  int fd = open(at(w, "upload.meta"), O_RDONLY);
  ssize_t n = read(fd, meta, sizeof meta);
  assert_true(n > 0 && close(fd) == 0);
  write_range(w, 5000, 9000);
  port_spool_free(w->s);
  fd = open(at(w, "upload.meta"), O_WRONLY | O_TRUNC); // the note as it was before
  assert_int_equal(write(fd, meta, (size_t)n), n);
  assert_int_equal(close(fd), 0);
  fd = open(at(w, "upload.part"), O_WRONLY);
  assert_int_equal(pwrite(fd, "\0\0\0\0", 4, 6000), 4);
  assert_int_equal(close(fd), 0);
  open_spool(w);
  assert_int_equal(begin(w, w->hash, BIG), 5000);
  assert_int_equal(size_of(w, "upload.part"), 5000);
  write_range(w, 5000, BIG);
  commit(w);
}

static void notes_are_taken_on_the_way(void **state) {
  struct world *w = *state;
  (void)begin(w, w->hash, BIG);
  write_range(w, 0, PORT_SPOOL_SYNC + 100000);
  char meta[256] = "";
  int fd = open(at(w, "upload.meta"), O_RDONLY);
  assert_true(read(fd, meta, sizeof meta - 1) > 0 && close(fd) == 0);
  unsigned long safe = strtoul(strchr(strchr(meta, ' ') + 1, ' '), NULL, 10);
  assert_true(safe >= PORT_SPOOL_SYNC);
}

static void a_broken_note_begins_anew(void **state) {
  struct world *w = *state;
  static const char *const notes[] = {"", "nonsense\n", "00 1 2 3\n"};
  for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
    (void)begin(w, w->hash, BIG);
    write_range(w, 0, 100);
    port_spool_free(w->s);
    int fd = open(at(w, "upload.meta"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, notes[i], strlen(notes[i])), strlen(notes[i]));
    assert_int_equal(close(fd), 0);
    open_spool(w);
    assert_int_equal(begin(w, w->hash, BIG), 0);
  }
}

static void a_wrong_hash_throws_it_away(void **state) {
  struct world *w = *state;
  struct err e;
  struct port_spool_state st;
  w->small_hash[0] ^= 1;
  (void)begin(w, w->small_hash, 10);
  write_range(w, 0, 10);
  assert_false(port_spool_commit(w->s, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  port_spool_state(w->s, &st);
  assert_false(st.any);
  assert_int_equal(size_of(w, "upload.part"), -1);
  assert_int_equal(size_of(w, "upload.bundle"), -1);
}

static void another_file_takes_the_place(void **state) {
  struct world *w = *state;
  (void)begin(w, w->hash, BIG);
  write_range(w, 0, 5000);
  assert_int_equal(begin(w, w->small_hash, 10), 0);
  assert_int_equal(size_of(w, "upload.part"), 0);
  write_range(w, 0, 10);
  commit(w);
  assert_int_equal(begin(w, w->hash, BIG), 0);       // the old part is gone
  assert_int_equal(size_of(w, "upload.bundle"), 10); // the whole one stays until then
}

static void once_taken_by_the_installer_it_may_come_again(void **state) {
  struct world *w = *state;
  (void)begin(w, w->small_hash, 10);
  write_range(w, 0, 10);
  commit(w);
  assert_int_equal(unlink(at(w, "upload.bundle")), 0);
  assert_int_equal(begin(w, w->small_hash, 10), 0);
}

static void bounds_hold(void **state) {
  struct world *w = *state;
  struct err e;
  uint64_t have;
  assert_false(port_spool_begin(w->s, w->hash, BIG + 1, &have, &e));
  assert_int_equal(e.code, ERR_LIMIT);
  assert_false(port_spool_write(w->s, 0, w->bytes, 1, &e)); // nothing begun
  assert_int_equal(e.code, ERR_STATE);
  (void)begin(w, w->small_hash, 10);
  assert_false(port_spool_write(w->s, 1, w->bytes, 1, &e)); // a gap
  assert_int_equal(e.code, ERR_STATE);
  assert_false(port_spool_write(w->s, 0, w->bytes, 11, &e)); // more than announced
  assert_int_equal(e.code, ERR_STATE);
  assert_false(port_spool_commit(w->s, &e)); // not whole
  assert_int_equal(e.code, ERR_STATE);
  port_spool_abort(w->s);
  assert_int_equal(size_of(w, "upload.part"), -1);
}

static void a_full_disk_is_refused_before_a_byte(void **state) {
  struct world *w = *state;
  struct err e;
  uint64_t have;
  port_spool_free(w->s);
  w->o.reserve = UINT64_MAX;
  open_spool(w);
  assert_false(port_spool_begin(w->s, w->small_hash, 10, &have, &e));
  assert_int_equal(e.code, ERR_FULL);
  assert_int_equal(size_of(w, "upload.part"), -1);
}

static void a_folder_that_cannot_be_is_told(void **state) {
  (void)state;
  struct err e;
  struct port_spool *s = NULL;
  const struct port_spool_options o = {.dir = "/proc/nothing/here", .max = 1};
  assert_false(port_spool_open(&s, &o, &e));
  assert_non_null(strstr(e.text, "/proc/nothing/here"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_whole_upload_is_handed_over),
      TEST(a_restart_goes_on),
      TEST(only_noted_bytes_survive_a_power_cut),
      TEST(notes_are_taken_on_the_way),
      TEST(a_broken_note_begins_anew),
      TEST(a_wrong_hash_throws_it_away),
      TEST(another_file_takes_the_place),
      TEST(once_taken_by_the_installer_it_may_come_again),
      TEST(bounds_hold),
      TEST(a_full_disk_is_refused_before_a_byte),
      cmocka_unit_test(a_folder_that_cannot_be_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
