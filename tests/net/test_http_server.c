// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"
#include "tests/net/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct http_server *server;
static char answer[1 << 17];

static void hello(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  char cookie[16] = "";
  const char *name = http_request_query(q, "name");
  bool has = http_request_cookie(q, "bay", cookie, sizeof cookie);
  char body[512];
  int n = snprintf(body, sizeof body, "tail=%s name=%s cookie=%s peer=%s", http_request_tail(q),
                   name ? name : "-", has ? cookie : "-", http_request_peer(q));
  http_response_copy(r, 200, "text/plain", body, (size_t)n);
}

static void echo(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  size_t len = 0;
  const char *body = http_request_body(q, &len);
  http_response_copy(r, 200, "application/octet-stream", body, len);
}

static void nothing(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  (void)q;
  (void)r;
}

// A body in two pieces that ends as the path says.
struct body {
  int reads;
  int64_t end;
};

static int64_t body_read(void *ctx, char *buf, size_t max) {
  struct body *b = ctx;
  assert_true(max >= 4);
  if (b->reads++ < 2) {
    memcpy(buf, "part", 4);
    return 4;
  }
  return b->end;
}

static void streamed(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  static const struct http_stream_ops ops = {.whole = true, .read = body_read, .closed = free};
  struct body *b = calloc(1, sizeof *b);
  assert_non_null(b);
  b->end = strcmp(http_request_tail(q), "end") == 0 ? HTTP_STREAM_END : HTTP_STREAM_CUT;
  assert_non_null(http_response_stream(r, "text/plain", &ops, b));
}

static const struct http_route routes[] = {
    {HTTP_GET, "/stream/", true, streamed}, {HTTP_GET, "/hello", false, hello},
    {HTTP_GET, "/below/", true, hello},     {HTTP_POST | HTTP_PUT, "/echo", false, echo},
    {HTTP_GET, "/nothing", false, nothing},
};

static int start(void **state) {
  (void)state;
  struct err e;
  struct http_options o = {.clock = clock_system(),
                           .address = "127.0.0.1",
                           .routes = routes,
                           .route_count = sizeof routes / sizeof routes[0],
                           .request_ms = 600,
                           .idle_s = 2};
  return http_server_new(&server, &o, &e) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  http_server_free(server);
  server = NULL;
  return 0;
}

static int get(const char *path, const char *headers) {
  return test_request(http_server_port(server), "GET", path, headers, NULL, answer, sizeof answer);
}

static void gives_query_cookie_tail_and_peer(void **state) {
  (void)state;
  assert_int_equal(get("/below/7?name=%E7%B2%A4A+1", "Cookie: a=1; bay=xyz\r\n"), 200);
  assert_string_equal(test_body(answer), "tail=7 name=粤A 1 cookie=xyz peer=127.0.0.1");
}

static void every_answer_has_the_security_headers(void **state) {
  (void)state;
  const char *paths[] = {"/hello", "/nowhere", "/nothing", "/%2e%2e/"};
  for (size_t i = 0; i < 4; i++) {
    assert_true(get(paths[i], "") >= 200);
    assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none';"));
    assert_null(strstr(answer, "unsafe"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff"));
    assert_non_null(strstr(answer, "Referrer-Policy: no-referrer"));
    assert_non_null(strstr(answer, "Cache-Control: no-store"));
  }
}

static void path_tricks_are_refused(void **state) {
  (void)state;
  const char *paths[] = {
      "/below/../hello", "/below/%2e%2e/hello", "/below/..%2fhello",
      "//hello",         "/below//etc",         "/hello%00",
      "/below/\\x",      "/below/.hidden",      "/hello%2e",
      "/hello;a",        "/hello?name=%zz",     "/hello?name=%00",
      "/hello?name=%ff", "/hello?name=%0d%0aX", "/below/%c0%ae",
      "/hello?a=%",      "/below/\xe7\xb2\xa4",
  };
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    int status = get(paths[i], "");
    if (status != 400) {
      fail_msg("%s gave %d", paths[i], status);
    }
  }
  assert_int_equal(get("http://elsewhere/hello", ""), 400);
  assert_int_equal(get("/hello/x", ""), 404);
  assert_int_equal(get("/HELLO", ""), 404);
}

static void wrong_methods(void **state) {
  (void)state;
  int port = http_server_port(server);
  assert_int_equal(test_request(port, "POST", "/hello", "", "x", answer, sizeof answer), 405);
  assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
  assert_int_equal(test_request(port, "GET", "/echo", "", NULL, answer, sizeof answer), 405);
  assert_non_null(strstr(answer, "Allow: POST, PUT\r\n"));
  assert_int_equal(test_request(port, "BREW", "/hello", "", NULL, answer, sizeof answer), 501);
  assert_int_equal(test_request(port, "HEAD", "/hello", "", NULL, answer, sizeof answer), 200);
  assert_string_equal(test_body(answer), "");
  assert_int_equal(get("/nothing", ""), 500);
}

static void malformed_requests_do_no_harm(void **state) {
  (void)state;
  int port = http_server_port(server);
  const char *texts[] = {
      "\r\n\r\n\r\n\r\n",
      "GARBAGE\r\n\r\n",
      "GET\r\n\r\n",
      "GET /hello HTTP/9.9\r\nHost: x\r\n\r\n",
      "GET /hello HTTP/1.1\r\n\r\n", // no Host
      "GET /hello HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // somebody speaks TLS
  };
  enum { CASES = sizeof texts / sizeof texts[0] };
  int fd[CASES];
  for (size_t i = 0; i < CASES; i++) {
    fd[i] = test_connect(port);
    assert_true(fd[i] >= 0);
    assert_true(test_send(fd[i], texts[i], strlen(texts[i])));
  }
  for (size_t i = 0; i < CASES; i++) { // some are answered, some cut off when their time is over
    long n = test_read(fd[i], answer, sizeof answer, "\r\n\r\n");
    close(fd[i]);
    if (n > 0 && strncmp(answer, "HTTP/1.1 4", 10) != 0 && strncmp(answer, "HTTP/1.1 5", 10) != 0) {
      fail_msg("case %zu: %s", i, answer);
    }
  }
  assert_int_equal(get("/hello", ""), 200);
}

static void oversized_parts_are_refused(void **state) {
  (void)state;
  int port = http_server_port(server);
  char *big = malloc(80000);
  assert_non_null(big);
  memset(big, 'a', 79999);
  big[79999] = '\0';
  assert_int_equal(test_request(port, "POST", "/echo", "", big, answer, sizeof answer), 413);
  big[HTTP_BODY_MAX] = '\0';
  assert_int_equal(test_request(port, "POST", "/echo", "", big, answer, sizeof answer), 200);
  assert_int_equal(strlen(test_body(answer)), HTTP_BODY_MAX);
  memset(big, 'a', 40000);
  memcpy(big, "X-Long: ", 8);
  memcpy(big + 40000, "\r\n", 3);
  assert_int_equal(get("/hello", big), 431);
  big[5000] = '\0';
  memcpy(big, "/hello?a", 8);
  assert_int_equal(get(big, ""), 414);
  char many[256] = "/hello?";
  for (int i = 0; i < 20; i++) {
    strncat(many, "a=1&", sizeof many - strlen(many) - 1);
  }
  assert_int_equal(get(many, ""), 400);
  free(big);
}

static void endless_chunks_are_cut(void **state) {
  (void)state;
  int fd = test_connect(http_server_port(server));
  const char head[] = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  char chunk[4096 + 8];
  memcpy(chunk, "1000\r\n", 6);
  memset(chunk + 6, 'x', 4096);
  memcpy(chunk + 6 + 4096, "\r\n", 2);
  assert_true(test_send(fd, head, strlen(head)));
  int sent = 0;
  while (sent < 100000 && test_send(fd, chunk, 6 + 4096 + 2)) {
    sent++;
  }
  assert_true(sent < 100000);
  close(fd);
}

static void a_dripping_client_is_cut(void **state) {
  (void)state;
  int port = http_server_port(server);
  const char *starts[] = {"GET /hello HTTP/1.1\r\nHost: x\r\n",
                          "POST /echo HTTP/1.1\r\nHost: "
                          "x\r\nContent-Length: 50000\r\n\r\n",
                          "GE"};
  int fd[3];
  bool open[3] = {true, true, true};
  for (size_t i = 0; i < 3; i++) {
    fd[i] = test_connect(port);
    assert_true(test_send(fd[i], starts[i], strlen(starts[i])));
  }
  int drops = 0;
  for (; drops < 400 && (open[0] || open[1] || open[2]); drops++) {
    for (size_t i = 0; i < 3; i++) {
      open[i] = open[i] && test_send(fd[i], i == 1 ? "x" : "X-A: b\r\n", i == 1 ? 1 : 8);
    }
    usleep(10000); // the pace of the drip, not a wait for something
  }
  assert_true(drops < 400);
  for (size_t i = 0; i < 3; i++) {
    close(fd[i]);
  }
}

static void two_requests_on_one_connection(void **state) {
  (void)state;
  int fd = test_connect(http_server_port(server));
  const char text[] = "GET /hello?name=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                      "GET /hello?name=2 HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_true(test_send(fd, text, strlen(text)));
  assert_true(test_read(fd, answer, sizeof answer, "name=2") > 0);
  assert_non_null(strstr(answer, "name=1"));
  close(fd);
}

// Whether all of a body of unknown length came, a receiver sees by the last chunk.
static void a_stream_that_is_cut_does_not_look_whole(void **state) {
  (void)state;
  static const char *const ends[] = {"end", "cut"};
  for (size_t i = 0; i < 2; i++) {
    char text[80];
    int fd = test_connect(http_server_port(server));
    snprintf(text, sizeof text, "GET /stream/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             ends[i]);
    assert_true(test_send(fd, text, strlen(text)));
    assert_true(test_read(fd, answer, sizeof answer, NULL) > 0); // to the end of the connection
    assert_non_null(strstr(answer, "part"));
    assert_int_equal(strstr(answer, "\r\n0\r\n") != NULL, i == 0);
    close(fd);
  }
}

static void start_errors_say_what_is_wrong(void **state) {
  (void)state;
  struct err e;
  struct http_server *s = NULL;
  struct http_options o = {.clock = clock_system(), .address = "not-an-address"};
  assert_false(http_server_new(&s, &o, &e));
  assert_int_equal(e.code, ERR_ARG);
  o.address = "127.0.0.1";
  o.port = http_server_port(server);
  assert_false(http_server_new(&s, &o, &e));
  assert_int_equal(e.code, ERR_NET);
  assert_non_null(strstr(e.text, "in use"));
  o.port = HTTP_NO_PORT;
  assert_false(http_server_new(&s, &o, &e));
  assert_int_equal(e.code, ERR_ARG);
  o.port = 0;
  o.tls_cert = "no certificate";
  assert_false(http_server_new(&s, &o, &e));
  assert_int_equal(e.code, ERR_ARG);
  o.tls_key = "no key";
  assert_false(http_server_new(&s, &o, &e));
  assert_int_equal(e.code, ERR_FORMAT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_query_cookie_tail_and_peer),
      cmocka_unit_test(every_answer_has_the_security_headers),
      cmocka_unit_test(path_tricks_are_refused),
      cmocka_unit_test(wrong_methods),
      cmocka_unit_test(malformed_requests_do_no_harm),
      cmocka_unit_test(oversized_parts_are_refused),
      cmocka_unit_test(endless_chunks_are_cut),
      cmocka_unit_test(a_dripping_client_is_cut),
      cmocka_unit_test(two_requests_on_one_connection),
      cmocka_unit_test(a_stream_that_is_cut_does_not_look_whole),
      cmocka_unit_test(start_errors_say_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
