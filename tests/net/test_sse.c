// SPDX-License-Identifier: Apache-2.0
#include "net/sse.h"
#include "tests/net/http_client.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGES 200

static struct http_server *server;
static struct sse_hub *hub;
static struct clock_sim *sim;
static char text[1 << 20];

// What a store would know: revisions 1 to 20.
static bool replay(void *ctx, uint64_t since, struct sse_replay *to) {
  (void)ctx;
  for (uint64_t id = since + 1; id <= 20; id++) {
    char data[32];
    snprintf(data, sizeof data, "{\"old\":%llu}", (unsigned long long)id);
    if (!sse_emit(to, id, "card", data, "{\"masked\":true}")) {
      return false;
    }
  }
  return true;
}

static void events(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  sse_hub_serve(hub, q, r, http_request_query(q, "tag") ? 7 : 1, http_request_query(q, "masked"));
}

static void tick(void *ctx) {
  (void)ctx;
  sse_hub_tick(hub);
}

static const struct http_route routes[] = {{HTTP_GET, "/events", false, events}};

static int start(void **state) {
  (void)state;
  struct err e;
  sim = clock_sim_new(CLOCK_NS_PER_S, CLOCK_NS_PER_S);
  struct sse_options so = {.clock = clock_sim_clock(sim), .newest = 20, .replay = replay};
  struct http_options o = {.clock = clock_system(),
                           .address = "127.0.0.1",
                           .routes = routes,
                           .route_count = 1,
                           .tick = tick};
  return sim && sse_hub_new(&hub, &so, &e) && http_server_new(&server, &o, &e) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  http_server_free(server);
  sse_hub_free(hub);
  clock_sim_free(sim);
  return 0;
}

static int open_stream(const char *query, const char *last_id) {
  char request[256];
  int fd = test_connect(http_server_port(server));
  int n =
      snprintf(request, sizeof request, "GET /events%s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n", query,
               last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
  assert_true(fd >= 0 && test_send(fd, request, (size_t)n));
  return fd;
}

static void await_clients(unsigned n) {
  for (int i = 0; i < TEST_WAIT_MS && sse_hub_clients(hub) != n; i++) {
    usleep(1000);
  }
  assert_int_equal(sse_hub_clients(hub), n);
}

static void publish(uint64_t id) {
  char data[32];
  snprintf(data, sizeof data, "{\"n\":%llu}", (unsigned long long)id);
  sse_publish(hub, id, "card", data, NULL);
}

static unsigned count(const char *where, const char *what) {
  unsigned n = 0;
  for (const char *p = strstr(where, what); p; p = strstr(p + 1, what)) {
    n++;
  }
  return n;
}

static void a_page_sees_what_is_published(void **state) {
  (void)state;
  int fd = open_stream("", NULL);
  await_clients(1);
  assert_true(test_read(fd, text, sizeof text, "retry") > 0);
  assert_non_null(strstr(text, "Content-Type: text/event-stream"));
  publish(21);
  assert_true(test_read(fd, text, sizeof text, "\"n\":21}\n\n") > 0);
  assert_non_null(strstr(text, "id: 21\nevent: card\ndata: {\"n\":21}\n\n"));
  assert_null(strstr(text, "old"));
  close(fd);
}

static void it_resumes_without_loss_or_double(void **state) {
  (void)state;
  publish(22);
  publish(22); // an id given twice is one event
  publish(23);
  int fd = open_stream("", "21"); // the ring reaches back
  publish(24);
  assert_true(test_read(fd, text, sizeof text, "\"n\":24}") > 0);
  assert_int_equal(count(text, "id: "), 3);
  close(fd);
  fd = open_stream("?since=3", "18"); // the header counts; the store must be asked
  assert_true(test_read(fd, text, sizeof text, "\"old\":20}") > 0);
  assert_null(strstr(text, "\"old\":18}"));
  assert_non_null(strstr(text, "id: 19\n"));
  close(fd);
  fd = open_stream("?since=22", NULL);
  assert_true(test_read(fd, text, sizeof text, "\"n\":24}") > 0);
  assert_int_equal(count(text, "id: "), 2);
  close(fd);
}

static void an_id_from_the_future_begins_anew(void **state) {
  (void)state;
  int fd = open_stream("", "99999");
  assert_true(test_read(fd, text, sizeof text, "event: reset\ndata: {}\n\n") > 0);
  close(fd);
  fd = open_stream("", "18446744073709551616"); // does not fit: as if none was sent
  assert_true(test_read(fd, text, sizeof text, "retry") > 0);
  publish(25);
  assert_true(test_read(fd, text, sizeof text, "\"n\":25}") > 0);
  close(fd);
}

static void masked_pages_get_the_masked_text(void **state) {
  (void)state;
  int open = open_stream("", "25");
  assert_true(test_read(open, text, sizeof text, "retry") > 0);
  int masked = open_stream("?masked=1", "18");
  assert_true(test_read(masked, text, sizeof text, "id: 20\n") > 0);
  assert_null(strstr(text, "old"));
  sse_publish(hub, 26, "card", "{\"secret\":1}", "{\"stars\":1}");
  assert_true(test_read(masked, text, sizeof text, "stars") > 0);
  assert_null(strstr(text, "secret"));
  assert_true(test_read(open, text, sizeof text, "secret") > 0);
  close(open);
  close(masked);
}

static void only_the_latest_status_counts(void **state) {
  (void)state;
  sse_publish_latest(hub, "status", "{\"s\":1}");
  sse_publish_latest(hub, "status", "{\"s\":2}");
  int fd = open_stream("", NULL);
  assert_true(test_read(fd, text, sizeof text, "{\"s\":2}\n\n") > 0);
  assert_null(strstr(text, "{\"s\":1}"));
  clock_sim_advance(sim, SSE_HEARTBEAT_MS * CLOCK_NS_PER_MS);
  assert_true(test_read(fd, text, sizeof text, ": here\n\n") > 0);
  close(fd);
}

static void data_that_would_break_the_stream_is_not_sent(void **state) {
  (void)state;
  int fd = open_stream("", NULL);
  assert_true(test_read(fd, text, sizeof text, "retry") > 0);
  sse_publish(hub, 27, "card", "a\n\nevent: evil", NULL);
  publish(28);
  assert_true(test_read(fd, text, sizeof text, "\"n\":28}") > 0);
  assert_null(strstr(text, "evil"));
  close(fd);
}

static void signing_out_ends_the_streams(void **state) {
  (void)state;
  int mine = open_stream("?tag=7", NULL);
  int other = open_stream("", NULL);
  assert_true(test_read(mine, text, sizeof text, "retry") > 0);
  assert_true(test_read(other, text, sizeof text, "retry") > 0);
  sse_hub_end(hub, 7);
  assert_true(test_read(mine, text, sizeof text, "0\r\n\r\n") > 0); // the last chunk
  publish(29);
  assert_true(test_read(other, text, sizeof text, "\"n\":29}") > 0);
  close(mine);
  close(other);
}

// A page that does not read must not hold anybody up, nor memory; it is cut off and counted.
static void a_slow_page_is_dropped(void **state) {
  (void)state;
  uint64_t before = sse_hub_dropped(hub);
  int slow = open_stream("", NULL);
  assert_true(test_read(slow, text, sizeof text, "retry") > 0);
  char *data = malloc(SSE_EVENT_MAX + 1);
  assert_non_null(data);
  memset(data, 'x', SSE_EVENT_MAX);
  data[SSE_EVENT_MAX] = '\0';
  uint64_t id = 100;
  for (; id < 100 + 3 * SSE_RING; id++) {
    sse_publish(hub, id, "card", data, NULL);
  }
  free(data);
  for (int i = 0; i < TEST_WAIT_MS && sse_hub_dropped(hub) == before; i++) {
    // Reading lets the server look at this client again.
    ssize_t n = recv(slow, text, sizeof text, MSG_DONTWAIT);
    if (n <= 0) {
      usleep(1000);
    }
  }
  assert_true(sse_hub_dropped(hub) > before);
  close(slow);
}

static void two_hundred_pages_at_once(void **state) {
  (void)state;
  struct rlimit files;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur < 2 * PAGES + 64) {
    files.rlim_cur = files.rlim_max < 1024 ? files.rlim_max : 1024;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
  }
  int fd[PAGES];
  for (int i = 0; i < PAGES; i++) {
    fd[i] = open_stream("", NULL);
  }
  for (int i = 0; i < TEST_WAIT_MS && sse_hub_clients(hub) < PAGES; i++) {
    usleep(1000);
  }
  assert_true(sse_hub_clients(hub) >= PAGES);
  for (uint64_t id = 5001; id <= 5050; id++) {
    publish(id);
  }
  for (int i = 0; i < PAGES; i++) {
    assert_true(test_read(fd[i], text, 1 << 14, "\"n\":5050}\n\n") > 0);
    assert_int_equal(count(text, "id: "), 50);
  }
  for (int i = 0; i < PAGES; i++) {
    close(fd[i]);
  }
  // Gone pages are noticed by the next heartbeat.
  clock_sim_advance(sim, SSE_HEARTBEAT_MS * CLOCK_NS_PER_MS);
  for (int i = 0; i < TEST_WAIT_MS && sse_hub_clients(hub) > 0; i++) {
    clock_sim_advance(sim, SSE_HEARTBEAT_MS * CLOCK_NS_PER_MS);
    sse_hub_tick(hub);
    usleep(1000);
  }
  assert_int_equal(sse_hub_clients(hub), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_page_sees_what_is_published),
      cmocka_unit_test(it_resumes_without_loss_or_double),
      cmocka_unit_test(an_id_from_the_future_begins_anew),
      cmocka_unit_test(masked_pages_get_the_masked_text),
      cmocka_unit_test(only_the_latest_status_counts),
      cmocka_unit_test(data_that_would_break_the_stream_is_not_sent),
      cmocka_unit_test(signing_out_ends_the_streams),
      cmocka_unit_test(a_slow_page_is_dropped),
      cmocka_unit_test(two_hundred_pages_at_once),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
