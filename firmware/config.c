// SPDX-License-Identifier: Apache-2.0
#include "firmware/config.h"

#include "firmware/config_option.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void config_defaults(struct config *c) {
  memset(c, 0, sizeof *c);
  analyser_config_default(&c->visit);
  calendar_config_default(&c->calendar);
  policy_config_defaults(&c->policy);
  config_option_defaults(c);
}

struct parse {
  struct config *config;
  config_report_fn *report;
  void *ctx;
  const char *at, *end; // what is still to be read
  int line;             // of the line the handler is called for
  int errors;
  int seen[CONFIG_OPTIONS_MAX]; // line an option was set at
  bool stop;
};

static void complain(struct parse *p, int line, const char *section, const char *key,
                     const char *text) {
  char field[2 * CONFIG_TEXT_MAX];
  (void)snprintf(field, sizeof field, "%s%s%s", section, *section && *key ? "." : "", key);
  p->errors++;
  if (p->report)
    p->report(p->ctx, line, field, text);
}

// inih asks for one line at a time, which is the only way to know the line's number with Debian's
// build. Leading blanks are dropped: inih would take an indented line for the continuation of the
// one before.
static char *next_line(char *out, int size, void *stream) {
  struct parse *p = stream;
  if (p->stop || p->at >= p->end)
    return NULL;
  p->line++;
  const char *nl = memchr(p->at, '\n', (size_t)(p->end - p->at));
  const char *stop = nl ? nl : p->end;
  const char *from = p->at;
  p->at = nl ? nl + 1 : p->end;
  while (from < stop && (*from == ' ' || *from == '\t'))
    from++;
  size_t n = (size_t)(stop - from);
  if (n > 0 && from[n - 1] == '\r')
    n--;
  if (n + 2 > (size_t)size || memchr(from, '\0', n)) {
    complain(p, p->line, "", "",
             n + 2 > (size_t)size ? "the line is longer than 198 bytes; shorten it"
                                  : "the line holds a NUL byte; write plain UTF-8 text");
    n = 0;
  }
  memcpy(out, from, n);
  out[n] = '\n';
  out[n + 1] = '\0';
  return out;
}

static void set_listed(struct parse *p, const char *section, const char *name, const char *value) {
  struct err e = {0};
  bool ok = strcmp(section, "policy.map") == 0
                ? policy_config_add_map(&p->config->policy, name, value, &e)
                : policy_config_add_header(&p->config->policy, value, &e);
  if (!ok)
    complain(p, p->line, section, name, e.text);
}

static int handle(void *user, const char *section, const char *name, const char *value) {
  struct parse *p = user;
  if (strcmp(section, "policy.map") == 0 ||
      (strcmp(section, "policy") == 0 && strcmp(name, "header") == 0)) {
    set_listed(p, section, name, value);
    return 1;
  }
  int i = config_option_find(section, name);
  if (i < 0) {
    char text[CONFIG_LINE_MAX + 64];
    const char *near = config_option_near(section, name);
    (void)snprintf(text, sizeof text, near ? "unknown key; did you mean \"%s\"?" : "unknown key%s",
                   near ? near : "");
    complain(p, p->line, section, name, text);
    return 1;
  }
  if (p->seen[i]) {
    char text[64];
    (void)snprintf(text, sizeof text, "set twice; first in line %d", p->seen[i]);
    complain(p, p->line, section, name, text);
    return 1;
  }
  p->seen[i] = p->line;
  struct err e = {0};
  if (!config_option_set(p->config, i, value, &e))
    complain(p, p->line, section, name, e.text);
  return 1;
}

static void policy_complains(void *ctx, const char *field, const char *text) {
  struct parse *p = ctx;
  int i = config_option_find("policy", field);
  complain(p, i >= 0 ? p->seen[i] : 0, "policy", field, text);
}

// What no single key can tell.
static void check_whole(struct parse *p) {
  struct config *c = p->config;
  struct err e = {0};
  if (!calendar_config_check(&c->calendar, &e))
    complain(p, 0, "calendar", "", e.text);
  if (c->camera.source[0] == '\0')
    complain(p, 0, "camera", "source", "missing; name a device, an address, a file or a folder");
  if (c->store.dir[0] == '\0')
    complain(p, 0, "store", "dir", "missing; name the folder for the database and the crops");
  if ((c->http.tls_cert[0] == '\0') != (c->http.tls_key[0] == '\0'))
    complain(p, 0, "http", "tls_key", "tls_cert and tls_key go together; set both or neither");
  if (c->http.tls_cert[0] && c->http.tls_port < 0)
    complain(p, 0, "http", "tls_port", "missing; tls_cert is for HTTPS, e.g. tls_port = 8443");
  if (c->http.redirect && c->http.tls_port < 0)
    complain(p, 0, "http", "redirect", "there is nothing to send people on to; set tls_port");
  if (c->http.port < 0 && c->http.tls_port < 0)
    complain(p, 0, "http", "port", "neither port nor tls_port: nobody could see the page");
  if (c->http.port > 0 && c->http.port == c->http.tls_port)
    complain(p, 0, "http", "tls_port", "the same as port; HTTPS needs one of its own");
  if (c->lamp.ir_off_above <= c->lamp.ir_on_below) {
    const int line = p->seen[config_option_find("lamp", "ir_off_above")];
    complain(p, line, "lamp", "ir_off_above",
             "must be above ir_on_below, or the lamp switches itself off and on");
  }
  struct zone zone;
  const int at = config_option_find("camera", "zone");
  if (!zone_init(&zone, c->visit.zone, c->visit.zone_points, &e))
    complain(p, at >= 0 ? p->seen[at] : 0, "camera", "zone", e.text);
  c->policy_enabled = c->policy.base[0] != '\0';
  c->policy.clock_need_sync = c->shop.clock_need_sync;
  if (c->policy_enabled && !policy_config_check(&c->policy, policy_complains, p) && p->errors == 0)
    complain(p, 0, "policy", "", "not usable"); // each error was told above
}

bool config_parse(struct config *c, const char *text, size_t len, config_report_fn *report,
                  void *ctx) {
  config_defaults(c);
  struct parse p = {.config = c, .report = report, .ctx = ctx, .at = text, .end = text + len};
  int rc = ini_parse_stream(next_line, &p, handle, &p);
  if (rc > 0)
    complain(&p, rc, "", "", "neither [section], key = value, nor a comment");
  else if (rc < 0)
    complain(&p, 0, "", "", "no memory to read it");
  check_whole(&p);
  return p.errors == 0;
}

bool config_load(struct config *c, const char *path, config_report_fn *report, void *ctx) {
  config_defaults(c);
  char words[CONFIG_TEXT_MAX + 128];
  FILE *f = fopen(path, "rbe");
  if (!f) {
    char reason[128];
    (void)snprintf(words, sizeof words, "cannot be opened: %s",
                   strerror_r(errno, reason, sizeof reason));
    if (report)
      report(ctx, 0, "", words);
    return false;
  }
  char *text = malloc(CONFIG_FILE_MAX + 1);
  size_t n = text ? fread(text, 1, CONFIG_FILE_MAX + 1, f) : 0;
  bool bad = !text || ferror(f) != 0;
  if (fclose(f) != 0)
    bad = true;
  bool ok = false;
  if (bad || n > CONFIG_FILE_MAX) {
    if (report)
      report(ctx, 0, "", bad ? "cannot be read" : "is larger than 64 KiB; is it the right file?");
  } else {
    ok = config_parse(c, text, n, report, ctx);
  }
  free(text);
  return ok;
}
