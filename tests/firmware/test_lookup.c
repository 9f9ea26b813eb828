// SPDX-License-Identifier: Apache-2.0
// When a plate is asked for, when what the store knows is enough, and what stays when it fails:
// against the real tools/policy-server, with a clock that only moves when it is told to.
#include "firmware/lookup.h"

#include "firmware/store_customer.h"
#include "firmware/store_lookup.h"
#include "tests/net/policy_gateway.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PLATE "粤A12345"
#define UNKNOWN_PLATE "京A00000"
#define NOW_MS INT64_C(1780000000000)
#define FOUND_TTL_MS INT64_C(3600000)
#define UNKNOWN_TTL_MS INT64_C(600000)
#define RETRY_MS INT64_C(60000)

static struct gateway gateway;

struct fixture {
  char dir[64];
  struct store *store;
  struct clock_sim *clock;
  struct lookup *lookup;
  sem_t answers;
  int changed, saved;
  int before; // requests that the gateway had seen
};

static void wake(void *ctx) {
  struct fixture *f = ctx;
  assert_int_equal(sem_post(&f->answers), 0);
}

static int requests(void) {
  return gateway_ask(&gateway, "GET", "/admin/stats", NULL, "requests");
}

static void asked(const struct fixture *f, int times) {
  assert_int_equal(requests() - f->before, times);
}

static int setup(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  struct err e = {0};
  assert_non_null(f);
  (void)snprintf(f->dir, sizeof f->dir, "/tmp/bayplate-lookup-XXXXXX");
  assert_non_null(mkdtemp(f->dir));
  char db[96];
  (void)snprintf(db, sizeof db, "%s/b.db", f->dir);
  f->clock = clock_sim_new(CLOCK_NS_PER_S, NOW_MS * CLOCK_NS_PER_MS);
  assert_int_equal(sem_init(&f->answers, 0, 0), 0);
  struct policy_config policy;
  policy_config_defaults(&policy);
  (void)snprintf(policy.base, sizeof policy.base, "http://127.0.0.1:%d", gateway.port);
  policy.attempts = 1;
  policy.connect_ms = policy.total_ms = 8000; // a loaded machine is no fault
  policy.breaker_failures = 100;
  if (!store_open(&f->store, &(struct store_options){.path = db, .wall_ms = NOW_MS}, &e))
    fail_msg("%s", e.text);
  const struct lookup_options o = {.policy = &policy,
                                   .clock = clock_sim_clock(f->clock),
                                   .store = f->store,
                                   .found_ttl_ms = FOUND_TTL_MS,
                                   .unknown_ttl_ms = UNKNOWN_TTL_MS,
                                   .retry_ms = RETRY_MS,
                                   .wake = wake,
                                   .ctx = f};
  if (!lookup_new(&f->lookup, &o, &e))
    fail_msg("%s", e.text);
  f->before = requests();
  *state = f;
  return 0;
}

static int teardown(void **state) {
  struct fixture *f = *state;
  lookup_free(f->lookup);
  store_close(f->store);
  clock_sim_free(f->clock);
  (void)sem_destroy(&f->answers);
  char command[128];
  (void)snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
  int rc = system(command);
  free(f);
  return rc;
}

static void changed(void *ctx, const char *plate) {
  struct fixture *f = ctx;
  assert_true(plate[0] != '\0');
  assert_int_equal(f->saved, f->changed); // told of after it is saved, not before
  f->changed++;
}

static void saved(void *ctx) {
  struct fixture *f = ctx;
  f->saved++;
  assert_int_equal(f->saved, f->changed);
}

// Waits for one answer and lets it be written.
static void collect(struct fixture *f) {
  struct timespec until;
  int rc;
  assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
  until.tv_sec += GATEWAY_WAIT_MS / 1000;
  do
    rc = sem_timedwait(&f->answers, &until);
  while (rc != 0 && errno == EINTR);
  assert_int_equal(rc, 0);
  const struct lookup_news news = {.changed = changed, .saved = saved, .ctx = f};
  lookup_collect(f->lookup, &news);
}

static void pass(struct fixture *f, int64_t ms) {
  clock_sim_advance(f->clock, ms * CLOCK_NS_PER_MS);
}

static struct store_lookup known(struct fixture *f, const char *plate) {
  struct store_lookup l;
  struct err e;
  assert_true(store_lookup_get(f->store, plate, &l, NULL, &e));
  return l;
}

static void an_answer_is_enough_until_it_is_too_old(void **state) {
  struct fixture *f = *state;
  struct store_record r;
  struct err e;
  lookup_want(f->lookup, PLATE);
  lookup_want(f->lookup, PLATE); // on its way already
  collect(f);
  asked(f, 1);
  assert_int_equal(f->changed, 1);
  assert_true(store_record_get(f->store, PLATE, &r, &e));
  assert_string_equal(r.name, "演示客户000");
  assert_int_equal(r.policies, 2);
  assert_int_equal(known(f, PLATE).as_of_ms, NOW_MS);
  pass(f, FOUND_TTL_MS - 1);
  lookup_want(f->lookup, PLATE);
  asked(f, 1);
  pass(f, 1);
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 2);
  assert_int_equal(known(f, PLATE).as_of_ms, NOW_MS + FOUND_TTL_MS);
}

static void unknown_has_an_age_of_its_own(void **state) {
  struct fixture *f = *state;
  lookup_want(f->lookup, UNKNOWN_PLATE);
  collect(f);
  assert_int_equal(known(f, UNKNOWN_PLATE).state, STORE_LOOKUP_UNKNOWN);
  pass(f, UNKNOWN_TTL_MS - 1);
  lookup_want(f->lookup, UNKNOWN_PLATE);
  asked(f, 1);
  pass(f, 1);
  lookup_want(f->lookup, UNKNOWN_PLATE);
  collect(f);
  asked(f, 2);
}

static void a_failure_keeps_what_is_known_and_pauses(void **state) {
  struct fixture *f = *state;
  struct store_record r;
  struct err e;
  lookup_want(f->lookup, PLATE);
  collect(f);
  pass(f, FOUND_TTL_MS);
  (void)gateway_ask(&gateway, "PUT", "/admin/fault", "{\"kind\":\"500\"}", "");
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 2);
  assert_int_equal(f->changed, 2); // the card says that it is stale
  struct store_lookup l = known(f, PLATE);
  assert_int_equal(l.state, STORE_LOOKUP_FOUND);
  assert_int_equal(l.as_of_ms, NOW_MS);
  assert_int_equal(l.failures, 1);
  assert_string_not_equal(l.error, "");
  assert_true(store_record_get(f->store, PLATE, &r, &e));
  (void)gateway_ask(&gateway, "PUT", "/admin/fault", "{\"kind\":\"none\",\"count\":0}", "");
  pass(f, RETRY_MS - 1);
  lookup_want(f->lookup, PLATE); // not hammered
  asked(f, 2);
  lookup_want(f->lookup, UNKNOWN_PLATE); // another plate need not wait
  collect(f);
  asked(f, 3);
  pass(f, 1);
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 4);
  assert_int_equal(known(f, PLATE).failures, 0);
}

static void pauses_end_when_the_clock_becomes_right(void **state) {
  struct fixture *f = *state;
  (void)gateway_ask(&gateway, "PUT", "/admin/fault", "{\"kind\":\"500\"}", "");
  lookup_want(f->lookup, PLATE);
  collect(f);
  (void)gateway_ask(&gateway, "PUT", "/admin/fault", "{\"kind\":\"none\",\"count\":0}", "");
  lookup_want(f->lookup, PLATE);
  asked(f, 1);
  lookup_forget_pauses(f->lookup);
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 2);
}

static void a_server_that_names_a_time_is_left_alone_until_then(void **state) {
  struct fixture *f = *state;
  (void)gateway_ask(&gateway, "PUT", "/admin/fault", "{\"kind\":\"429\"}", "");
  lookup_want(f->lookup, PLATE);
  collect(f);
  (void)gateway_ask(&gateway, "PUT", "/admin/fault", "{\"kind\":\"none\",\"count\":0}", "");
  assert_int_equal(known(f, PLATE).state, STORE_LOOKUP_NEVER);
  pass(f, 89999); // it said 90 s, longer than our own pause
  lookup_want(f->lookup, PLATE);
  asked(f, 1);
  pass(f, 1);
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 2);
  assert_int_equal(known(f, PLATE).state, STORE_LOOKUP_FOUND);
}

static void an_answer_from_the_future_is_not_believed(void **state) {
  struct fixture *f = *state;
  lookup_want(f->lookup, PLATE);
  collect(f);
  clock_sim_set_wall(f->clock, (NOW_MS - 1000) * CLOCK_NS_PER_MS, true); // the clock was put right
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 2);
}

static void other_ages_count_at_once(void **state) {
  struct fixture *f = *state;
  lookup_want(f->lookup, PLATE);
  collect(f);
  pass(f, 1000);
  lookup_set_ages(f->lookup, 1000, UNKNOWN_TTL_MS, RETRY_MS);
  lookup_want(f->lookup, PLATE);
  collect(f);
  asked(f, 2);
}

static void without_a_gateway_or_a_plate_nothing_is_asked(void **state) {
  struct fixture *f = *state;
  struct lookup *l = NULL;
  struct err e;
  const struct lookup_options o = {
      .clock = clock_sim_clock(f->clock), .store = f->store, .wake = wake, .ctx = f};
  assert_true(lookup_new(&l, &o, &e));
  lookup_want(l, PLATE);
  lookup_free(l);
  lookup_want(f->lookup, "");
  asked(f, 0);
}

static int start_gateway(void **state) {
  (void)state;
  char plates[] = "/tmp/bayplate-lookup-plates-XXXXXX";
  int fd = mkstemp(plates);
  assert_true(fd >= 0);
  assert_true(write(fd, "[\"" PLATE "\"]", sizeof PLATE + 3) == sizeof PLATE + 3);
  assert_int_equal(close(fd), 0);
  const char *const args[] = {"--plates", plates, "--allow-faults", "--retry-after", "90", NULL};
  gateway_start(&gateway, args);
  return unlink(plates);
}

static int stop_gateway(void **state) {
  (void)state;
  gateway_stop(&gateway);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      T(an_answer_is_enough_until_it_is_too_old),
      T(unknown_has_an_age_of_its_own),
      T(a_failure_keeps_what_is_known_and_pauses),
      T(pauses_end_when_the_clock_becomes_right),
      T(a_server_that_names_a_time_is_left_alone_until_then),
      T(an_answer_from_the_future_is_not_believed),
      T(other_ages_count_at_once),
      T(without_a_gateway_or_a_plate_nothing_is_asked),
  };
  return cmocka_run_group_tests(tests, start_gateway, stop_gateway);
}
