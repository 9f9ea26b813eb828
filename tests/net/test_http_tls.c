// SPDX-License-Identifier: Apache-2.0
#include "net/sse.h"
#include "tests/net/http_client.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64] = "/tmp/bayplate-tls-XXXXXX";
static struct http_server *server;
static struct sse_hub *hub;
static char answer[1 << 14];

static const char *file(const char *name) {
  static char path[4][128];
  static unsigned n;
  n = (n + 1) % 4;
  snprintf(path[n], sizeof path[n], "%s/%s", dir, name);
  return path[n];
}

static void page(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  http_response_copy(r, 200, "text/plain", http_request_tls(q) ? "tls" : "no", 3);
}

static void events(void *ctx, const struct http_request *q, struct http_response *r) {
  (void)ctx;
  sse_hub_serve(hub, q, r, 1, false);
}

static const struct http_route routes[] = {{HTTP_GET, "/", false, page},
                                           {HTTP_GET, "/events", false, events}};

static bool serve(struct http_server **out, const char *cert, const char *key, struct err *e) {
  struct http_options o = {.clock = clock_system(),
                           .address = "127.0.0.1",
                           .routes = routes,
                           .route_count = 2,
                           .request_ms = 500,
                           .tls_cert = cert,
                           .tls_key = key};
  return http_server_new(out, &o, e);
}

static int start(void **state) {
  (void)state;
  struct err e;
  struct sse_options so = {.clock = clock_system()};
  char command[256];
  snprintf(command, sizeof command, "%s/tests/net/make-certs %s", BAYPLATE_SOURCE_DIR,
           mkdtemp(dir));
  return system(command) == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) == 0 &&
                 sse_hub_new(&hub, &so, &e) &&
                 serve(&server, file("server.pem"), file("server.key"), &e)
             ? 0
             : -1;
}

static int stop(void **state) {
  (void)state;
  char command[128];
  http_server_free(server);
  sse_hub_free(hub);
  curl_global_cleanup();
  snprintf(command, sizeof command, "rm -r %s", dir);
  return system(command);
}

// Keeps what comes; ends the transfer once "\"n\":3" was seen.
static size_t receive(char *data, size_t size, size_t n, void *ctx) {
  (void)ctx;
  size_t have = strlen(answer);
  size_t len = size * n;
  if (have + len < sizeof answer) {
    memcpy(answer + have, data, len);
    answer[have + len] = '\0';
  }
  if (strstr(answer, "retry") && !strstr(answer, "\"n\"")) {
    sse_publish(hub, 3, "card", "{\"n\":3}", NULL);
  }
  return strstr(answer, "\"n\":3") ? 0 : len;
}

static CURLcode fetch(const char *path, const char *ca, long version) {
  char url[64];
  CURL *c = curl_easy_init();
  assert_non_null(c);
  answer[0] = '\0';
  snprintf(url, sizeof url, "https://127.0.0.1:%d%s", http_server_port(server), path);
  curl_easy_setopt(c, CURLOPT_URL, url);
  curl_easy_setopt(c, CURLOPT_CAINFO, ca);
  curl_easy_setopt(c, CURLOPT_SSLVERSION, version);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(c, CURLOPT_HEADER, 1L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)TEST_WAIT_MS);
  CURLcode rc = curl_easy_perform(c);
  curl_easy_cleanup(c);
  return rc;
}

static void page_and_stream_over_tls(void **state) {
  (void)state;
  assert_int_equal(fetch("/", file("ca.pem"), CURL_SSLVERSION_DEFAULT), CURLE_OK);
  assert_non_null(strstr(answer, "\r\n\r\ntls"));
  assert_non_null(strstr(answer, "Strict-Transport-Security: max-age="));
  assert_int_equal(fetch("/events", file("ca.pem"), CURL_SSLVERSION_DEFAULT), CURLE_WRITE_ERROR);
  assert_non_null(strstr(answer, "id: 3\nevent: card\ndata: {\"n\":3}\n\n"));
}

static void old_versions_and_plain_text_are_refused(void **state) {
  (void)state;
  long old = CURL_SSLVERSION_TLSv1_1 | (long)CURL_SSLVERSION_MAX_TLSv1_1;
  assert_int_equal(fetch("/", file("ca.pem"), old), CURLE_SSL_CONNECT_ERROR);
  assert_int_equal(fetch("/", file("other.pem"), CURL_SSLVERSION_DEFAULT),
                   CURLE_PEER_FAILED_VERIFICATION);
  assert_int_equal(
      test_request(http_server_port(server), "GET", "/", "", NULL, answer, sizeof answer), 0);
}

static void files_that_do_not_fit_are_named(void **state) {
  (void)state;
  struct http_server *s = NULL;
  struct err e;
  assert_false(serve(&s, file("server.pem"), file("client.key"), &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, "client.key"));
  assert_false(serve(&s, BAYPLATE_SOURCE_DIR "/CMakeLists.txt", file("server.key"), &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_non_null(strstr(e.text, "CMakeLists.txt: not a PEM file"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(page_and_stream_over_tls),
      cmocka_unit_test(old_versions_and_plain_text_are_refused),
      cmocka_unit_test(files_that_do_not_fit_are_named),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
