// SPDX-License-Identifier: Apache-2.0
// Requests and uploads against a device in memory: no network, time by lwIP's clock.
#include "net/service/service_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

#define CODE "X-Bayplate-Claim: right\r\n"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PUT(query, more) "PUT /v1/upload?sha256=" HASH query " HTTP/1.1\r\n" CODE more "\r\n"

// The device: one upload in memory; `right` is what the hash of its bytes is held to be.
struct device {
  struct service_upload upload;
  char bytes[256];
  const char *right;
  int begin_result, write_result, open_result;
  int paused, committed, aborted, opened;
  int resets, reset_result;
  int read_result; // after the content: 0 its end, or why it broke off
  enum service_source asked;
  const char *content;
  size_t at;
  char logged[128];
};

static int dev_open(void *ctx, enum service_source what, const char *name, void **handle,
                    uint64_t *size) {
  struct device *d = ctx;
  assert_true(what != SERVICE_RECOVERY && name == NULL);
  if (d->open_result != SERVICE_OK)
    return d->open_result;
  d->opened++;
  d->at = 0;
  d->asked = what;
  *handle = d;
  *size = what == SERVICE_EXPORT_FILES || what == SERVICE_EXPORT_IMAGE ? SERVICE_UNKNOWN
                                                                       : strlen(d->content);
  return SERVICE_OK;
}

static int dev_read(void *ctx, void *handle, uint8_t *buf, size_t n) {
  struct device *d = handle;
  assert_ptr_equal(ctx, d);
  size_t left = strlen(d->content) - d->at;
  n = n < 3 ? n : 3; // in small pieces
  n = n < left ? n : left;
  if (n == 0)
    return d->read_result;
  memcpy(buf, d->content + d->at, n);
  d->at += n;
  return (int)n;
}

static void dev_close(void *ctx, void *handle) {
  (void)ctx;
  ((struct device *)handle)->opened--;
}

static int dev_begin(void *ctx, const uint8_t sha256[SERVICE_SHA256], uint64_t size,
                     uint64_t *have) {
  struct device *d = ctx;
  if (d->begin_result != SERVICE_OK)
    return d->begin_result;
  bool same = d->upload.any && d->upload.size == size &&
              memcmp(d->upload.sha256, sha256, SERVICE_SHA256) == 0;
  if (!same) {
    d->upload = (struct service_upload){.any = true, .size = size};
    memcpy(d->upload.sha256, sha256, SERVICE_SHA256);
  }
  *have = d->upload.have;
  return SERVICE_OK;
}

static int dev_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n) {
  struct device *d = ctx;
  assert_true(offset == d->upload.have);
  assert_true(n > 0 && offset + n <= d->upload.size && offset + n <= sizeof d->bytes);
  if (d->write_result != SERVICE_OK)
    return d->write_result;
  memcpy(d->bytes + offset, bytes, n);
  d->upload.have += n;
  return SERVICE_OK;
}

static int dev_pause(void *ctx) {
  ((struct device *)ctx)->paused++;
  return SERVICE_OK;
}

static int dev_commit(void *ctx) {
  struct device *d = ctx;
  assert_true(d->upload.have == d->upload.size);
  d->committed++;
  if (strlen(d->right) != d->upload.size || memcmp(d->right, d->bytes, strlen(d->right)) != 0) {
    d->upload = (struct service_upload){0};
    return SERVICE_BAD_HASH;
  }
  d->upload.done = true;
  return SERVICE_OK;
}

static void dev_abort(void *ctx) {
  struct device *d = ctx;
  d->aborted++;
  d->upload = (struct service_upload){0};
}

static void dev_state(void *ctx, struct service_upload *out) {
  *out = ((struct device *)ctx)->upload;
}

static int dev_reset(void *ctx) {
  struct device *d = ctx;
  d->resets++;
  return d->reset_result;
}

static bool dev_claim(void *ctx, const char *code, size_t n) {
  (void)ctx;
  return n == 5 && memcmp(code, "right", 5) == 0;
}

static void dev_log(void *ctx, enum service_log_level level, const char *text) {
  (void)level;
  (void)snprintf(((struct device *)ctx)->logged, sizeof((struct device *)0)->logged, "%s", text);
}

static const struct service_ops ops = {.open = dev_open,
                                       .read = dev_read,
                                       .close = dev_close,
                                       .upload_begin = dev_begin,
                                       .upload_write = dev_write,
                                       .upload_pause = dev_pause,
                                       .upload_commit = dev_commit,
                                       .upload_abort = dev_abort,
                                       .upload_state = dev_state,
                                       .reset = dev_reset,
                                       .claim_matches = dev_claim,
                                       .log = dev_log};

struct world {
  struct device d;
  struct service_config config;
  struct service_http http;
  struct service_worker worker;
  // The peer: what it sends, `step` bytes at a time, then closes; what it hears.
  const char *out;
  size_t out_n, sent, step;
  char in[4096];
  size_t heard;
};

static int peer_read(void *ctx, uint8_t *buf, size_t n) {
  struct world *w = ctx;
  size_t m = w->out_n - w->sent;
  m = m < w->step ? m : w->step;
  m = m < n ? m : n;
  memcpy(buf, w->out + w->sent, m);
  w->sent += m;
  return (int)m;
}

static bool peer_write(void *ctx, const void *bytes, size_t n) {
  struct world *w = ctx;
  assert_true(w->heard + n < sizeof w->in);
  memcpy(w->in + w->heard, bytes, n);
  w->heard += n;
  w->in[w->heard] = '\0';
  return true;
}

// One connection. Returns the status of the (last) answer, 0 for none.
static int talk_n(struct world *w, const char *bytes, size_t n) {
  const struct service_io io = {.read = peer_read, .write = peer_write, .ctx = w};
  w->out = bytes;
  w->out_n = n;
  w->sent = w->heard = 0;
  w->in[0] = '\0';
  service_http_serve(&w->worker, &w->http, &io);
  const char *last = w->in, *next;
  while ((next = strstr(last + 1, "HTTP/1.1 ")) != NULL)
    last = next;
  return w->heard ? (int)strtol(last + 9, NULL, 10) : 0;
}

static int talk(struct world *w, const char *text) {
  return talk_n(w, text, strlen(text));
}

static bool hears(const struct world *w, const char *text) {
  return strstr(w->in, text) != NULL;
}

static int set_up(void **state) {
  struct world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  w->config = (struct service_config){.serial = "BP-1",
                                      .model = "m\"1",
                                      .version = "1.2",
                                      .slot = "A",
                                      .upload_max = 200,
                                      .ops = &ops,
                                      .ctx = &w->d};
  w->d.right = "0123456789";
  w->d.content = "";
  w->step = 4096;
  assert_true(service_http_init(&w->http, &w->config));
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  struct world *w = *state;
  assert_int_equal(w->d.opened, 0);
  sys_mutex_free(&w->http.lock);
  sys_mutex_free(&w->http.upload);
  free(w);
  return 0;
}

static void everybody_may_ask_who_it_is(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, "GET /v1/identity HTTP/1.1\r\n\r\n"), 200);
  assert_true(hears(w,
                    "{\"product\":\"bayplate\",\"serial\":\"BP-1\",\"model\":\"m\\\"1\","
                    "\"version\":\"1.2\",\"slot\":\"A\",\"tls_sha256\":null,\"claim_wait_s\":0}"));
  w->d.content = HASH;
  assert_int_equal(talk(w, "GET /v1/identity HTTP/1.1\r\n\r\n"), 200);
  assert_true(hears(w, "\"tls_sha256\":\"" HASH "\",\"claim_wait_s\":0}"));
  assert_int_equal(talk(w, "GET / HTTP/1.1\r\n\r\n"), 200);
  assert_true(hears(w, "<code>0011 2233 4455 ") && hears(w, "eeff </code>"));
  assert_true(hears(w, "</pre>")); // nothing was cut off
  w->d.content = HASH "00";        // as long as no such thing is
  assert_int_equal(talk(w, "GET / HTTP/1.1\r\n\r\n"), 200);
  assert_false(hears(w, "<code>"));
  w->d.content = "<script>4455667788x9aabbccddeeff00112233445566778899aabbccddeeff";
  assert_int_equal(talk(w, "GET / HTTP/1.1\r\n\r\n"), 200);
  assert_false(hears(w, "<code>"));
  w->d.open_result = SERVICE_NOT_NOW;
  assert_int_equal(talk(w, "GET /v1/identity HTTP/1.1\r\n\r\n"), 200);
  assert_true(hears(w, "\"tls_sha256\":null"));
}

static void the_rest_needs_the_claim_code(void **state) {
  struct world *w = *state;
  static const char *const lines[] = {"GET /v1/state",  "GET /v1/logs",   "GET /v1/snapshot.jpg",
                                      "GET /v1/export", "GET /v1/upload", "DELETE /v1/upload",
                                      "PUT /v1/upload"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    char text[128];
    (void)snprintf(text, sizeof text, "%s HTTP/1.1\r\nContent-Length: 0\r\n\r\n", lines[i]);
    assert_int_equal(talk(w, text), 401);
  }
  assert_int_equal(service_claim_wait(&w->http.claim, sys_now()), 0); // none was wrong
  assert_false(w->d.upload.any || w->d.aborted);
}

static void a_wrong_code_makes_even_the_right_one_wait(void **state) {
  struct world *w = *state;
  w->d.content = "{}";
  assert_int_equal(talk(w, "GET /v1/state HTTP/1.1\r\nX-Bayplate-Claim: wrong\r\n\r\n"), 401);
  assert_true(hears(w, "Retry-After: 1\r\n"));
  assert_string_equal(w->d.logged, "wrong claim code");
  assert_int_equal(talk(w, "GET /v1/state HTTP/1.1\r\n" CODE "\r\n"), 429);
  assert_true(hears(w, "Retry-After: 1\r\n"));
  w->http.claim.since_ms -= SERVICE_CLAIM_FIRST_MS; // the second passes
  assert_int_equal(talk(w, "GET /v1/state HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_true(hears(w, "\r\n\r\n{}"));
}

static void an_export_comes_in_chunks(void **state) {
  struct world *w = *state;
  w->d.content = "\x1f\x8b"
                 "bcde";
  assert_int_equal(talk(w, "GET /v1/export?what=files HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_int_equal(w->d.asked, SERVICE_EXPORT_FILES);
  assert_true(hears(w, "Transfer-Encoding: chunked\r\n") && !hears(w, "Content-Length"));
  assert_true(hears(w, "filename=bayplate-BP-1-files.tar.gz\r\n"));
  assert_true(hears(w, "\r\n\r\n0003\r\n\x1f\x8b"
                       "b\r\n0003\r\ncde\r\n0\r\n\r\n"));
  assert_string_equal(w->d.logged, "export: all was taken");
  assert_int_equal(talk(w, "GET /v1/export?what=image HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_int_equal(w->d.asked, SERVICE_EXPORT_IMAGE);
}

static void an_export_that_breaks_off_has_no_last_chunk(void **state) {
  struct world *w = *state;
  w->d.content = "abc";
  w->d.read_result = SERVICE_IO;
  assert_int_equal(talk(w, "GET /v1/export?what=image HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_true(hears(w, "0003\r\nabc\r\n") && !hears(w, "\r\n0\r\n\r\n"));
  assert_string_equal(w->d.logged, "export: it broke off");
}

static void an_export_is_refused_with_its_reason(void **state) {
  struct world *w = *state;
  static const struct {
    int rc, status;
    const char *text;
  } cases[] = {{SERVICE_NOT_FOUND, 404, "nothing to export"},
               {SERVICE_BUSY, 409, "one at a time"},
               {SERVICE_INVALID, 422, "what=image"},
               {SERVICE_IO, 500, "could not read"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    w->d.open_result = cases[i].rc;
    assert_int_equal(talk(w, "GET /v1/export?what=files HTTP/1.1\r\n" CODE "\r\n"),
                     cases[i].status);
    assert_true(hears(w, cases[i].text));
  }
  w->d.open_result = SERVICE_OK;
  assert_int_equal(talk(w, "GET /v1/export HTTP/1.1\r\n" CODE "\r\n"), 400);
  assert_int_equal(talk(w, "GET /v1/export?what=other HTTP/1.1\r\n" CODE "\r\n"), 400);
  assert_int_equal(talk(w, "GET /v1/export?what=files HTTP/1.1\r\n\r\n"), 401);
  assert_int_equal(talk(w, "POST /v1/export?what=files HTTP/1.1\r\n" CODE "\r\n"), 405);
}

static void sources_are_passed_through(void **state) {
  struct world *w = *state;
  w->d.content = "line 1\nline 2\n";
  assert_int_equal(talk(w, "GET /v1/logs HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_true(hears(w, "Content-Length: 14\r\n") && hears(w, "\r\n\r\nline 1\nline 2\n"));
  w->d.open_result = SERVICE_NOT_NOW;
  assert_int_equal(talk(w, "GET /v1/snapshot.jpg HTTP/1.1\r\n" CODE "\r\n"), 503);
  w->d.open_result = SERVICE_NOT_FOUND;
  assert_int_equal(talk(w, "GET /v1/snapshot.jpg HTTP/1.1\r\n" CODE "\r\n"), 404);
}

static void what_is_unknown_or_too_long_is_refused(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, "GET /nothing HTTP/1.1\r\n\r\n"), 404);
  assert_int_equal(talk(w, "POST /v1/state HTTP/1.1\r\n" CODE "\r\n"), 405);
  assert_int_equal(talk(w, "nonsense\r\n\r\n"), 400);
  char big[3000];
  memset(big, 'a', sizeof big);
  memcpy(big, "GET / HTTP/1.1\r\nA: ", 19);
  assert_int_equal(talk_n(w, big, sizeof big), 431);
  assert_int_equal(talk(w, "GET / HT"), 0); // the peer went away
}

static void an_upload_in_one_go(void **state) {
  struct world *w = *state;
  w->step = 1; // every byte on its own
  assert_int_equal(talk(w, PUT("", "Expect: 100-continue\r\nContent-Length: 10\r\n") "0123456789"),
                   201);
  assert_memory_equal(w->in, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201", 37);
  assert_true(hears(w, "{\"have\":10,\"size\":10,\"done\":true,\"sha256\":\"" HASH "\"}"));
  assert_memory_equal(w->d.bytes, "0123456789", 10);
  // Sent again, it is not stored again.
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123456789"), 200);
  assert_int_equal(w->d.committed, 1);
}

static void an_interrupted_upload_goes_on(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123"), 0); // the cable is pulled
  assert_int_equal(w->d.paused, 1);
  assert_int_equal(talk(w, "GET /v1/upload HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_true(hears(w, "{\"have\":4,\"size\":10,\"done\":false,\"sha256\":\"" HASH "\"}"));
  // With curl's header, a part that does not reach the end.
  assert_int_equal(talk(w, PUT("", "Content-Length: 2\r\nContent-Range: bytes 4-5/10\r\n") "45"),
                   202);
  // By the query; what is already here is skipped.
  assert_int_equal(talk(w, PUT("&offset=2&size=10", "Content-Length: 8\r\n") "23456789"), 201);
  assert_memory_equal(w->d.bytes, "0123456789", 10);
}

static void sending_all_again_works_too(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "01234567"), 0);
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123456789"), 201);
}

static void a_gap_is_refused_with_the_place_to_go_on(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123"), 0);
  assert_int_equal(talk(w, PUT("", "Content-Length: 5\r\nContent-Range: bytes 5-9/10\r\n") "56789"),
                   409);
  assert_true(hears(w, "\"have\":4,"));
  assert_int_equal(w->d.upload.have, 4);
}

static void a_wrong_hash_is_told_and_the_next_try_is_clean(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123X56789"), 422);
  assert_false(w->d.upload.any);
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123456789"), 201);
}

static void the_devices_troubles_have_words(void **state) {
  struct world *w = *state;
  w->d.begin_result = SERVICE_NO_SPACE;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123456789"), 507);
  w->d.begin_result = SERVICE_OK;
  w->d.write_result = SERVICE_IO;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123456789"), 500);
  w->d.write_result = SERVICE_NO_SPACE;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123456789"), 507);
}

static void contradictions_and_excess_are_refused(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, PUT("", "Content-Length: 201\r\n")), 413);
  assert_int_equal(talk(w, PUT("", "")), 411);
  assert_int_equal(talk(w, PUT("", "Transfer-Encoding: chunked\r\n")), 501);
  assert_int_equal(talk(w, PUT("", "Content-Length: 0\r\n")), 400);
  assert_int_equal(talk(w, PUT("&size=5", "Content-Length: 10\r\n")), 400);
  assert_int_equal(talk(w, PUT("&offset=x", "Content-Length: 10\r\n")), 400);
  assert_int_equal(talk(w, PUT("&offset=18446744073709551615", "Content-Length: 10\r\n")), 400);
  assert_int_equal(talk(w, PUT("", "Content-Length: 3\r\nContent-Range: bytes 0-9/10\r\n")), 400);
  assert_int_equal(
      talk(w, PUT("&offset=1", "Content-Length: 10\r\nContent-Range: bytes 0-9/10\r\n")), 400);
  assert_int_equal(
      talk(w, "PUT /v1/upload?sha256=12 HTTP/1.1\r\n" CODE "Content-Length: 1\r\n\r\n0"), 400);
  assert_false(w->d.upload.any);
}

static void an_upload_can_be_thrown_away(void **state) {
  struct world *w = *state;
  assert_int_equal(talk(w, PUT("", "Content-Length: 10\r\n") "0123"), 0);
  assert_int_equal(talk(w, "DELETE /v1/upload HTTP/1.1\r\n" CODE "\r\n"), 200);
  assert_int_equal(w->d.aborted, 1);
}

// A newer upload's turn begins while the older one's peer is silent.
static struct world *older;

static int takes_over(void *ctx, uint8_t *buf, size_t n) {
  (void)ctx;
  if (older->sent < older->out_n)
    return peer_read(older, buf, n);
  older->http.turn++;
  return SERVICE_BUSY;
}

static void an_older_upload_gives_way(void **state) {
  struct world *w = older = *state;
  const char text[] = PUT("", "Content-Length: 10\r\n") "0123";
  const struct service_io io = {.read = takes_over, .write = peer_write, .ctx = w};
  w->out = text;
  w->out_n = sizeof text - 1;
  service_http_serve(&w->worker, &w->http, &io);
  assert_int_equal(w->heard, 0);
  assert_int_equal(w->d.paused, 1);
  assert_int_equal(w->d.upload.have, 4);
}

// The code and the device's name, both; a GET, another name or no code do nothing.
static void factory_state_has_to_be_meant(void **state) {
  struct world *w = *state;
  static const struct {
    const char *request;
    int status;
  } refused[] = {{"POST /v1/reset?serial=BP-1 HTTP/1.1\r\n\r\n", 401},
                 {"POST /v1/reset HTTP/1.1\r\n" CODE "\r\n", 400},
                 {"POST /v1/reset?serial=BP-10 HTTP/1.1\r\n" CODE "\r\n", 400},
                 {"POST /v1/reset?serial= HTTP/1.1\r\n" CODE "\r\n", 400},
                 {"GET /v1/reset?serial=BP-1 HTTP/1.1\r\n" CODE "\r\n", 405}};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    assert_int_equal(talk(w, refused[i].request), refused[i].status);
    assert_int_equal(w->d.resets, 0);
  }
  w->d.reset_result = SERVICE_NOT_FOUND;
  assert_int_equal(talk(w, "POST /v1/reset?serial=BP-1 HTTP/1.1\r\n" CODE "\r\n"), 404);
  w->d.reset_result = SERVICE_IO;
  assert_int_equal(talk(w, "POST /v1/reset?serial=BP-1 HTTP/1.1\r\n" CODE "\r\n"), 500);
  w->d.reset_result = SERVICE_OK;
  assert_int_equal(talk(w, "POST /v1/reset?serial=BP-1 HTTP/1.1\r\n" CODE "\r\n"), 202);
  assert_int_equal(w->d.resets, 3);
  assert_true(hears(w, "\"resetting\":true"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  sys_init();
  const struct CMUnitTest tests[] = {
      TEST(factory_state_has_to_be_meant),
      TEST(everybody_may_ask_who_it_is),
      TEST(the_rest_needs_the_claim_code),
      TEST(a_wrong_code_makes_even_the_right_one_wait),
      TEST(an_export_comes_in_chunks),
      TEST(an_export_that_breaks_off_has_no_last_chunk),
      TEST(an_export_is_refused_with_its_reason),
      TEST(sources_are_passed_through),
      TEST(what_is_unknown_or_too_long_is_refused),
      TEST(an_upload_in_one_go),
      TEST(an_interrupted_upload_goes_on),
      TEST(sending_all_again_works_too),
      TEST(a_gap_is_refused_with_the_place_to_go_on),
      TEST(a_wrong_hash_is_told_and_the_next_try_is_clean),
      TEST(the_devices_troubles_have_words),
      TEST(contradictions_and_excess_are_refused),
      TEST(an_upload_can_be_thrown_away),
      TEST(an_older_upload_gives_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
