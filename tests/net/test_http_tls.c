// SPDX-License-Identifier: Apache-2.0
#include "board/file.h"
#include "net/cert.h"
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

static const struct http_route routes[] = {
    {HTTP_GET | HTTP_POST, "/", false, page},
    {HTTP_GET | HTTP_ALSO_PLAIN, "/healthz", false, page},
    {HTTP_GET, "/events", false, events},
};

static char *text_of(const char *path) {
  void *bytes = NULL;
  size_t n = 0;
  struct err e;
  if (!file_get(path, 1 << 16, &bytes, &n, &e))
    fail_msg("%s", e.text);
  return bytes;
}

static bool serve_on(struct http_server **out, int port, bool redirect, const char *cert,
                     const char *key, struct err *e) {
  char *c = text_of(cert), *k = text_of(key);
  struct http_options o = {.clock = clock_system(),
                           .address = "127.0.0.1",
                           .routes = routes,
                           .route_count = sizeof routes / sizeof routes[0],
                           .port = port,
                           .redirect = redirect,
                           .tls_cert = c,
                           .tls_key = k};
  bool ok = http_server_new(out, &o, e);
  free(c); // not needed any more
  free(k);
  return ok;
}

static bool serve(struct http_server **out, const char *cert, const char *key, struct err *e) {
  return serve_on(out, HTTP_NO_PORT, false, cert, key, e);
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

static CURLcode fetch_from(int port, const char *path, const char *ca, long version) {
  char url[64];
  CURL *c = curl_easy_init();
  assert_non_null(c);
  answer[0] = '\0';
  snprintf(url, sizeof url, "https://127.0.0.1:%d%s", port, path);
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

static CURLcode fetch(const char *path, const char *ca, long version) {
  return fetch_from(http_server_tls_port(server), path, ca, version);
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
      test_request(http_server_tls_port(server), "GET", "/", "", NULL, answer, sizeof answer), 0);
  assert_int_equal(http_server_port(server), HTTP_NO_PORT);
}

static void texts_that_do_not_fit_are_refused(void **state) {
  (void)state;
  struct http_server *s = NULL;
  struct err e;
  assert_false(serve(&s, file("server.pem"), file("client.key"), &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_false(serve(&s, BAYPLATE_SOURCE_DIR "/CMakeLists.txt", file("server.key"), &e));
  assert_int_equal(e.code, ERR_FORMAT);
}

static int plain(struct http_server *s, const char *method, const char *path, const char *host) {
  char text[256];
  (void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                 method, path, host);
  return test_exchange(http_server_port(s), text, answer, sizeof answer);
}

static void the_same_routes_on_two_ports(void **state) {
  (void)state;
  struct http_server *s = NULL;
  struct err e;
  assert_true(serve_on(&s, 0, false, file("server.pem"), file("server.key"), &e));
  assert_int_not_equal(http_server_port(s), http_server_tls_port(s));
  assert_int_equal(plain(s, "GET", "/", "x"), 200);
  assert_non_null(strstr(answer, "\r\n\r\nno"));
  assert_int_equal(fetch_from(http_server_tls_port(s), "/", file("ca.pem"), 0), CURLE_OK);
  assert_non_null(strstr(answer, "\r\n\r\ntls"));
  // It would lead browsers to HTTPS on the port of plain HTTP.
  assert_null(strstr(answer, "Strict-Transport-Security"));
  http_server_free(s);
}

static void people_are_sent_on_and_programs_refused(void **state) {
  (void)state;
  struct http_server *s = NULL;
  struct err e;
  char want[96];
  assert_true(serve_on(&s, 0, true, file("server.pem"), file("server.key"), &e));
  (void)snprintf(want, sizeof want, "Location: https://shop.local:%d/\r\n",
                 http_server_tls_port(s));
  assert_int_equal(plain(s, "GET", "/", "shop.local:8080"), 307);
  assert_non_null(strstr(answer, want));
  (void)snprintf(want, sizeof want, "Location: https://[fe80::1]:%d/\r\n", http_server_tls_port(s));
  assert_int_equal(plain(s, "GET", "/", "[fe80::1]"), 307);
  assert_non_null(strstr(answer, want));
  static const char *const hosts[] = {"a/b", "", "a@b", "[fe80"};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    assert_int_equal(plain(s, "GET", "/", hosts[i]), 403);
    assert_null(strstr(answer, "Location"));
  }
  assert_int_equal(plain(s, "GET", "/?a=1", "shop.local"), 403);
  assert_int_equal(plain(s, "POST", "/", "shop.local"), 403);
  assert_non_null(strstr(answer, "use HTTPS, port "));
  assert_int_equal(plain(s, "GET", "/events", "shop.local"), 307);
  assert_int_equal(plain(s, "GET", "/healthz", "shop.local"), 200);
  assert_int_equal(plain(s, "GET", "/nothing", "shop.local"), 404);
  assert_int_equal(fetch_from(http_server_tls_port(s), "/", file("ca.pem"), 0), CURLE_OK);
  http_server_free(s);
}

// While a connection is open: it goes on, the next one sees the other certificate.
static void another_certificate_counts_at_once(void **state) {
  (void)state;
  struct http_server *s = NULL;
  struct err e;
  char *cert = NULL, *key = NULL;
  struct cert_names names = {0};
  assert_true(serve(&s, file("server.pem"), file("server.key"), &e));
  const int port = http_server_tls_port(s);
  CURL *c = curl_easy_init();
  char url[64];
  (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/", port);
  curl_easy_setopt(c, CURLOPT_URL, url);
  curl_easy_setopt(c, CURLOPT_CAINFO, file("ca.pem"));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive);
  assert_int_equal(curl_easy_perform(c), CURLE_OK);
  assert_true(cert_names_add(&names, "127.0.0.1", &e) && cert_make_key(&key, &e) &&
              cert_make_self(&cert, key, &names, 0, &e));
  assert_non_null(cert);
  if (!cert)
    return; // says it to analysers
  assert_true(file_put(file("self.pem"), cert, strlen(cert), &e));
  assert_false(http_server_set_tls(s, cert, "rubbish", &e));
  assert_int_equal(e.code, ERR_FORMAT);
  assert_int_equal(fetch_from(port, "/", file("ca.pem"), 0), CURLE_OK);
  assert_true(http_server_set_tls(s, cert, key, &e));
  free(cert);
  free(key);
  long connects = -1;
  assert_int_equal(curl_easy_perform(c), CURLE_OK);
  assert_int_equal(curl_easy_getinfo(c, CURLINFO_NUM_CONNECTS, &connects), CURLE_OK);
  assert_int_equal(connects, 0);
  curl_easy_cleanup(c);
  assert_int_equal(fetch_from(port, "/", file("ca.pem"), 0), CURLE_PEER_FAILED_VERIFICATION);
  assert_int_equal(fetch_from(port, "/", file("self.pem"), 0), CURLE_OK);
  http_server_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(page_and_stream_over_tls),
      cmocka_unit_test(old_versions_and_plain_text_are_refused),
      cmocka_unit_test(texts_that_do_not_fit_are_refused),
      cmocka_unit_test(the_same_routes_on_two_ports),
      cmocka_unit_test(people_are_sent_on_and_programs_refused),
      cmocka_unit_test(another_certificate_counts_at_once),
  };
  return cmocka_run_group_tests(tests, start, stop);
}
