// SPDX-License-Identifier: Apache-2.0
#include "net/policy_config.h"

#include "net/policy_map.h"
#include "net/utf8.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void policy_config_defaults(struct policy_config *c) {
  *c = (struct policy_config){
      .url = "{base}/v1/vehicles/{plate}/policies",
      .method = "GET",
      .connect_ms = 3000,
      .total_ms = 8000,
      .max_bytes = 256 * 1024,
      .max_parallel = 8,
      .max_queued = 1000,
      .attempts = 3,
      .retry_first_ms = 500,
      .retry_max_ms = 10000,
      .breaker_failures = 5,
      .breaker_open_ms = 5000,
      .breaker_max_ms = 120000,
  };
}

bool policy_config_add_map(struct policy_config *c, const char *field, const char *value,
                           struct err *e) {
  if (c->map_entries >= POLICY_MAP_MAX)
    return err_set(e, ERR_LIMIT, "map: more than %d lines", POLICY_MAP_MAX);
  struct policy_map_entry *m = &c->map[c->map_entries];
  if (!utf8_copy(m->field, sizeof m->field, field) || !utf8_copy(m->value, sizeof m->value, value))
    return err_set(e, ERR_LIMIT, "map: field longer than %d or value longer than %d bytes",
                   POLICY_FIELD_MAX - 1, POLICY_POINTER_MAX - 1);
  c->map_entries++;
  return true;
}

bool policy_config_add_header(struct policy_config *c, const char *line, struct err *e) {
  if (c->headers >= POLICY_HEADERS_MAX)
    return err_set(e, ERR_LIMIT, "header: more than %d", POLICY_HEADERS_MAX);
  if (!utf8_copy(c->header[c->headers], sizeof c->header[0], line))
    return err_set(e, ERR_LIMIT, "header: longer than %d bytes", POLICY_HEADER_MAX - 1);
  c->headers++;
  return true;
}

struct checker {
  policy_config_report *report;
  void *ctx;
  bool ok;
};

static void bad(struct checker *k, const char *field, const char *text) {
  k->ok = false;
  if (k->report)
    k->report(k->ctx, field, text);
}

static void check_range(struct checker *k, const char *field, int value, int low, int high) {
  char text[80];
  if (value >= low && value <= high)
    return;
  int n = snprintf(text, sizeof text, "%d is outside %d to %d", value, low, high);
  bad(k, field, n > 0 ? text : "out of range");
}

static void check_file(struct checker *k, const char *field, const char *path) {
  char text[POLICY_PATH_MAX + 40];
  if (path[0] == '\0' || access(path, R_OK) == 0)
    return;
  int n = snprintf(text, sizeof text, "cannot read %s", path);
  bad(k, field, n > 0 ? text : "cannot be read");
}

// Is this URL on the machine itself, where nobody can listen in?
static bool is_loopback(const char *url) {
  static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    size_t n = strlen(hosts[i]);
    // The name must end there: http://localhost.example is another machine.
    if (strncmp(url, hosts[i], n) == 0 && (url[n] == '\0' || strchr(":/?", url[n])))
      return true;
  }
  return false;
}

static void check_scheme(struct checker *k, const struct policy_config *c, const char *field,
                         const char *url) {
  if (strncmp(url, "https://", 8) == 0 && url[8])
    return;
  if (strncmp(url, "http://", 7) != 0 || !url[7])
    bad(k, field, "must begin with https://");
  else if (!c->allow_plain_http && !is_loopback(url))
    bad(k, field,
        "http:// sends plates and tokens in the clear; use https:// (or allow_plain_http)");
}

static void check_urls(struct checker *k, const struct policy_config *c) {
  bool uses_base = strncmp(c->url, "{base}", 6) == 0;
  if (c->url[0] == '\0') {
    bad(k, "url", "missing");
    return;
  }
  if (uses_base && c->base[0] == '\0')
    bad(k, "base", "missing: the gateway's address, such as https://gateway.example");
  else if (uses_base)
    check_scheme(k, c, "base", c->base);
  else
    check_scheme(k, c, "url", c->url);
  size_t n = strlen(c->base);
  if (n > 0 && c->base[n - 1] == '/')
    bad(k, "base", "must not end with '/'");
  if (!strstr(c->url, "{plate}") && !strstr(c->body, "{plate}"))
    bad(k, "url", "neither url nor body says where the {plate} stands");
  if (strpbrk(c->url, " \t") || strpbrk(c->base, " \t"))
    bad(k, "url", "must not hold blanks");
}

static void check_headers(struct checker *k, const struct policy_config *c) {
  if (c->headers < 0 || c->headers > POLICY_HEADERS_MAX) {
    bad(k, "headers", "impossible count");
    return;
  }
  for (int i = 0; i < c->headers; i++) {
    char field[32];
    if (snprintf(field, sizeof field, "header[%d]", i) < 0)
      return;
    const char *h = c->header[i];
    size_t name = strcspn(h, ": ");
    if (name == 0 || h[name] != ':')
      bad(k, field, "must read \"Name: value\"");
    for (const char *p = h; *p; p++) {
      if ((unsigned char)*p < 0x20 || *p == 0x7f) {
        bad(k, field, "must not hold control characters");
        break;
      }
    }
    if (strstr(h, "{token}") && c->token_file[0] == '\0')
      bad(k, field, "names {token} but no token_file is set");
  }
}

bool policy_config_check(const struct policy_config *c, policy_config_report *report, void *ctx) {
  struct checker k = {report, ctx, true};
  check_urls(&k, c);
  check_headers(&k, c);
  bool post = strcmp(c->method, "POST") == 0;
  if (!post && strcmp(c->method, "GET") != 0)
    bad(&k, "method", "must be GET or POST");
  if (!post && c->body[0])
    bad(&k, "body", "only POST has one");
  check_file(&k, "ca_file", c->ca_file);
  check_file(&k, "cert_file", c->cert_file);
  check_file(&k, "key_file", c->key_file);
  check_file(&k, "token_file", c->token_file);
  if ((c->cert_file[0] == '\0') != (c->key_file[0] == '\0'))
    bad(&k, c->cert_file[0] ? "key_file" : "cert_file", "certificate and key belong together");
  check_range(&k, "connect_ms", c->connect_ms, 10, 60000);
  check_range(&k, "total_ms", c->total_ms, 10, 120000);
  check_range(&k, "max_bytes", c->max_bytes, 64, POLICY_BYTES_LIMIT);
  check_range(&k, "max_parallel", c->max_parallel, 1, POLICY_PARALLEL_MAX);
  check_range(&k, "max_queued", c->max_queued, 1, 100000);
  check_range(&k, "attempts", c->attempts, 1, 10);
  check_range(&k, "retry_first_ms", c->retry_first_ms, 1, 60000);
  check_range(&k, "retry_max_ms", c->retry_max_ms, c->retry_first_ms, 600000);
  check_range(&k, "breaker_failures", c->breaker_failures, 1, 1000);
  check_range(&k, "breaker_open_ms", c->breaker_open_ms, 1, 600000);
  check_range(&k, "breaker_max_ms", c->breaker_max_ms, c->breaker_open_ms, 3600000);
  struct policy_map *map = NULL;
  struct err e;
  if (policy_map_new(&map, c->map, c->map_entries, &e))
    policy_map_free(map);
  else
    bad(&k, "map", e.text);
  return k.ok;
}
