// SPDX-License-Identifier: Apache-2.0
// A folder that goes away with the test, and a store in it.
#ifndef BAYPLATE_TESTS_FIRMWARE_STORE_FIXTURE_H
#define BAYPLATE_TESTS_FIRMWARE_STORE_FIXTURE_H

// cmocka wants these before itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/store.h"
#include "firmware/store_visit.h"

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1772932353000) // 2026-03-08T09:12:33+08:00

struct fixture {
  char dir[64];
  char path[96];
  struct store *s;
};

static inline int fixture_remove(const char *path, const struct stat *st, int type,
                                 struct FTW *ftw) {
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

static inline void fixture_open(struct fixture *f, int64_t max_bytes) {
  struct err e;
  err_clear(&e);
  bool ok = store_open(
      &f->s, &(struct store_options){.path = f->path, .wall_ms = NOW, .max_bytes = max_bytes}, &e);
  assert_string_equal(e.text, "");
  assert_true(ok);
}

static inline int fixture_setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  if (!f)
    return -1;
  // In memory where there is such a folder: that a killed process lost nothing shows there too.
  (void)snprintf(f->dir, sizeof f->dir, "%s/bayplate-store-XXXXXX",
                 access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
  if (!mkdtemp(f->dir)) {
    free(f);
    return -1;
  }
  (void)snprintf(f->path, sizeof f->path, "%s/bayplate.db", f->dir);
  fixture_open(f, 0);
  *state = f;
  return 0;
}

static inline int fixture_teardown(void **state) {
  struct fixture *f = *state;
  store_close(f->s);
  int rc = nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
  free(f);
  return rc;
}

static inline void fixture_close(struct fixture *f) {
  store_close(f->s);
  f->s = NULL;
}

static inline void fixture_reopen(struct fixture *f) {
  fixture_close(f);
  fixture_open(f, 0);
}

static inline struct store_visit fixture_visit(uint64_t id, const char *text) {
  struct store_visit v = {.id = id,
                          .certainty = VISIT_CERTAIN,
                          .direction = DIRECTION_IN,
                          .type = PLATE_BLUE,
                          .confidence = 0.998,
                          .opened_ms = NOW + (int64_t)id * 1000,
                          .last_seen_ms = NOW + (int64_t)id * 1000 + 500,
                          .clock_trusted = true};
  (void)snprintf(v.text, sizeof v.text, "%s", text);
  return v;
}

static inline enum store_condition fixture_condition(struct store *s) {
  struct store_status st;
  store_state(s, &st);
  return st.condition;
}

#endif
