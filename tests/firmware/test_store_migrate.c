// SPDX-License-Identifier: Apache-2.0
// Databases written by every older version become today's, with all their rows.
#include "tests/firmware/store_fixture.h"

#include "board/log.h"
#include "firmware/store_customer.h"
#include "firmware/store_lookup.h"
#include "firmware/store_schema.h"
#include "firmware/store_user.h"

#include <sqlite3.h>

static char *read_text(const char *name) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s/tests/firmware/%s", BAYPLATE_SOURCE_DIR, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = calloc(1, 64 << 10);
  assert_non_null(text);
  assert_true(fread(text, 1, (64 << 10) - 1, file) > 0);
  assert_int_equal(fclose(file), 0);
  return text;
}

static void run_sql(const char *path, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(const char *path, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *st;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(st), SQLITE_ROW);
  int64_t n = sqlite3_column_int64(st, 0);
  assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return n;
}

static void start_from(struct fixture *f, const char *dump) {
  char *sql = read_text(dump);
  fixture_close(f);
  (void)snprintf(f->path, sizeof f->path, "%s/old.db", f->dir);
  run_sql(f->path, sql);
  free(sql);
}

static void schema_text(const char *path, char *out, size_t size) {
  sqlite3 *db;
  sqlite3_stmt *st;
  size_t n = 0;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db,
                                      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
                                      " AND name NOT LIKE 'sqlite_%' ORDER BY sql",
                                      -1, &st, NULL),
                   SQLITE_OK);
  while (sqlite3_step(st) == SQLITE_ROW) {
    n += (size_t)snprintf(out + n, size - n, "%s\n", (const char *)sqlite3_column_text(st, 0));
    assert_true(n < size);
  }
  assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void check_rows_of_version_1(struct store *s) {
  struct err e;
  struct store_visit v;
  struct store_record r;
  struct store_lookup l;
  uint64_t rev;
  char *answer;
  assert_true(store_visit_get(s, 1772900000001, &v, &e));
  assert_int_equal(v.rev, 1772900000800);
  assert_int_equal(v.phase, STORE_VISIT_CLOSED);
  assert_string_equal(v.text, "粤A12345");
  assert_string_equal(v.evidence, "2026/03/07/1772900000001-1.jpg");
  assert_true(v.clock_trusted);
  assert_true(store_visit_get(s, 1772900000002, &v, &e));
  assert_int_equal(v.phase, STORE_VISIT_OPEN);
  assert_true(store_visit_rev(s, &rev, &e));
  assert_true(rev > 1772900000900);
  assert_true(store_record_get(s, "粤A12345", &r, &e));
  assert_string_equal(r.name, "测试一");
  assert_string_equal(r.vin, "LTESTVIN000000001");
  assert_int_equal(r.policies, 2);
  assert_string_equal(r.policy[0].insurer, "样险甲"); // of the term named twice, the later row
  assert_string_equal(r.policy[0].end, "2026-03-30");
  assert_int_equal(r.policy[0].premium_cents, 95000);
  assert_int_equal(r.policy[1].premium_cents, 321055);
  assert_int_equal(r.policy[1].claims, -1);
  assert_true(store_record_get(s, "粤B00002", &r, &e));
  assert_int_equal(r.policy[0].premium_cents, -1);
  assert_true(store_record_get(s, "粤B00003", &r, &e));
  assert_false(r.has_customer);
  assert_true(store_lookup_get(s, "粤A12345", &l, &answer, &e));
  assert_int_equal(l.state, STORE_LOOKUP_FOUND);
  assert_int_equal(l.as_of_ms, 1772900001500);
  assert_string_equal(answer, "{\"plate\":\"粤A12345\"}");
  free(answer);
  assert_true(store_lookup_get(s, "粤B00004", &l, NULL, &e));
  assert_int_equal(l.state, STORE_LOOKUP_UNKNOWN);
  assert_true(store_lookup_get(s, "粤B00005", &l, NULL, &e));
  assert_int_equal(l.state, STORE_LOOKUP_NEVER);
  assert_int_equal(l.failures, 1);
  assert_string_equal(l.error, "failed");
}

static void expect_todays_schema(struct fixture *f) {
  char have[16384], *want = read_text("schema_v5.txt");
  assert_int_equal(fixture_condition(f->s), STORE_OK);
  fixture_close(f);
  // A table made in one go and one that was altered read differently, but every path ends alike.
  schema_text(f->path, have, sizeof have);
  assert_string_equal(have, want);
  free(want);
  assert_int_equal(ask(f->path, "PRAGMA user_version"), STORE_SCHEMA_VERSION);
  assert_int_equal(ask(f->path, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
  fixture_open(f, 0); // and again, with nothing to do
}

static void a_new_file_has_todays_schema(void **state) {
  expect_todays_schema(*state);
}

static void version_1_is_brought_up(void **state) {
  struct fixture *f = *state;
  start_from(f, "schema_v1.sql");
  fixture_open(f, 0);
  check_rows_of_version_1(f->s);
  expect_todays_schema(f);
  check_rows_of_version_1(f->s);
}

static void version_2_is_brought_up(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_user u;
  struct store_session session;
  struct store_visit v;
  char shop[16];
  start_from(f, "schema_v2.sql");
  fixture_open(f, 0);
  check_rows_of_version_1(f->s);
  expect_todays_schema(f);
  check_rows_of_version_1(f->s);
  assert_true(store_user_by_name(f->s, "小李", &u, &e));
  assert_int_equal(u.failed, 2);
  assert_true(store_session_get(f->s, "abc", &session, &e));
  assert_int_equal(session.user_id, u.id);
  assert_true(store_setting_get(f->s, "shop", shop, sizeof shop, &e));
  assert_true(store_visit_get(f->s, 1772900000001, &v, &e));
  assert_int_equal(v.alternatives, 1);
  assert_string_equal(v.camera, "gate");
}

static void version_3_is_brought_up(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v;
  start_from(f, "schema_v3.sql");
  fixture_open(f, 0);
  check_rows_of_version_1(f->s);
  expect_todays_schema(f);
  check_rows_of_version_1(f->s);
  assert_true(store_visit_get(f->s, 1772900000001, &v, &e));
  assert_int_equal(v.alternatives, 1);
  assert_string_equal(v.picture, "");
  assert_int_equal(v.said_by, 0);
}

static void version_4_is_brought_up(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_visit v;
  start_from(f, "schema_v4.sql");
  fixture_open(f, 0);
  check_rows_of_version_1(f->s);
  expect_todays_schema(f);
  check_rows_of_version_1(f->s);
  assert_true(store_visit_get(f->s, 1772900000001, &v, &e));
  assert_string_equal(v.picture, "粤A12346");
  assert_int_equal(v.said_by, 0);
}

static void a_newer_file_is_left_alone(void **state) {
  struct fixture *f = *state;
  struct err e;
  struct store_status st;
  assert_true(store_counter_add(f->s, "x", 9, NULL, &e));
  fixture_close(f);
  run_sql(f->path, "PRAGMA user_version = 99; DELETE FROM setting WHERE name = 'schema_needs'");
  fixture_open(f, 0);
  store_state(f->s, &st);
  assert_int_equal(st.condition, STORE_MEMORY);
  assert_non_null(strstr(st.text, "newer program"));
  assert_true(store_counter_add(f->s, "x", 1, NULL, &e));
  fixture_close(f);
  assert_int_equal(ask(f->path, "PRAGMA user_version"), 99);
  assert_int_equal(ask(f->path, "SELECT value FROM counter WHERE name = 'x'"), 9);
}

// A system update that did not prove itself: the program before goes on with the file.
static void a_newer_file_that_says_so_is_worked_with(void **state) {
  struct fixture *f = *state;
  struct err e;
  assert_true(store_counter_add(f->s, "x", 9, NULL, &e));
  fixture_close(f);
  run_sql(f->path, "ALTER TABLE visit ADD COLUMN later TEXT NOT NULL DEFAULT 'new';"
                   "PRAGMA user_version = 6");
  fixture_open(f, 0);
  assert_int_equal(fixture_condition(f->s), STORE_OK);
  struct store_visit v = fixture_visit(5, "粤A12345");
  assert_true(store_visit_put(f->s, &v, &e));
  assert_true(store_counter_add(f->s, "x", 1, NULL, &e));
  fixture_close(f);
  assert_int_equal(ask(f->path, "PRAGMA user_version"), 6);
  assert_int_equal(ask(f->path, "SELECT value FROM counter WHERE name = 'x'"), 10);
  assert_int_equal(ask(f->path, "SELECT count(*) FROM visit WHERE later = 'new'"), 1);
  run_sql(f->path, "UPDATE setting SET value = '6' WHERE name = 'schema_needs'");
  fixture_open(f, 0);
  assert_int_equal(fixture_condition(f->s), STORE_MEMORY);
}

// No room for the tables of a later version: the file stays at a whole version, and is done when
// there is room.
static void a_migration_without_room_loses_nothing(void **state) {
  struct fixture *f = *state;
  start_from(f, "schema_v1.sql");
  int64_t bytes = ask(f->path, "PRAGMA page_count") * 4096;
  fixture_open(f, bytes + 4096);
  assert_int_not_equal(fixture_condition(f->s), STORE_OK);
  fixture_close(f);
  int64_t version = ask(f->path, "PRAGMA user_version");
  assert_true(version == 1 || version == 2);
  assert_int_equal(ask(f->path, "SELECT count(*) FROM visit"), 2);
  assert_int_equal(ask(f->path, "SELECT count(*) FROM policy"), 4);
  fixture_open(f, 0);
  check_rows_of_version_1(f->s);
  expect_todays_schema(f);
}

static void rows_that_refer_to_nothing_stop_the_migration(void **state) {
  struct fixture *f = *state;
  struct store_status st;
  start_from(f, "schema_v1.sql");
  run_sql(f->path, "PRAGMA foreign_keys = OFF; DELETE FROM customer WHERE id = 1");
  fixture_open(f, 0);
  store_state(f->s, &st);
  assert_string_not_equal(st.set_aside, ""); // damaged: set aside, not half believed
  assert_int_equal(st.condition, STORE_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
      T(a_new_file_has_todays_schema),
      T(version_1_is_brought_up),
      T(version_2_is_brought_up),
      T(version_3_is_brought_up),
      T(version_4_is_brought_up),
      T(a_newer_file_is_left_alone),
      T(a_newer_file_that_says_so_is_worked_with),
      T(a_migration_without_room_loses_nothing),
      T(rows_that_refer_to_nothing_stop_the_migration),
  };
  log_set_level(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
