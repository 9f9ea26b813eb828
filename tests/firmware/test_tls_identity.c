// SPDX-License-Identifier: Apache-2.0
// Key and certificate of the board on its disk: made once, kept, made anew when they are spoilt.
// What a power cut leaves at each write is looked at by tools/power-cut.
#include "firmware/tls_identity.h"

#include "board/careful.h"
#include "board/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define HOST "bayplate-BP-0001"

static char top[64], dir[80];
static struct clock_sim *sim;
static struct err e;

static int run(const char *command) {
  char all[512];
  (void)snprintf(all, sizeof all, "cd %s && { %s; } >/dev/null 2>&1", top, command);
  return system(all);
}

static int set_up(void **state) {
  (void)state;
  (void)snprintf(top, sizeof top, "/tmp/bayplate-identity-XXXXXX");
  if (!mkdtemp(top))
    return -1;
  (void)snprintf(dir, sizeof dir, "%s/tls", top);
  sim = clock_sim_new(CLOCK_NS_PER_S, time(NULL) * CLOCK_NS_PER_S);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  char command[128];
  clock_sim_free(sim);
  (void)snprintf(command, sizeof command, "chmod -R u+w %s; rm -r %s", top, top);
  return system(command);
}

static struct tls_identity *begin_as(const char *name) {
  struct tls_identity *i = NULL;
  const struct tls_identity_options o = {
      .clock = clock_sim_clock(sim), .name = name, .dir = dir, .cert_file = "", .key_file = ""};
  if (!tls_identity_new(&i, &o, &e))
    fail_msg("%s", e.text);
  return i;
}

static void print_of(struct tls_identity *i, char out[CERT_PRINT_MAX]) {
  tls_identity_print(i, out);
  assert_int_equal(strlen(out), 64);
}

// Starts, tells by what it is known, ends.
static void life(char out[CERT_PRINT_MAX]) {
  struct tls_identity *i = begin_as(HOST);
  print_of(i, out);
  tls_identity_free(i);
}

static char *path(const char *name) {
  static char p[160];
  (void)snprintf(p, sizeof p, "%s/%s", dir, name);
  return p;
}

static char *content(const char *name) {
  void *bytes = NULL;
  size_t n = 0;
  if (!file_get(path(name), 1 << 20, &bytes, &n, &e))
    fail_msg("%s", e.text);
  return bytes;
}

static void it_is_made_once(void **state) {
  (void)state;
  char first[CERT_PRINT_MAX], again[CERT_PRINT_MAX];
  struct stat st;
  struct tls_identity_state s;
  struct tls_identity *i = begin_as(HOST);
  print_of(i, first);
  tls_identity_state(i, &s);
  assert_int_equal(s.source, TLS_IDENTITY_OWN);
  assert_string_equal(s.name, HOST ".local");
  assert_true(cert_names_have(&s.facts.names, HOST) && cert_names_have(&s.facts.names, s.name));
  assert_string_equal(s.trouble, "");
  tls_identity_free(i);
  assert_int_equal(stat(path(TLS_IDENTITY_FILE), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  life(again);
  assert_string_equal(again, first);
  assert_int_not_equal(access(path(TLS_IDENTITY_ASIDE), F_OK), 0);
}

static void no_two_boards_have_the_same(void **state) {
  (void)state;
  char first[CERT_PRINT_MAX], other[CERT_PRINT_MAX];
  life(first);
  char *one = content(TLS_IDENTITY_FILE);
  assert_int_equal(run("rm -r tls"), 0); // as a reset to factory state does
  life(other);
  char *two = content(TLS_IDENTITY_FILE);
  assert_string_not_equal(first, other);
  assert_int_not_equal(strncmp(one, two, 200), 0); // the key, which comes first
  free(one);
  free(two);
}

static void what_cannot_be_used_is_put_aside_and_made_anew(void **state) {
  (void)state;
  static const char *const spoil[] = {
      "truncate -s 300 tls/" TLS_IDENTITY_FILE, // in the certificate
      "truncate -s 100 tls/" TLS_IDENTITY_FILE, // in the key
      ": >tls/" TLS_IDENTITY_FILE,
      "sed -i 's/CERTIFICATE/CERTIFICAT/' tls/" TLS_IDENTITY_FILE,
      "head -c 200000 /dev/zero >tls/" TLS_IDENTITY_FILE,
      // Another board's certificate.
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout x.key "
      "-out x.pem "
      "-subj /CN=" HOST ".local && { sed -n '/PRIVATE/,/END PRIVATE/p' tls/" TLS_IDENTITY_FILE
      "; cat x.pem; } >y && mv y tls/" TLS_IDENTITY_FILE,
      "rm tls/" TLS_IDENTITY_FILE " && mkdir tls/" TLS_IDENTITY_FILE,
  };
  char before[CERT_PRINT_MAX], after[CERT_PRINT_MAX], again[CERT_PRINT_MAX];
  for (size_t n = 0; n < sizeof spoil / sizeof spoil[0]; n++) {
    life(before);
    assert_int_equal(run(spoil[n]), 0);
    life(after);
    life(again);
    if (strcmp(before, after) == 0 || strcmp(after, again) != 0 ||
        access(path(TLS_IDENTITY_ASIDE), F_OK) != 0)
      fail_msg("%s: before %.8s after %.8s again %.8s", spoil[n], before, after, again);
    assert_int_equal(run("rm -r tls/" TLS_IDENTITY_ASIDE), 0);
  }
}

static void what_a_cut_leaves_beside_it_does_not_count(void **state) {
  (void)state;
  char before[CERT_PRINT_MAX], after[CERT_PRINT_MAX];
  life(before);
  assert_int_equal(run("echo half >tls/" TLS_IDENTITY_FILE CAREFUL_ENDING), 0);
  life(after);
  assert_string_equal(before, after);
}

static void a_board_with_another_name_gets_another_certificate(void **state) {
  (void)state;
  char before[CERT_PRINT_MAX], after[CERT_PRINT_MAX];
  life(before);
  struct tls_identity *i = begin_as("bayplate-BP-0002");
  print_of(i, after);
  tls_identity_free(i);
  assert_string_not_equal(before, after);
  assert_int_equal(access(path(TLS_IDENTITY_ASIDE), F_OK), 0);
}

static void without_a_disk_it_lives_in_memory(void **state) {
  (void)state;
  struct tls_identity_state s;
  (void)snprintf(dir, sizeof dir, "%s/none/tls", top); // root may write anywhere, but not there
  struct tls_identity *i = begin_as(HOST);
  tls_identity_state(i, &s);
  assert_int_equal(strlen(s.facts.print), 64);
  assert_non_null(strstr(s.trouble, "none/tls"));
  tls_identity_free(i);
}

static void sign(struct tls_identity *i, const struct cert_names *more) {
  char *pem = NULL;
  assert_true(tls_identity_request(i, more, &pem, &e));
  assert_null(strstr(pem, "PRIVATE"));
  free(pem);
  assert_int_equal(run("cp tls/" TLS_IDENTITY_REQUEST " . && " BAYPLATE_SOURCE_DIR
                       "/tests/net/sign-request . " HOST ".local"),
                   0);
}

static enum cert_refusal install(struct tls_identity *i, const char *name) {
  char p[128];
  void *bytes = NULL;
  size_t n = 0;
  enum cert_refusal why = CERT_NONE;
  (void)snprintf(p, sizeof p, "%s/%s", top, name);
  assert_true(file_get(p, 1 << 20, &bytes, &n, &e));
  const bool ok = tls_identity_install(i, bytes, n, &why, &e);
  free(bytes);
  assert_int_equal(ok, why == CERT_NONE);
  return why;
}

static void a_signed_chain_is_kept_with_the_key(void **state) {
  (void)state;
  char own[CERT_PRINT_MAX], now[CERT_PRINT_MAX], later[CERT_PRINT_MAX];
  struct tls_identity_state s;
  struct tls_identity *i = begin_as(HOST);
  print_of(i, own);
  sign(i, NULL);
  char *before = content(TLS_IDENTITY_FILE);
  static const char *const wrong[] = {"stranger.pem", "expired.pem", "elsewhere.pem"};
  for (size_t n = 0; n < 3; n++)
    assert_int_not_equal(install(i, wrong[n]), CERT_NONE);
  print_of(i, now);
  assert_string_equal(now, own); // nothing changed
  char *after = content(TLS_IDENTITY_FILE);
  assert_string_equal(before, after);
  free(after);
  assert_int_equal(install(i, "chain.pem"), CERT_NONE);
  print_of(i, now);
  assert_string_not_equal(now, own);
  tls_identity_state(i, &s);
  assert_int_equal(s.source, TLS_IDENTITY_SIGNED);
  assert_int_equal(s.facts.chain, 3);
  tls_identity_free(i);
  life(later);
  assert_string_equal(later, now);
  // The key is the one of before.
  after = content(TLS_IDENTITY_FILE);
  const size_t key = (size_t)(strstr(before, "-----BEGIN CERT") - before);
  assert_memory_equal(before, after, key);
  free(before);
  free(after);
}

static void names_of_a_request_are_known_when_the_answer_comes(void **state) {
  (void)state;
  struct cert_names more = {0};
  struct tls_identity_state s;
  assert_true(cert_names_add(&more, "somebody.example", &e));
  struct tls_identity *i = begin_as(HOST);
  sign(i, NULL);
  assert_int_equal(install(i, "elsewhere.pem"), CERT_NAMES); // somebody.example was not asked for
  sign(i, &more);
  tls_identity_free(i);
  i = begin_as(HOST);
  tls_identity_state(i, &s);
  assert_true(cert_names_have(&s.asked, "somebody.example") && cert_names_have(&s.asked, HOST));
  assert_int_equal(install(i, "elsewhere.pem"), CERT_NONE);
  tls_identity_free(i);
  // A request of an older key counts for nothing.
  assert_int_equal(run("rm tls/" TLS_IDENTITY_FILE), 0);
  i = begin_as(HOST);
  tls_identity_state(i, &s);
  assert_false(cert_names_have(&s.asked, "somebody.example"));
  assert_int_equal(s.asked.count, 2);
  tls_identity_free(i);
}

static void files_of_somebody_else_are_used_as_they_are(void **state) {
  (void)state;
  char cert[128], key[128], print[CERT_PRINT_MAX], other[CERT_PRINT_MAX];
  char *pem = NULL;
  enum cert_refusal why;
  struct tls_identity *i = NULL;
  (void)snprintf(cert, sizeof cert, "%s/live.pem", top);
  (void)snprintf(key, sizeof key, "%s/server.key", top);
  assert_int_equal(run(BAYPLATE_SOURCE_DIR "/tests/net/make-certs . && ln -s server.pem live.pem"),
                   0);
  const struct tls_identity_options o = {
      .clock = clock_sim_clock(sim), .name = HOST, .dir = dir, .cert_file = cert, .key_file = key};
  assert_true(tls_identity_new(&i, &o, &e));
  print_of(i, print);
  assert_int_not_equal(access(dir, F_OK), 0); // nothing of its own
  assert_false(tls_identity_request(i, NULL, &pem, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_false(tls_identity_install(i, "x", 1, &why, &e));
  assert_int_equal(e.code, ERR_STATE);
  assert_int_equal(why, CERT_NONE);
  // Renewed by whoever keeps them; one that does not match leaves what is there.
  assert_int_equal(run("ln -sf client.pem live.pem"), 0);
  assert_false(tls_identity_reload(i, &e));
  assert_non_null(strstr(e.text, "live.pem"));
  tls_identity_print(i, other);
  assert_string_equal(other, print);
  assert_int_equal(run("openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 99 "
                       "-out new.pem && "
                       "ln -sf new.pem live.pem"),
                   0);
  assert_true(tls_identity_reload(i, &e));
  print_of(i, other);
  assert_string_not_equal(other, print);
  tls_identity_free(i);
  i = NULL;
  assert_int_equal(run("ln -sf client.pem live.pem"), 0);
  assert_false(tls_identity_new(&i, &o, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, "server.key"));
  assert_int_equal(run("rm live.pem"), 0);
  assert_false(tls_identity_new(&i, &o, &e));
  assert_int_equal(e.code, ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(it_is_made_once),
      TEST(no_two_boards_have_the_same),
      TEST(what_cannot_be_used_is_put_aside_and_made_anew),
      TEST(what_a_cut_leaves_beside_it_does_not_count),
      TEST(a_board_with_another_name_gets_another_certificate),
      TEST(without_a_disk_it_lives_in_memory),
      TEST(a_signed_chain_is_kept_with_the_key),
      TEST(names_of_a_request_are_known_when_the_answer_comes),
      TEST(files_of_somebody_else_are_used_as_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
