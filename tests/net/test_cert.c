// SPDX-License-Identifier: Apache-2.0
// Certificates made by net/cert.c, judged by openssl; and what openssl signed, judged by
// net/cert.c.
#include "net/cert.h"

#include "board/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define NAME "bayplate-BP-0001.local"

static const char san_text[] = "DNS:" NAME ", IP Address:192.0.2.7"; // as openssl writes it
static char dir[64] = "/tmp/bayplate-cert-XXXXXX";
static char *key, *request;
static struct cert_names names;
static struct err e;

static const char *file(const char *name) {
  static char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void put(const char *name, const char *text) {
  assert_true(file_put(file(name), text, strlen(text), &e));
}

// A command in the folder; its output goes to `said`.
static char said[8192];
static int run(const char *command) {
  char all[512];
  (void)snprintf(all, sizeof all, "cd %s && { %s; } 2>&1", dir, command);
  FILE *f = popen(all, "re");
  assert_non_null(f);
  size_t n = fread(said, 1, sizeof said - 1, f);
  said[n] = '\0';
  return pclose(f);
}

static int set_up(void **state) {
  (void)state;
  char command[256];
  if (!mkdtemp(dir) || !cert_names_add(&names, NAME, &e) ||
      !cert_names_add(&names, "192.0.2.7", &e) || !cert_make_key(&key, &e) ||
      !cert_make_request(&request, key, &names, &e))
    return -1;
  put("request.csr", request);
  (void)snprintf(command, sizeof command, BAYPLATE_SOURCE_DIR "/tests/net/sign-request . " NAME);
  int rc = run(command);
  if (rc != 0)
    print_error("%s\n", said);
  return rc;
}

static int tear_down(void **state) {
  (void)state;
  char command[128];
  free(key);
  free(request);
  (void)snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

static void names_are_those_of_hosts(void **state) {
  (void)state;
  static const char *const good[] = {"a", "bay1.shop.example", "10.0.0.1", "fe80::1",
                                     "3com.example"};
  static const char *const bad[] = {"",     ".",   "a..b", "-a",         "a-",
                                    "a.-b", "a_b", "a b",  "店.example", "*.shop.example",
                                    "a.b.", "1:2"};
  struct cert_names n = {0};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    assert_true(cert_names_add(&n, good[i], &e));
  assert_true(cert_names_add(&n, "BAY1.shop.EXAMPLE", &e)); // there already
  assert_int_equal(n.count, sizeof good / sizeof good[0]);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (cert_names_add(&n, bad[i], &e))
      fail_msg("\"%s\" was taken", bad[i]);
    assert_int_equal(e.code, ERR_ARG);
  }
  assert_true(cert_names_add(&n, "b", &e) && cert_names_add(&n, "c", &e) &&
              cert_names_add(&n, "d", &e));
  assert_false(cert_names_add(&n, "x", &e));
  assert_int_equal(e.code, ERR_LIMIT);
}

static void a_self_made_certificate_says_what_devices_say(void **state) {
  (void)state;
  char *cert = NULL, *chain = NULL, *again = NULL;
  struct cert_facts f;
  assert_true(cert_make_self(&cert, key, &names, 1704067200, &e));
  assert_true(cert_read(key, cert, &again, &chain, &f, &e));
  assert_string_equal(again, key);
  assert_string_equal(chain, cert);
  assert_string_equal(f.subject, "CN=" NAME);
  assert_true(f.self_signed);
  assert_int_equal(f.chain, 1);
  assert_int_equal(f.from_s, 1704067200);
  assert_true(f.until_s == CERT_FOREVER);
  assert_int_equal(f.names.count, 2);
  assert_string_equal(f.names.name[1], "192.0.2.7");
  put("self.pem", cert);
  assert_int_equal(run("openssl x509 -in self.pem -noout -text -fingerprint -sha256"), 0);
  static const char *const words[] = {"Not After : Dec 31 23:59:59 9999 GMT",
                                      "prime256v1",
                                      "ecdsa-with-SHA256",
                                      san_text,
                                      "CA:FALSE",
                                      "TLS Web Server Authentication"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    assert_non_null(strstr(said, words[i]));
  char print[CERT_PRINT_MAX + 32];
  size_t n = 0;
  for (size_t i = 0; f.print[i]; i++) { // as openssl writes it
    n += (size_t)snprintf(print + n, sizeof print - n, "%s%c", i && i % 2 == 0 ? ":" : "",
                          f.print[i] >= 'a' ? f.print[i] - 32 : f.print[i]);
  }
  assert_non_null(strstr(said, print));
  // Whoever trusts it, trusts this very one.
  assert_int_equal(
      run("openssl verify -CAfile self.pem -purpose sslserver -verify_hostname " NAME " self.pem"),
      0);
  free(cert);
  free(chain);
  free(again);
}

static void key_and_certificate_must_match(void **state) {
  (void)state;
  char *other = NULL, *cert = NULL;
  struct cert_facts f;
  assert_true(cert_make_key(&other, &e) && cert_make_self(&cert, other, &names, 0, &e));
  assert_int_not_equal(strcmp(key, other), 0);
  assert_false(cert_read(key, cert, NULL, NULL, &f, &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, "does not belong to the key"));
  assert_false(cert_read("rubbish", cert, NULL, NULL, &f, &e));
  assert_non_null(strstr(e.text, "private key"));
  assert_false(cert_read(other, "rubbish", NULL, NULL, &f, &e));
  assert_non_null(strstr(e.text, "certificate"));
  free(other);
  free(cert);
}

static void a_request_is_one_by_openssl(void **state) {
  (void)state;
  struct cert_names asked;
  char *other = NULL;
  assert_int_equal(run("openssl req -in request.csr -noout -verify -text"), 0);
  assert_non_null(strstr(said, "verify OK"));
  assert_non_null(strstr(said, san_text));
  assert_non_null(strstr(said, "TLS Web Server Authentication"));
  assert_null(strstr(said, "PRIVATE KEY"));
  assert_true(cert_request_names(request, key, &asked, &e));
  assert_int_equal(asked.count, 2);
  assert_string_equal(asked.name[0], NAME);
  assert_string_equal(asked.name[1], "192.0.2.7");
  assert_true(cert_make_key(&other, &e));
  assert_false(cert_request_names(request, other, &asked, &e));
  assert_false(cert_request_names("rubbish", key, &asked, &e));
  free(other);
}

static enum cert_refusal judge(const char *name, int64_t now_s, bool trusted, char **chain) {
  const struct cert_demand d = {
      .key = key, .names = &names, .now_s = now_s, .clock_trusted = trusted};
  void *bytes = NULL;
  size_t n = 0;
  enum cert_refusal why = CERT_NONE;
  char *out = NULL;
  assert_true(file_get(file(name), 1 << 20, &bytes, &n, &e));
  e.text[0] = '\0';
  bool ok = cert_accept(&out, bytes, n, &d, &why, &e);
  free(bytes);
  if (ok != (why == CERT_NONE) || (!ok && e.text[0] == '\0'))
    fail_msg("%s: %d %s %s", name, ok, cert_refusal_name(why), e.text);
  if (chain)
    *chain = out;
  else
    free(out);
  return why;
}

static void what_an_authority_signed_is_taken(void **state) {
  (void)state;
  static const char *const files[] = {"good.pem", "long.pem",  "wide.pem",
                                      "good.der", "chain.p7b", "chain.p7c"};
  const int64_t now = time(NULL);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (judge(files[i], now, true, NULL) != CERT_NONE)
      fail_msg("%s: %s", files[i], e.text);
  }
  // Put in order: the leaf, then who signed it; openssl holds it as it is.
  char *chain = NULL;
  struct cert_facts f;
  assert_int_equal(judge("chain.pem", now, true, &chain), CERT_NONE);
  assert_true(cert_read(key, chain, NULL, NULL, &f, &e));
  assert_int_equal(f.chain, 3);
  assert_false(f.self_signed);
  assert_string_equal(f.issuer, "CN=Shop issuing");
  put("kept.pem", chain);
  assert_int_equal(
      run("openssl verify -CAfile root.pem -untrusted kept.pem -verify_hostname " NAME " kept.pem"),
      0);
  free(chain);
}

static void what_is_wrong_is_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *file;
    enum cert_refusal why;
    const char *words;
  } wrong[] = {
      {"request.csr", CERT_UNREADABLE, "no certificate"},
      {"sign.txt", CERT_UNREADABLE, "no certificate"},
      {"broken.pem", CERT_UNREADABLE, "cannot be read"},
      {"empty.pem", CERT_UNREADABLE, "empty"},
      {"withkey.pem", CERT_PRIVATE_KEY, "private key"},
      {"many.pem", CERT_TOO_MANY, "more than 8"},
      {"stranger.pem", CERT_OTHER_KEY, "another key"},
      {"more.pem", CERT_CHAIN, "1 of its 2"},
      {"falsechain.pem", CERT_CHAIN, "not signed by the next"},
      {"weak.pem", CERT_WEAK, "SHA1"},
      {"client.pem", CERT_USAGE, "serverAuth"},
      {"agreement.pem", CERT_USAGE, "digitalSignature"},
      {"authority.pem", CERT_USAGE, "authority"},
      {"nameless.pem", CERT_NAMES, "subjectAltName"},
      {"elsewhere.pem", CERT_NAMES, "somebody.example"},
      {"expired.pem", CERT_EXPIRED, "expired on 20"},
      {"notyet.pem", CERT_NOT_YET, "2099-01-01"},
  };
  put("sign.txt", "please sign");
  put("empty.pem", "");
  put("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    enum cert_refusal why = judge(wrong[i].file, time(NULL), true, NULL);
    if (why != wrong[i].why || !strstr(e.text, wrong[i].words))
      fail_msg("%s: %s: %s", wrong[i].file, cert_refusal_name(why), e.text);
  }
}

// A clock that cannot be trusted still knows that its time is over.
static void without_a_clock_only_ends_count(void **state) {
  (void)state;
  assert_int_equal(judge("notyet.pem", time(NULL), false, NULL), CERT_NONE);
  assert_int_equal(judge("good.pem", 1704067200, false, NULL), CERT_NONE);
  assert_int_equal(judge("good.pem", 1704067200, true, NULL), CERT_NOT_YET);
  assert_int_equal(judge("expired.pem", time(NULL), false, NULL), CERT_EXPIRED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_those_of_hosts),
      cmocka_unit_test(a_self_made_certificate_says_what_devices_say),
      cmocka_unit_test(key_and_certificate_must_match),
      cmocka_unit_test(a_request_is_one_by_openssl),
      cmocka_unit_test(what_an_authority_signed_is_taken),
      cmocka_unit_test(what_is_wrong_is_refused_by_name),
      cmocka_unit_test(without_a_clock_only_ends_count),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
