// SPDX-License-Identifier: Apache-2.0
// The client against the real tools/policy-server, over TLS and plain loopback, well and ill.
#include "net/policy_client.h"
#include "tests/net/policy_gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PLATE "粤A12345"
#define UNKNOWN_PLATE "京A00000"

static char dir[64];         // certificates, tokens
static struct gateway plain; // HTTP, faults on request, other shapes
static struct results results;
static struct policy_config config;
static struct err e;

static const char *path(const char *name) {
  static char buf[8][128];
  static int next;
  char *out = buf[next = (next + 1) % 8];
  assert_true(snprintf(out, sizeof buf[0], "%s/%s", dir, name) < (int)sizeof buf[0]);
  return out;
}

static void write_file(const char *name, const char *text, mode_t mode) {
  int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, mode);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
}

static void copy(char *out, size_t size, const char *text) {
  assert_true(snprintf(out, size, "%s", text) < (int)size);
}

// A configuration with short times for this gateway.
static void configure(const struct gateway *g, const char *scheme) {
  policy_config_defaults(&config);
  assert_true(snprintf(config.base, sizeof config.base, "%s://127.0.0.1:%d", scheme, g->port) > 0);
  config.connect_ms = 8000; // a loaded machine is no fault
  config.total_ms = 8000;
  config.retry_first_ms = 10;
  config.retry_max_ms = 2000;
  config.breaker_failures = 100;
}

// One look-up with a client of its own; the result is results.result[0].
static const struct policy_result *look_up(const char *plate) {
  struct policy_client *c = NULL;
  results_init(&results);
  if (!policy_client_new(&c, &config, clock_system(), results_on_result, &results, &e))
    fail_msg("%s", e.text);
  assert_true(policy_client_ask(c, plate, 77, &e));
  bool came = results_wait(&results, 1);
  policy_client_free(c);
  results_finish(&results);
  assert_true(came);
  assert_int_equal(results.result[0].tag, 77);
  return &results.result[0];
}

static void expect(const char *plate, enum policy_fault fault, int attempts) {
  const struct policy_result *r = look_up(plate);
  if (r->fault != fault || (attempts && r->attempts != attempts))
    fail_msg("fault %s after %d attempts (%s), expected %s after %d", policy_fault_name(r->fault),
             r->attempts, r->err.text, policy_fault_name(fault), attempts);
  assert_int_equal(r->status == POLICY_FAILED, fault != POLICY_FAULT_NONE);
  assert_null(strstr(r->err.text, "12345")); // an error names no plate
}

static void finds_and_does_not_find(void **state) {
  (void)state;
  configure(&plain, "http");
  const struct policy_result *r = look_up(PLATE);
  assert_int_equal(r->status, POLICY_FOUND);
  assert_int_equal(r->attempts, 1);
  assert_int_equal(r->http_status, 200);
  assert_int_equal(r->answer->policies, 2);
  assert_string_equal(r->answer->owner.name, "演示客户000");
  assert_true(r->answer->policy[0].end.year > 2000);
  r = look_up(UNKNOWN_PLATE);
  assert_int_equal(r->status, POLICY_UNKNOWN);
  assert_int_equal(r->http_status, 404);
}

static void escapes_the_plate(void **state) {
  (void)state;
  configure(&plain, "http");
  assert_int_equal(look_up("../../admin/stats?x=1&y#z%20\"")->status, POLICY_UNKNOWN);
  struct policy_client *c = NULL;
  results_init(&results);
  assert_true(policy_client_new(&c, &config, clock_system(), results_on_result, &results, &e));
  const char *const bad[] = {"", "\xff", "a\r\nX: y",
                             "0123456789012345678901234567890123456789012345678901234567890123"};
  for (size_t i = 0; i < 4; i++) {
    assert_false(policy_client_ask(c, bad[i], 1, &e));
    assert_int_equal(e.code, ERR_ARG);
  }
  policy_client_free(c);
  results_finish(&results);
  assert_int_equal(results.count, 0);
}

static void each_fault_has_its_name(void **state) {
  (void)state;
  static const struct {
    const char *kind;
    enum policy_fault fault;
    int attempts; // 1: not retried
  } cases[] = {
      {"500", POLICY_FAULT_SERVER, 2},
      {"cut", POLICY_FAULT_CUT, 2},
      {"drop", POLICY_FAULT_CUT, 2},
      {"huge", POLICY_FAULT_TOO_LARGE, 1},
      {"malformed", POLICY_FAULT_MALFORMED, 1},
      {"html", POLICY_FAULT_MALFORMED, 1},
      {"empty", POLICY_FAULT_MALFORMED, 1},
      {"deep", POLICY_FAULT_MALFORMED, 1},
      {"type", POLICY_FAULT_SHAPE, 1},
      {"plate", POLICY_FAULT_PLATE, 1},
      {"date", POLICY_FAULT_DATE, 1},
      {"encoding", POLICY_FAULT_ENCODING, 1},
      {"charset", POLICY_FAULT_ENCODING, 1},
      {"gzip", POLICY_FAULT_ENCODING, 1},
      {"redirect", POLICY_FAULT_STATUS, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char header[64];
    configure(&plain, "http");
    config.attempts = 2;
    assert_true(snprintf(header, sizeof header, "X-Fault: %s", cases[i].kind) > 0);
    assert_true(policy_config_add_header(&config, header, &e));
    expect(PLATE, cases[i].fault, cases[i].attempts);
  }
}

static void slow_and_dripping_answers_end(void **state) {
  (void)state;
  static const char *const kinds[] = {"X-Fault: slow", "X-Fault: drip"};
  for (int i = 0; i < 2; i++) {
    configure(&plain, "http");
    config.attempts = 1;
    config.total_ms = 150;
    assert_true(policy_config_add_header(&config, kinds[i], &e));
    expect(PLATE, POLICY_FAULT_TIMEOUT, 1);
    assert_true(results.result[0].elapsed_ns < 2000 * CLOCK_NS_PER_MS);
  }
}

static void nobody_listens(void **state) {
  (void)state;
  struct gateway gone = {.port = 1};
  configure(&gone, "http");
  config.attempts = 3;
  expect(PLATE, POLICY_FAULT_CONNECT, 3);
}

static void retries_until_it_works(void **state) {
  (void)state;
  configure(&plain, "http");
  assert_int_equal(gateway_ask(&plain, "PUT", "/admin/fault", "{\"kind\":\"500\",\"count\":2}", ""),
                   -1); // has no integer member
  expect(PLATE, POLICY_FAULT_NONE, 3);
}

static void retry_after_is_obeyed(void **state) {
  (void)state;
  configure(&plain, "http");
  (void)gateway_ask(&plain, "PUT", "/admin/fault", "{\"kind\":\"429\",\"count\":1}", "");
  expect(PLATE, POLICY_FAULT_NONE, 2);
  assert_true(results.result[0].elapsed_ns >= 1000 * CLOCK_NS_PER_MS); // the server says 1 s
  // A longer pause than we would wait ends the look-up, and tells how long.
  configure(&plain, "http");
  config.retry_max_ms = 500;
  (void)gateway_ask(&plain, "PUT", "/admin/fault", "{\"kind\":\"429\",\"count\":1}", "");
  expect(PLATE, POLICY_FAULT_LIMITED, 1);
  assert_int_equal(results.result[0].retry_after_ns, 1000 * CLOCK_NS_PER_MS);
}

static void breaker_stops_hammering(void **state) {
  (void)state;
  configure(&plain, "http");
  config.attempts = 1;
  config.max_parallel = 1;
  config.breaker_failures = 3;
  config.breaker_open_ms = 60000;
  int before = gateway_ask(&plain, "GET", "/admin/stats", NULL, "requests");
  (void)gateway_ask(&plain, "PUT", "/admin/fault", "{\"kind\":\"500\"}", "");
  struct clock_sim *clock = clock_sim_new(1, 1);
  struct policy_client *c = NULL;
  results_init(&results);
  assert_true(
      policy_client_new(&c, &config, clock_sim_clock(clock), results_on_result, &results, &e));
  for (uint64_t i = 0; i < 20; i++)
    assert_true(policy_client_ask(c, PLATE, i, &e));
  assert_true(results_wait(&results, 20));
  assert_int_equal(gateway_ask(&plain, "GET", "/admin/stats", NULL, "requests") - before, 3);
  assert_int_equal(results.result[2].fault, POLICY_FAULT_SERVER);
  assert_int_equal(results.result[19].fault, POLICY_FAULT_BREAKER);
  assert_int_equal(results.result[19].attempts, 0);
  assert_int_equal(results.result[19].retry_after_ns, 60000 * CLOCK_NS_PER_MS);
  assert_false(policy_client_ready(c));
  // A minute later, and the server well again: one asks to see, then all may.
  (void)gateway_ask(&plain, "PUT", "/admin/fault", "{\"kind\":\"none\",\"count\":0}", "");
  clock_sim_advance(clock, 60001 * CLOCK_NS_PER_MS);
  for (uint64_t i = 20; i < 25; i++)
    assert_true(policy_client_ask(c, PLATE, i, &e));
  assert_true(results_wait(&results, 25));
  for (int i = 20; i < 25; i++)
    assert_int_equal(results.result[i].status, POLICY_FOUND);
  assert_true(policy_client_ready(c));
  policy_client_free(c);
  clock_sim_free(clock);
  results_finish(&results);
}

static void many_at_once_on_few_connections(void **state) {
  (void)state;
  configure(&plain, "http");
  config.max_parallel = 4;
  config.max_queued = 40;
  int before = gateway_ask(&plain, "GET", "/admin/stats", NULL, "connections");
  struct policy_client *c = NULL;
  results_init(&results);
  assert_true(policy_client_new(&c, &config, clock_system(), results_on_result, &results, &e));
  for (uint64_t i = 0; i < 40; i++)
    assert_true(policy_client_ask(c, i % 2 ? PLATE : UNKNOWN_PLATE, i, &e));
  assert_true(results_wait(&results, 40));
  uint64_t seen = 0;
  for (int i = 0; i < 40; i++) {
    const struct policy_result *r = &results.result[i];
    assert_int_equal(r->status, r->tag % 2 ? POLICY_FOUND : POLICY_UNKNOWN);
    seen |= UINT64_C(1) << r->tag;
  }
  assert_true(seen == (UINT64_C(1) << 40) - 1);
  policy_client_free(c);
  results_finish(&results);
  // 4 of ours and this question's own, and the one before it.
  int used = gateway_ask(&plain, "GET", "/admin/stats", NULL, "connections") - before;
  assert_in_range(used, 1, 5);
}

static void stop_cancels(void **state) {
  (void)state;
  configure(&plain, "http");
  config.max_parallel = 2;
  config.max_queued = 3;
  assert_true(policy_config_add_header(&config, "X-Fault: slow", &e));
  struct policy_client *c = NULL;
  results_init(&results);
  assert_true(policy_client_new(&c, &config, clock_system(), results_on_result, &results, &e));
  for (uint64_t i = 0; i < 5; i++)
    assert_true(policy_client_ask(c, PLATE, i, &e));
  assert_false(policy_client_ask(c, PLATE, 5, &e));
  assert_int_equal(e.code, ERR_BUSY);
  int64_t begin = clock_mono_ns(clock_system());
  policy_client_free(c);
  assert_true(clock_mono_ns(clock_system()) - begin < 1000 * CLOCK_NS_PER_MS);
  assert_int_equal(results.count, 5);
  for (int i = 0; i < 5; i++)
    assert_int_equal(results.result[i].fault, POLICY_FAULT_CANCELLED);
  results_finish(&results);
  policy_client_free(NULL);
}

static void tls_and_tokens(void **state) {
  (void)state;
  struct gateway g;
  const char *const args[] = {"--cert",           path("server.pem"), "--key",
                              path("server.key"), "--plates",         path("plates.json"),
                              "--token-file",     path("tokens"),     NULL};
  gateway_start(&g, args);
  write_file("token", "second-token\n", 0600);
  write_file("wrong", "no-token\n", 0600);
  write_file("open", "second-token\n", 0644);
  configure(&g, "https");
  copy(config.ca_file, sizeof config.ca_file, path("ca.pem"));
  copy(config.token_file, sizeof config.token_file, path("token"));
  expect(PLATE, POLICY_FAULT_NONE, 1);
  copy(config.token_file, sizeof config.token_file, path("wrong"));
  expect(PLATE, POLICY_FAULT_DENIED, 1);
  assert_int_equal(results.result[0].http_status, 401);
  copy(config.token_file, sizeof config.token_file, path("token"));
  copy(config.ca_file, sizeof config.ca_file, path("other.pem"));
  expect(PLATE, POLICY_FAULT_TLS, 1);
  config.ca_file[0] = '\0'; // the system's authorities do not know ours either
  expect(PLATE, POLICY_FAULT_TLS, 1);
  struct policy_client *c = NULL;
  copy(config.token_file, sizeof config.token_file, path("open"));
  assert_false(policy_client_new(&c, &config, clock_system(), results_on_result, &results, &e));
  assert_int_equal(e.code, ERR_DENIED);
  gateway_stop(&g);
}

static void bad_server_certificates(void **state) {
  (void)state;
  static const char *const names[][2] = {{"expired.pem", "expired.key"},
                                         {"wrongname.pem", "wrongname.key"}};
  for (int i = 0; i < 2; i++) {
    struct gateway g;
    const char *const args[] = {"--cert", path(names[i][0]), "--key", path(names[i][1]), NULL};
    gateway_start(&g, args);
    configure(&g, "https");
    copy(config.ca_file, sizeof config.ca_file, path("ca.pem"));
    expect(PLATE, POLICY_FAULT_TLS, 1);
    gateway_stop(&g);
  }
}

// Before NTP has set the clock a certificate's dates say nothing of the gateway.
static void certificates_before_the_clock_is_set(void **state) {
  (void)state;
  static const char *const names[][2] = {{"notyet.pem", "notyet.key"},
                                         {"expired.pem", "expired.key"},
                                         {"wrongname.pem", "wrongname.key"}};
  struct clock_sim *sim = clock_sim_new(CLOCK_NS_PER_S, clock_wall_ns(clock_system()));
  for (int i = 0; i < 3; i++) {
    struct gateway g;
    const char *const args[] = {"--cert", path(names[i][0]), "--key", path(names[i][1]), NULL};
    gateway_start(&g, args);
    configure(&g, "https");
    copy(config.ca_file, sizeof config.ca_file, path("ca.pem"));
    config.clock_need_sync = true;
    config.attempts = 3;
    config.breaker_failures = 2;
    bool dated = i < 2; // a wrong name is wrong at any time
    struct policy_client *c = NULL;
    results_init(&results);
    clock_sim_set_wall(sim, clock_wall_ns(clock_system()), false);
    assert_true(
        policy_client_new(&c, &config, clock_sim_clock(sim), results_on_result, &results, &e));
    for (int n = 1; n <= 4; n++) { // more often than the breaker stands
      assert_true(policy_client_ask(c, PLATE, 77, &e));
      assert_true(results_wait(&results, n));
      const struct policy_result *r = &results.result[n - 1];
      assert_int_equal(r->fault, dated                          ? POLICY_FAULT_CLOCK
                                 : n <= config.breaker_failures ? POLICY_FAULT_TLS
                                                                : POLICY_FAULT_BREAKER);
      if (dated) {
        assert_int_equal(r->attempts, 1);
        assert_non_null(strstr(r->err.text, "nobody has set that clock yet"));
      }
    }
    assert_int_equal(policy_client_ready(c), dated);
    // Once it is set, the certificate itself is wrong.
    clock_sim_set_wall(sim, clock_wall_ns(clock_system()), true);
    if (dated) {
      assert_true(policy_client_ask(c, PLATE, 77, &e));
      assert_true(results_wait(&results, 5));
      assert_int_equal(results.result[4].fault, POLICY_FAULT_TLS);
    }
    policy_client_free(c);
    results_finish(&results);
    gateway_stop(&g);
  }
  clock_sim_free(sim);
}

static void client_certificates(void **state) {
  (void)state;
  struct gateway g;
  const char *const args[] = {"--cert",      path("server.pem"), "--key", path("server.key"),
                              "--client-ca", path("ca.pem"),     NULL};
  gateway_start(&g, args);
  configure(&g, "https");
  copy(config.ca_file, sizeof config.ca_file, path("ca.pem"));
  expect(UNKNOWN_PLATE, POLICY_FAULT_DENIED, 1);
  copy(config.cert_file, sizeof config.cert_file, path("client.pem"));
  copy(config.key_file, sizeof config.key_file, path("client.key"));
  expect(UNKNOWN_PLATE, POLICY_FAULT_NONE, 1);
  copy(config.cert_file, sizeof config.cert_file, path("stranger.pem"));
  copy(config.key_file, sizeof config.key_file, path("stranger.key"));
  const struct policy_result *r = look_up(UNKNOWN_PLATE);
  assert_true(r->fault == POLICY_FAULT_DENIED || r->fault == POLICY_FAULT_TLS);
  gateway_stop(&g);
}

static void map(const char *field, const char *value) {
  assert_true(policy_config_add_map(&config, field, value, &e));
}

// net/gateways.md: the Dutch vehicle register's open data.
static void joins_rdw(void **state) {
  (void)state;
  configure(&plain, "http");
  copy(config.url, sizeof config.url, "{base}/resource/m9d7-ebf2.json?kenteken={plate}");
  map("found", "/0");
  map("plate", "/0/kenteken");
  map("vehicle.model", "/0/merk");
  map("vehicle.model", "/0/handelsbenaming");
  map("vehicle.color", "/0/eerste_kleur");
  map("policies", "");
  map("policy.kind", "=compulsory");
  map("policy.end?", "/vervaldatum_apk");
  const struct policy_result *r = look_up(PLATE);
  assert_int_equal(r->status, POLICY_FOUND);
  assert_int_equal(r->answer->policies, 1);
  assert_true(r->answer->policy[0].end.year > 2000);
  assert_non_null(strstr(r->answer->vehicle.model, "VOORBEELD "));
  assert_int_equal(look_up(UNKNOWN_PLATE)->status, POLICY_UNKNOWN); // 200 and []
}

// net/gateways.md: the British Vehicle Enquiry Service.
static void joins_dvla(void **state) {
  (void)state;
  struct gateway g;
  const char *const args[] = {"--plates",     path("plates.json"), "--token-file",
                              path("tokens"), "--shapes",          NULL};
  gateway_start(&g, args);
  write_file("token", "first-token", 0600);
  configure(&g, "http");
  copy(config.url, sizeof config.url, "{base}/vehicle-enquiry/v1/vehicles");
  copy(config.method, sizeof config.method, "POST");
  copy(config.body, sizeof config.body, "{\"registrationNumber\":\"{plate}\"}");
  copy(config.token_file, sizeof config.token_file, path("token"));
  assert_true(policy_config_add_header(&config, "x-api-key: {token}", &e));
  map("plate", "/registrationNumber");
  map("vehicle.model", "/make");
  map("vehicle.color", "/colour");
  map("policies", "");
  map("policy.kind", "=compulsory");
  map("policy.end?", "/motExpiryDate");
  const struct policy_result *r = look_up(PLATE);
  assert_int_equal(r->status, POLICY_FOUND);
  assert_int_equal(r->answer->policies, 1);
  assert_string_equal(r->answer->vehicle.color, "GREY");
  assert_int_equal(look_up(UNKNOWN_PLATE)->status, POLICY_UNKNOWN);
  gateway_stop(&g);
}

static int errors_told;
static char fields_told[1024];

static void tell(void *ctx, const char *field, const char *text) {
  (void)ctx;
  errors_told++;
  size_t n = strlen(fields_told);
  (void)snprintf(fields_told + n, sizeof fields_told - n, "%s;", field);
  assert_true(strlen(text) > 5);
}

static void config_tells_every_error(void **state) {
  (void)state;
  policy_config_defaults(&config);
  copy(config.base, sizeof config.base, "http://gateway.example/");
  copy(config.method, sizeof config.method, "PUT");
  copy(config.body, sizeof config.body, "x");
  copy(config.ca_file, sizeof config.ca_file, "/nonexistent/ca.pem");
  copy(config.cert_file, sizeof config.cert_file, path("ca.pem"));
  config.connect_ms = 0;
  config.max_bytes = POLICY_BYTES_LIMIT + 1;
  assert_true(policy_config_add_header(&config, "no colon", &e));
  assert_true(policy_config_add_map(&config, "policy.nothing", "/x", &e));
  assert_false(policy_config_check(&config, tell, NULL));
  assert_string_equal(fields_told, "base;base;header[0];method;body;ca_file;key_file;connect_ms;"
                                   "max_bytes;map;");
  assert_int_equal(errors_told, 10);
}

static int set_up(void **state) {
  (void)state;
  copy(dir, sizeof dir, "/tmp/bayplate-policy-XXXXXX");
  if (!mkdtemp(dir))
    return -1;
  char command[512];
  if (snprintf(command, sizeof command, "'%s/tests/net/make-certs' '%s' 2>/dev/null",
               BAYPLATE_SOURCE_DIR, dir) < 0 ||
      system(command) != 0) {
    fprintf(stderr, "certificates could not be made: is openssl installed?\n");
    return -1;
  }
  write_file("plates.json", "[{\"plate\":\"" PLATE "\",\"days_left\":12}]", 0600);
  write_file("tokens", "first-token\nsecond-token\n", 0600);
  const char *const args[] = {
      "--plates", path("plates.json"), "--allow-faults", "--shapes", "--slow-ms", "3000", NULL};
  gateway_start(&plain, args);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  gateway_stop(&plain);
  char command[128];
  if (snprintf(command, sizeof command, "rm -rf '%s'", dir) < 0)
    return -1;
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_and_does_not_find),
      cmocka_unit_test(escapes_the_plate),
      cmocka_unit_test(each_fault_has_its_name),
      cmocka_unit_test(slow_and_dripping_answers_end),
      cmocka_unit_test(nobody_listens),
      cmocka_unit_test(retries_until_it_works),
      cmocka_unit_test(retry_after_is_obeyed),
      cmocka_unit_test(breaker_stops_hammering),
      cmocka_unit_test(many_at_once_on_few_connections),
      cmocka_unit_test(stop_cancels),
      cmocka_unit_test(tls_and_tokens),
      cmocka_unit_test(bad_server_certificates),
      cmocka_unit_test(certificates_before_the_clock_is_set),
      cmocka_unit_test(client_certificates),
      cmocka_unit_test(joins_rdw),
      cmocka_unit_test(joins_dvla),
      cmocka_unit_test(config_tells_every_error),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
