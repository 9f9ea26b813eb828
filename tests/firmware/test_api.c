// SPDX-License-Identifier: Apache-2.0
#include "firmware/api_internal.h"
#include "tests/firmware/auth_memory.h"
#include "tests/net/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PIN "482913"
#define CARD                                                                                         \
  "{\"visit\":\"9\",\"rev\":7,\"plate\":{\"text\":\"粤A12345\",\"alternatives\":[{\"text\":"        \
  "\"粤A12346\"}],\"picture\":\"粤A12347\"},\"customer\":{\"name\":\"张三\",\"phone\":\"138****" \
  "1234\"},\"vehicle\":{"                                                                            \
  "\"model\":\"M\",\"vin\":\"LSVAA\"},\"evidence\":\"/api/v1/evidence/9\",\"policies\":[{"           \
  "\"number\":\"PN77\",\"premium\":950}]}"

static struct auth_memory memory;
static struct clock_sim *sim;
static struct auth *auth;
static struct api *api;
static char code[AUTH_SETUP_CODE_MAX];
static char answer[1 << 16];
static char headers[512]; // cookie and CSRF token of who signed in last
static char asked[128];   // what the history was asked for

static bool give(char **json, const char *text, struct err *e) {
  *json = strdup(text);
  return *json || err_set(e, ERR_NOMEM, "memory");
}

static bool cards_json(void *ctx, char **json, struct err *e) {
  (void)ctx;
  return give(json, "{\"rev\":7,\"cards\":[" CARD "]}", e);
}

static bool history_json(void *ctx, const char *query, const char *before, unsigned limit,
                         char **json, struct err *e) {
  (void)ctx;
  snprintf(asked, sizeof asked, "%s|%s|%u", query ? query : "-", before ? before : "-", limit);
  if (before && strcmp(before, "bad") == 0) {
    return err_set(e, ERR_ARG, "before: not a cursor");
  }
  return give(json, "{\"cards\":[" CARD "],\"next\":null}", e);
}

static bool replay(void *ctx, uint64_t since,
                   bool (*emit)(void *to, uint64_t rev, const char *json), void *to,
                   struct err *e) {
  (void)ctx;
  (void)e;
  return since >= 7 || emit(to, 7, CARD);
}

static bool evidence(void *ctx, uint64_t visit, void **jpeg, size_t *len, struct err *e) {
  (void)ctx;
  if (visit != 9) {
    return err_set(e, ERR_NOT_FOUND, "no picture of this visit");
  }
  *jpeg = strdup("JPEG");
  *len = 4;
  return *jpeg != NULL;
}

static bool status_json(void *ctx, char **json, struct err *e) {
  (void)ctx;
  return give(json, "{\"cameras\":[],\"now\":\"x\"}", e);
}

static bool healthy = true;

static bool health_json(void *ctx, bool *ok, char **json, struct err *e) {
  (void)ctx;
  *ok = healthy;
  return give(json, healthy ? "{\"ok\":true}" : "{\"ok\":false}", e);
}

static bool correct(void *ctx, uint64_t visit, const char *plate, int64_t by, struct err *e) {
  (void)ctx;
  if (visit != 9) {
    return err_set(e, ERR_NOT_FOUND, "no such visit");
  }
  snprintf(asked, sizeof asked, "corrected %s by %lld", plate, (long long)by);
  return true;
}

static void show_code(void *ctx, const char *c) {
  (void)ctx;
  snprintf(code, sizeof code, "%s", c);
}

static int start(void **state) {
  (void)state;
  struct err e;
  memset(&memory, 0, sizeof memory);
  headers[0] = '\0';
  sim = clock_sim_new(CLOCK_NS_PER_S, INT64_C(1800000000) * CLOCK_NS_PER_S);
  struct auth_options ao = {.clock = clock_sim_clock(sim),
                            .ops = &auth_memory_ops,
                            .store = &memory,
                            .show_code = show_code};
  struct api_options o = {
      .clock = clock_sim_clock(sim),
      .deps = {NULL, cards_json, history_json, replay, evidence, status_json, health_json, correct},
      .address = "127.0.0.1",
      .shop_name = "店",
      .newest_rev = 7};
  if (!auth_new(&auth, &ao, &e)) {
    return -1;
  }
  o.auth = auth;
  return api_new(&api, &o, &e) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  api_free(api);
  auth_free(auth);
  clock_sim_free(sim);
  return 0;
}

static int ask(const char *method, const char *path, const char *extra, const char *body) {
  char all[1024];
  snprintf(all, sizeof all, "%s%s%s", headers, extra,
           body ? "Content-Type: application/json\r\n" : "");
  return test_request(api_port(api), method, path, all, body, answer, sizeof answer);
}

static void keep_session(bool csrf) {
  const char *cookie = strstr(answer, "Set-Cookie: ");
  assert_non_null(cookie);
  assert_non_null(strstr(cookie, "; HttpOnly; SameSite=Strict;"));
  json_t *s = json_loads(test_body(answer), 0, NULL);
  snprintf(headers, sizeof headers, "Cookie: %.*s\r\n%s%s%s", (int)strcspn(cookie + 12, ";"),
           cookie + 12, csrf ? "X-CSRF-Token: " : "", csrf ? api_text(s, "csrf") : "",
           csrf ? "\r\n" : "");
  json_decref(s);
}

static void sign_up(const char *role) {
  char body[256];
  snprintf(body, sizeof body,
           "{\"code\":\"%s\",\"name\":\"a\",\"role\":\"%s\",\"pin\":\"" PIN "\"}", code, role);
  assert_int_equal(ask("POST", "/api/v1/setup", "", body), 200);
  keep_session(true);
}

static void without_signing_in_nothing_is_shown(void **state) {
  (void)state;
  const char *paths[] = {"/api/v1/cards",      "/api/v1/visits",     "/api/v1/events",
                         "/api/v1/evidence/9", "/api/v1/status",     "/api/v1/visits?q=A",
                         "/api/v1/evidence/",  "/api/v1/evidence/x", "/api/v1/events?since=0"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    if (ask("GET", paths[i], "", NULL) != 401 ||
        ask("GET", paths[i], "Cookie: bayplate=00; bayplate=x\r\n", NULL) != 401) {
      fail_msg("%s: %s", paths[i], answer);
    }
    assert_null(strstr(answer, "12345"));
  }
  assert_int_equal(ask("DELETE", "/api/v1/session", "", NULL), 401);
  assert_int_equal(ask("POST", "/api/v1/people", "", "{}"), 401);
  assert_int_equal(ask("GET", "/api/v1/session", "", NULL), 200);
  assert_non_null(strstr(answer, "\"setup\":true"));
  assert_null(strstr(answer, code));
}

static void the_page_is_served_to_all(void **state) {
  (void)state;
  assert_int_equal(ask("GET", "/", "", NULL), 200);
  assert_non_null(strstr(answer, "text/html"));
  assert_null(strstr(test_body(answer), "style=")); // nothing inline
  assert_int_equal(ask("GET", "/assets/app.js", "", NULL), 200);
  assert_non_null(strstr(answer, "text/javascript"));
  char match[128];
  const char *etag = strstr(answer, "ETag: ");
  assert_non_null(etag);
  snprintf(match, sizeof match, "If-None-Match: %.*s\r\n", (int)strcspn(etag + 6, "\r"), etag + 6);
  assert_int_equal(ask("GET", "/assets/app.js", match, NULL), 304);
  assert_int_equal(ask("GET", "/assets/../firmware/main.c", "", NULL), 400);
  assert_int_equal(ask("GET", "/assets/none.js", "", NULL), 404);
  assert_int_equal(ask("GET", "/assets/", "", NULL), 404);
}

static void health_and_metrics(void **state) {
  (void)state;
  assert_int_equal(ask("GET", "/healthz", "", NULL), 200);
  healthy = false;
  assert_int_equal(ask("GET", "/healthz", "", NULL), 503);
  healthy = true;
  assert_int_equal(ask("GET", "/metrics", "", NULL), 200);
  assert_non_null(strstr(answer, "bayplate_http_requests_total"));
}

static void a_manager_sees_all_and_adds_people(void **state) {
  (void)state;
  sign_up("manager");
  assert_int_equal(ask("GET", "/api/v1/cards", "", NULL), 200);
  assert_non_null(strstr(answer, "粤A12345"));
  assert_non_null(strstr(answer, "Cache-Control: no-store"));
  assert_int_equal(ask("GET", "/api/v1/evidence/9?rev=3", "", NULL), 200);
  assert_string_equal(test_body(answer), "JPEG");
  assert_non_null(strstr(answer, "image/jpeg"));
  const char *none[] = {"/api/v1/evidence/8", "/api/v1/evidence/9x", "/api/v1/evidence/-9",
                        "/api/v1/evidence/99999999999999999999", "/api/v1/evidence/9/9"};
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(ask("GET", none[i], "", NULL), 404);
  }
  assert_int_equal(ask("GET", "/api/v1/visits?q=%E7%B2%A4A&limit=3&before=1-2", "", NULL), 200);
  assert_string_equal(asked, "粤A|1-2|3");
  assert_int_equal(ask("GET", "/api/v1/visits?limit=0", "", NULL), 400);
  assert_int_equal(ask("GET", "/api/v1/visits?limit=201", "", NULL), 400);
  assert_int_equal(ask("GET", "/api/v1/visits?before=bad", "", NULL), 400);
  const char person[] = "{\"name\":\"b\",\"role\":\"advisor\",\"pin\":\"" PIN "\"}";
  assert_int_equal(ask("POST", "/api/v1/people", "", person), 201);
  assert_int_equal(ask("POST", "/api/v1/people", "", person), 409);
  assert_int_equal(
      ask("POST", "/api/v1/people", "", "{\"name\":\"c\",\"role\":\"king\",\"pin\":\"1\"}"), 400);
}

static void a_correction_is_kept(void **state) {
  (void)state;
  assert_int_equal(ask("POST", "/api/v1/corrections", "", "{}"), 401);
  sign_up("advisor");
  static const struct {
    const char *body;
    int status;
  } t[] = {{"{\"visit\":\"9\",\"plate\":\" 粤b·12345\"}", 200},
           {"{\"visit\":\"8\",\"plate\":\"粤B12345\"}", 404},
           {"{\"visit\":\"9x\",\"plate\":\"粤B12345\"}", 400},
           {"{\"visit\":9,\"plate\":\"粤B12345\"}", 400},
           {"{\"visit\":\"9\",\"plate\":\"粤B1234\"}", 400},
           {"{\"visit\":\"9\"}", 400}};
  for (size_t i = 0; i < sizeof t / sizeof *t; i++)
    assert_int_equal(ask("POST", "/api/v1/corrections", "", t[i].body), t[i].status);
  assert_string_equal(asked, "corrected 粤B12345 by 1");
  *strstr(headers, "X-CSRF-Token") = '\0';
  assert_int_equal(ask("POST", "/api/v1/corrections", "", t[0].body), 403);
}

static void a_technician_sees_no_customer(void **state) {
  (void)state;
  sign_up("technician");
  const char *paths[] = {"/api/v1/cards", "/api/v1/visits"};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(ask("GET", paths[i], "", NULL), 200);
    assert_non_null(strstr(answer, "粤A1**45"));
    const char *secret[] = {"12345", "12346", "12347", "张三",      "138",
                            "LSVAA", "PN77",  "950",   "evidence/9"};
    for (size_t k = 0; k < sizeof secret / sizeof *secret; k++) {
      if (strstr(answer, secret[k])) {
        fail_msg("%s shows %s", paths[i], secret[k]);
      }
    }
  }
  assert_int_equal(ask("GET", "/api/v1/visits?q=12345", "", NULL), 403);
  assert_int_equal(ask("GET", "/api/v1/evidence/9", "", NULL), 403);
  assert_int_equal(
      ask("POST", "/api/v1/corrections", "", "{\"visit\":\"9\",\"plate\":\"粤B12345\"}"), 403);
  assert_int_equal(ask("POST", "/api/v1/people", "",
                       "{\"name\":\"m\",\"role\":\"manager\",\"pin\":\"" PIN "\"}"),
                   403);
  // Nor with a word for the label's password on a machine that has no label.
  assert_int_equal(ask("POST", "/api/v1/people", "",
                       "{\"name\":\"m\",\"role\":\"manager\",\"code\":\"x\",\"pin\":\"" PIN "\"}"),
                   409);
  assert_int_equal(ask("GET", "/api/v1/session", "", NULL), 200);
  assert_non_null(strstr(answer, "\"lacks_manager\":false"));
}

static void commissioning_is_for_those_who_mount_the_camera(void **state) {
  (void)state;
  static const char *const gets[] = {"/api/v1/commission", "/api/v1/commission/picture",
                                     "/api/v1/commission/cars/9", "/api/v1/commission/sheets/",
                                     "/api/v1/commission/sheets/20260308-141502.png"};
  static const char *const posts[] = {"region", "trial", "expect", "judge", "probe", "sheets"};
  char path[64];
  for (int signed_in = 0; signed_in < 2; signed_in++) {
    const int want = signed_in ? 403 : 401; // an advisor's page does not show the camera
    for (size_t i = 0; i < sizeof gets / sizeof *gets; i++)
      assert_int_equal(ask("GET", gets[i], "", NULL), want);
    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++) {
      snprintf(path, sizeof path, "/api/v1/commission/%s", posts[i]);
      assert_int_equal(ask("POST", path, "", "{}"), want);
    }
    if (!signed_in)
      sign_up("advisor");
  }
}

static void a_technician_must_send_the_token(void **state) {
  (void)state;
  sign_up("technician");
  assert_int_equal(ask("POST", "/api/v1/commission/trial", "", "{}"), 404); // none in this test
  *strstr(headers, "X-CSRF-Token") = '\0';
  assert_int_equal(ask("POST", "/api/v1/commission/trial", "", "{}"), 403);
}

static void other_sites_cannot_act(void **state) {
  (void)state;
  const char login[] = "{\"name\":\"a\",\"pin\":\"" PIN "\"}";
  sign_up("manager");
  char good[512];
  snprintf(good, sizeof good, "%s", headers);
  char own[64];
  snprintf(own, sizeof own, "Origin: http://127.0.0.1:%d\r\n", api_port(api));
  // The cookie alone, or with a wrong token, or from elsewhere, does nothing.
  *strstr(headers, "X-CSRF-Token") = '\0';
  assert_int_equal(ask("DELETE", "/api/v1/session", "", NULL), 403);
  assert_int_equal(ask("DELETE", "/api/v1/session", "X-CSRF-Token: \r\n", NULL), 403);
  assert_int_equal(
      ask("DELETE", "/api/v1/session", "X-CSRF-Token: 00000000000000000000000000000000\r\n", NULL),
      403);
  snprintf(headers, sizeof headers, "%s", good);
  const char *foreign[] = {"Origin: http://evil.example\r\n", "Origin: null\r\n",
                           "Sec-Fetch-Site: cross-site\r\n"};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(ask("DELETE", "/api/v1/session", foreign[i], NULL), 403);
    assert_int_equal(ask("POST", "/api/v1/session", foreign[i], login), 403);
    assert_int_equal(ask("POST", "/api/v1/setup", foreign[i], login), 403);
  }
  // A form of another site cannot send JSON.
  assert_int_equal(test_request(api_port(api), "POST", "/api/v1/session",
                                "Content-Type: text/plain\r\n", login, answer, sizeof answer),
                   415);
  assert_int_equal(ask("DELETE", "/api/v1/session", own, NULL), 200);
  assert_int_equal(ask("GET", "/api/v1/cards", "", NULL), 401);
}

static void malformed_bodies(void **state) {
  (void)state;
  const char *bad[] = {"", "{", "[]", "null", "\"x\"", "{\"a\":1,\"a\":2}", "{\"name\":\"\xff\"}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(ask("POST", "/api/v1/session", "", bad[i]), 400);
  }
  assert_int_equal(ask("POST", "/api/v1/session", "", "{\"name\":7,\"pin\":{}}"), 403);
  char *deep = calloc(1, 30001);
  assert_non_null(deep);
  memset(deep, '[', 30000);
  assert_int_equal(ask("POST", "/api/v1/session", "", deep), 400);
  free(deep);
}

static void wrong_pins_lock_and_say_how_long(void **state) {
  (void)state;
  sign_up("advisor");
  headers[0] = '\0';
  for (int i = 0; i < AUTH_FREE_TRIES; i++) {
    assert_int_equal(ask("POST", "/api/v1/session", "", "{\"name\":\"a\",\"pin\":\"000001\"}"),
                     403);
  }
  assert_int_equal(ask("POST", "/api/v1/session", "", "{\"name\":\"a\",\"pin\":\"" PIN "\"}"), 429);
  assert_non_null(strstr(answer, "Retry-After: 30\r\n"));
  assert_non_null(strstr(answer, "\"wait_s\":30"));
  assert_null(strstr(answer, "Set-Cookie"));
  clock_sim_advance(sim, AUTH_FIRST_PAUSE_MS * CLOCK_NS_PER_MS);
  assert_int_equal(ask("POST", "/api/v1/session", "", "{\"name\":\"a\",\"pin\":\"" PIN "\"}"), 200);
}

static void the_stream_shows_cards_and_ends_with_the_session(void **state) {
  (void)state;
  char request[1024];
  sign_up("advisor");
  int fd = test_connect(api_port(api));
  int n = snprintf(request, sizeof request,
                   "GET /api/v1/events?since=6 HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
  assert_true(fd >= 0 && test_send(fd, request, (size_t)n));
  assert_true(test_read(fd, answer, sizeof answer, "id: 7\nevent: card\n") > 0);
  api_publish_card(api, 8, "{\"visit\":\"10\",\"rev\":8}");
  assert_true(test_read(fd, answer, sizeof answer, "\"rev\":8}") > 0);
  assert_int_equal(ask("DELETE", "/api/v1/session", "", NULL), 200);
  assert_true(test_read(fd, answer, sizeof answer, "0\r\n\r\n") > 0);
  close(fd);
}

static void plates_are_masked_by_character(void **state) {
  (void)state;
  char out[32];
  api_mask_plate("粤A12345", out, sizeof out);
  assert_string_equal(out, "粤A1**45");
  api_mask_plate("粤AD12345", out, sizeof out);
  assert_string_equal(out, "粤AD**345");
  api_mask_plate("", out, sizeof out);
  assert_string_equal(out, "");
  char small[8];
  api_mask_plate("粤粤粤粤粤粤粤粤", small, sizeof small);
  assert_true(strlen(small) < sizeof small);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(without_signing_in_nothing_is_shown, start, stop),
      cmocka_unit_test_setup_teardown(the_page_is_served_to_all, start, stop),
      cmocka_unit_test_setup_teardown(health_and_metrics, start, stop),
      cmocka_unit_test_setup_teardown(a_manager_sees_all_and_adds_people, start, stop),
      cmocka_unit_test_setup_teardown(a_correction_is_kept, start, stop),
      cmocka_unit_test_setup_teardown(a_technician_sees_no_customer, start, stop),
      cmocka_unit_test_setup_teardown(commissioning_is_for_those_who_mount_the_camera, start, stop),
      cmocka_unit_test_setup_teardown(a_technician_must_send_the_token, start, stop),
      cmocka_unit_test_setup_teardown(other_sites_cannot_act, start, stop),
      cmocka_unit_test_setup_teardown(malformed_bodies, start, stop),
      cmocka_unit_test_setup_teardown(wrong_pins_lock_and_say_how_long, start, stop),
      cmocka_unit_test_setup_teardown(the_stream_shows_cards_and_ends_with_the_session, start,
                                      stop),
      cmocka_unit_test(plates_are_masked_by_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
