// SPDX-License-Identifier: Apache-2.0
#include "firmware/auth_lock.h"
#include "tests/firmware/auth_memory.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PEER "192.0.2.7"
#define GOOD_PIN "482913"

struct fixture {
  struct auth_memory memory;
  struct clock_sim *clock;
  struct auth *auth;
  char code[AUTH_SETUP_CODE_MAX];
  unsigned codes; // shown so far
  char token[AUTH_TOKEN_MAX];
  struct auth_person person;
  int64_t wait_ms;
  struct err e;
};

static struct fixture f;

static void show_code(void *ctx, const char *code) {
  struct fixture *x = ctx;
  snprintf(x->code, sizeof x->code, "%s", code);
  x->codes++;
}

static int start(void **state) {
  (void)state;
  memset(&f, 0, sizeof f);
  f.clock = clock_sim_new(CLOCK_NS_PER_S, INT64_C(1800000000) * CLOCK_NS_PER_S);
  struct auth_options o = {.clock = clock_sim_clock(f.clock),
                           .ops = &auth_memory_ops,
                           .store = &f.memory,
                           .show_code = show_code,
                           .ctx = &f};
  return auth_new(&f.auth, &o, &f.e) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  auth_free(f.auth);
  clock_sim_free(f.clock);
  return 0;
}

static enum auth_refusal setup(const char *code, const char *name, const char *pin) {
  return auth_setup(f.auth, PEER, code, name, AUTH_MANAGER, pin, f.token, &f.person, &f.wait_ms,
                    &f.e);
}

static enum auth_refusal login(const char *peer, const char *name, const char *pin) {
  return auth_login(f.auth, peer, name, pin, f.token, &f.person, &f.wait_ms, &f.e);
}

static void the_first_person_needs_the_code(void **state) {
  (void)state;
  assert_true(auth_needs_setup(f.auth));
  assert_int_equal(strlen(f.code), 9);
  assert_int_equal(login(PEER, "李店长", GOOD_PIN), AUTH_WRONG); // no default password
  assert_int_equal(setup("AAAA-AAAA", "李店长", GOOD_PIN), AUTH_WRONG);
  assert_int_equal(setup("", "李店长", GOOD_PIN), AUTH_WRONG);
  assert_int_equal(setup(f.code, "李店长", "123456"), AUTH_BAD_PIN);
  assert_int_equal(setup(f.code, "", GOOD_PIN), AUTH_BAD_NAME);
  assert_int_equal(setup(f.code, "a\nb", GOOD_PIN), AUTH_BAD_NAME);
  char typed[16]; // as people type it
  snprintf(typed, sizeof typed, "%.4s %.4s", f.code, f.code + 5);
  assert_int_equal(setup(typed, "李店长", GOOD_PIN), AUTH_OK);
  assert_false(auth_needs_setup(f.auth));
  assert_int_equal(setup(f.code, "又一个", GOOD_PIN), AUTH_TAKEN);
  assert_string_equal(f.person.name, "李店长");
}

// A flashed board: the label's first password takes the place of the code.
static void the_labels_password_opens_the_setup(void **state) {
  (void)state;
  char hash[128];
  assert_int_equal(
      crypto_pwhash_str(hash, "GUTBTS3GLZ97", 12, AUTH_PASSWORD_OPS, AUTH_PASSWORD_BYTES), 0);
  const struct auth_options o = {.clock = clock_sim_clock(f.clock),
                                 .ops = &auth_memory_ops,
                                 .store = &f.memory,
                                 .show_code = show_code,
                                 .ctx = &f,
                                 .first_password_hash = hash};
  assert_false(auth_setup_by_label(f.auth));
  auth_free(f.auth);
  f.codes = 0;
  assert_true(auth_new(&f.auth, &o, &f.e));
  memset(hash, 0, sizeof hash); // it was copied
  assert_true(auth_needs_setup(f.auth));
  assert_true(auth_setup_by_label(f.auth));
  assert_int_equal(f.codes, 0); // no second way in
  assert_int_equal(setup(f.code, "李店长", GOOD_PIN), AUTH_WRONG);
  assert_int_equal(setup("", "李店长", GOOD_PIN), AUTH_WRONG);
  assert_int_equal(setup("label", "李店长", GOOD_PIN), AUTH_WRONG);
  for (int i = 0; i < 2 * AUTH_SETUP_TRIES; i++) { // guessing does not change a printed word
    clock_sim_advance(f.clock, INT64_C(3600) * CLOCK_NS_PER_S);
    assert_int_equal(setup("GUTB-TS3G-LZ98", "x", GOOD_PIN), AUTH_WRONG);
  }
  clock_sim_advance(f.clock, INT64_C(3600) * CLOCK_NS_PER_S);
  assert_int_equal(setup("gutb ts3g-lz97", "李店长", GOOD_PIN), AUTH_OK);
  assert_false(auth_needs_setup(f.auth));
  assert_int_equal(setup("GUTB-TS3G-LZ97", "又一个", GOOD_PIN), AUTH_TAKEN); // once
}

// Who set the board up as a technician cannot make himself a manager; the label's holder can make
// one.
static void the_labels_password_makes_the_first_manager(void **state) {
  (void)state;
  char hash[128];
  assert_int_equal(
      crypto_pwhash_str(hash, "GUTBTS3GLZ97", 12, AUTH_PASSWORD_OPS, AUTH_PASSWORD_BYTES), 0);
  const char *label = "GUTB-TS3G-LZ97";
  const struct auth_options o = {.clock = clock_sim_clock(f.clock),
                                 .ops = &auth_memory_ops,
                                 .store = &f.memory,
                                 .first_password_hash = hash};
  // Without a label there is no such way.
  assert_int_equal(auth_add_first_manager(f.auth, PEER, "", "店长", GOOD_PIN, &f.wait_ms, &f.e),
                   AUTH_TAKEN);
  auth_free(f.auth);
  assert_true(auth_new(&f.auth, &o, &f.e));
  assert_int_equal(auth_setup(f.auth, PEER, label, "技术员", AUTH_TECHNICIAN, GOOD_PIN, f.token,
                              &f.person, &f.wait_ms, &f.e),
                   AUTH_OK);
  assert_true(auth_lacks_manager(f.auth));
  assert_int_equal(
      auth_add_first_manager(f.auth, PEER, "GUTB-TS3G-LZ98", "店长", GOOD_PIN, &f.wait_ms, &f.e),
      AUTH_WRONG);
  assert_int_equal(auth_add_first_manager(f.auth, PEER, label, "店长", "123456", &f.wait_ms, &f.e),
                   AUTH_BAD_PIN);
  assert_int_equal(
      auth_add_first_manager(f.auth, PEER, label, "技术员", GOOD_PIN, &f.wait_ms, &f.e),
      AUTH_TAKEN); // the name
  f.memory.failing = true;
  assert_false(auth_lacks_manager(f.auth));
  f.memory.failing = false;
  assert_int_equal(auth_add_first_manager(f.auth, PEER, label, "店长", GOOD_PIN, &f.wait_ms, &f.e),
                   AUTH_OK);
  assert_false(auth_lacks_manager(f.auth));
  assert_int_equal(
      auth_add_first_manager(f.auth, PEER, label, "又一个", GOOD_PIN, &f.wait_ms, &f.e),
      AUTH_TAKEN); // once
  assert_int_equal(login(PEER, "店长", GOOD_PIN), AUTH_OK);
  assert_int_equal(f.person.role, AUTH_MANAGER);
}

static void nothing_secret_is_kept_in_clear(void **state) {
  (void)state;
  assert_int_equal(setup(f.code, "李店长", GOOD_PIN), AUTH_OK);
  assert_null(strstr(f.memory.user[0].pin_hash, GOOD_PIN));
  assert_int_equal(strncmp(f.memory.user[0].pin_hash, "$argon2id$", 10), 0);
  assert_null(strstr(f.memory.session[0].token_hash, f.token));
}

static void guessing_the_code_makes_a_new_one(void **state) {
  (void)state;
  char first[AUTH_SETUP_CODE_MAX];
  snprintf(first, sizeof first, "%s", f.code);
  for (int i = 0; i < AUTH_SETUP_TRIES; i++) {
    assert_int_equal(setup("AAAA-AAAA", "x", GOOD_PIN), AUTH_WRONG);
    clock_sim_advance(f.clock, INT64_C(3600) * CLOCK_NS_PER_S);
  }
  assert_int_equal(f.codes, 2);
  assert_string_not_equal(first, f.code);
  assert_int_equal(setup(first, "x", GOOD_PIN), AUTH_WRONG);
}

static void a_database_that_cannot_be_read_opens_no_setup(void **state) {
  (void)state;
  f.memory.unusable = true;
  assert_false(auth_needs_setup(f.auth));
  assert_int_equal(setup(f.code, "贼", GOOD_PIN), AUTH_TROUBLE);
  f.memory.unusable = false;
  f.memory.failing = true;
  assert_false(auth_needs_setup(f.auth));
  assert_int_equal(login(PEER, "李店长", GOOD_PIN), AUTH_TROUBLE);
  assert_non_null(strstr(f.e.text, "disk on fire"));
}

static void a_person_is_locked_for_growing_times(void **state) {
  (void)state;
  assert_int_equal(setup(f.code, "李店长", GOOD_PIN), AUTH_OK);
  char peer[32];
  for (int i = 0; i < AUTH_FREE_TRIES; i++) { // from many addresses: the person counts
    snprintf(peer, sizeof peer, "192.0.2.%d", 10 + i);
    assert_int_equal(login(peer, "李店长", "000001"), AUTH_WRONG);
  }
  assert_int_equal(login("192.0.2.99", "李店长", GOOD_PIN), AUTH_LOCKED);
  assert_int_equal(f.wait_ms, AUTH_FIRST_PAUSE_MS);
  clock_sim_advance(f.clock, AUTH_FIRST_PAUSE_MS * CLOCK_NS_PER_MS);
  assert_int_equal(login("192.0.2.98", "李店长", "000001"), AUTH_WRONG);
  assert_int_equal(login("192.0.2.98", "李店长", GOOD_PIN), AUTH_LOCKED);
  assert_int_equal(f.wait_ms, 2 * AUTH_FIRST_PAUSE_MS);
  // The wall clock falls back ten years: the pause does not become longer.
  clock_sim_set_wall(f.clock, INT64_C(1500000000) * CLOCK_NS_PER_S, true);
  assert_int_equal(login("192.0.2.98", "李店长", GOOD_PIN), AUTH_LOCKED);
  assert_true(f.wait_ms <= 2 * AUTH_FIRST_PAUSE_MS);
  clock_sim_set_wall(f.clock, INT64_C(1900000000) * CLOCK_NS_PER_S, true);
  assert_int_equal(login("192.0.2.98", "李店长", GOOD_PIN), AUTH_OK);
  assert_int_equal(f.memory.user[0].failed, 0);
}

static void an_address_is_locked_whatever_names_it_tries(void **state) {
  (void)state;
  assert_int_equal(setup(f.code, "李店长", GOOD_PIN), AUTH_OK);
  char name[16];
  for (int i = 0; i < AUTH_ADDRESS_FREE_TRIES; i++) {
    snprintf(name, sizeof name, "n%d", i);
    assert_int_equal(login("2001:db8::1", name, GOOD_PIN), AUTH_WRONG);
  }
  // The same /64 is the same holder; another address is not touched.
  assert_int_equal(login("2001:db8::ffff", "李店长", GOOD_PIN), AUTH_LOCKED);
  assert_int_equal(login("2001:db8:1::1", "李店长", GOOD_PIN), AUTH_OK);
  assert_int_equal(auth_pause_ms(1000, 5), AUTH_PAUSE_MAX_MS);
}

static void sessions_end(void **state) {
  (void)state;
  struct auth_person p;
  assert_int_equal(setup(f.code, "李店长", GOOD_PIN), AUTH_OK);
  assert_true(auth_check(f.auth, f.token, &p));
  assert_int_equal(p.role, AUTH_MANAGER);
  assert_int_equal(p.session, f.person.session);
  // Used again and again it lives on, but not for ever.
  int days = 0;
  while (auth_check(f.auth, f.token, &p) && days < 100) {
    for (int i = 0; i < 4 && auth_check(f.auth, f.token, &p); i++) {
      clock_sim_advance(f.clock, INT64_C(6) * 3600 * CLOCK_NS_PER_S);
    }
    days++;
  }
  assert_int_equal(days, 30);
  assert_int_equal(login(PEER, "李店长", GOOD_PIN), AUTH_OK);
  clock_sim_advance(f.clock, (AUTH_IDLE_MS + 1) * CLOCK_NS_PER_MS);
  assert_false(auth_check(f.auth, f.token, &p));
  assert_int_equal(login(PEER, "李店长", GOOD_PIN), AUTH_OK);
  auth_logout(f.auth, f.token);
  assert_false(auth_check(f.auth, f.token, &p));
}

static void tokens_that_are_none(void **state) {
  (void)state;
  struct auth_person p;
  assert_int_equal(setup(f.code, "李店长", GOOD_PIN), AUTH_OK);
  const char *bad[] = {"", "0", "' OR 1=1 --",
                       "0000000000000000000000000000000000000000000000000000000000000000"};
  for (size_t i = 0; i < 4; i++) {
    assert_false(auth_check(f.auth, bad[i], &p));
  }
  assert_false(auth_csrf_ok(&f.person, NULL));
  assert_false(auth_csrf_ok(&f.person, ""));
  assert_false(auth_csrf_ok(&f.person, "00000000000000000000000000000000"));
  assert_true(auth_csrf_ok(&f.person, f.person.csrf));
  memset(&p, 0, sizeof p);
  assert_false(auth_csrf_ok(&p, "")); // nobody's token is not the empty one
}

static void easy_pins_are_refused(void **state) {
  (void)state;
  const char *bad[] = {"",       "12345",  "1234567890123", "abcdef", "000000",      "888888",
                       "123456", "654321", "890123",        "121212", "123123",      "112233",
                       "159357", "147258", "5201314",       "48291x", "１２３４５６"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (auth_pin_acceptable(bad[i])) {
      fail_msg("%s was taken", bad[i]);
    }
  }
  assert_true(auth_pin_acceptable(GOOD_PIN));
  assert_true(auth_pin_acceptable("904417382615"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_first_person_needs_the_code, start, stop),
      cmocka_unit_test_setup_teardown(the_labels_password_opens_the_setup, start, stop),
      cmocka_unit_test_setup_teardown(the_labels_password_makes_the_first_manager, start, stop),
      cmocka_unit_test_setup_teardown(nothing_secret_is_kept_in_clear, start, stop),
      cmocka_unit_test_setup_teardown(guessing_the_code_makes_a_new_one, start, stop),
      cmocka_unit_test_setup_teardown(a_database_that_cannot_be_read_opens_no_setup, start, stop),
      cmocka_unit_test_setup_teardown(a_person_is_locked_for_growing_times, start, stop),
      cmocka_unit_test_setup_teardown(an_address_is_locked_whatever_names_it_tries, start, stop),
      cmocka_unit_test_setup_teardown(sessions_end, start, stop),
      cmocka_unit_test_setup_teardown(tokens_that_are_none, start, stop),
      cmocka_unit_test(easy_pins_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
