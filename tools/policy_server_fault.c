// SPDX-License-Identifier: Apache-2.0
#include "tools/policy_server_fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DRIP_MS 50
#define HUGE_BYTES (64 << 20)
#define DEEP_LEVELS 100000

static const char *const names[PS_FAULTS] = {
    [PS_NONE] = "none",       [PS_SLOW] = "slow",         [PS_DRIP] = "drip",
    [PS_CUT] = "cut",         [PS_DROP] = "drop",         [PS_500] = "500",
    [PS_503] = "503",         [PS_429] = "429",           [PS_MALFORMED] = "malformed",
    [PS_HUGE] = "huge",       [PS_TYPE] = "type",         [PS_DEEP] = "deep",
    [PS_PLATE] = "plate",     [PS_DATE] = "date",         [PS_ENCODING] = "encoding",
    [PS_CHARSET] = "charset", [PS_GZIP] = "gzip",         [PS_HTML] = "html",
    [PS_EMPTY] = "empty",     [PS_REDIRECT] = "redirect",
};

const char *ps_fault_name(enum ps_fault f) {
  unsigned i = (unsigned)f;
  return i < PS_FAULTS ? names[i] : "none";
}

bool ps_fault_parse(const char *name, enum ps_fault *out) {
  for (int i = 0; i < PS_FAULTS; i++) {
    if (strcmp(name, names[i]) == 0) {
      *out = (enum ps_fault)i;
      return true;
    }
  }
  return false;
}

static void wait_ms(int ms, const atomic_bool *stopping) {
  const struct timespec step = {0, 10000000};
  for (int waited = 0; waited < ms && !atomic_load(stopping); waited += 10)
    (void)nanosleep(&step, NULL); // woken early: the loop goes on
}

struct MHD_Response *ps_json_response(char *text) {
  if (!text)
    return NULL;
  struct MHD_Response *r =
      MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
  if (r &&
      MHD_add_response_header(r, "Content-Type", "application/json; charset=utf-8") != MHD_YES) {
    MHD_destroy_response(r);
    return NULL;
  }
  return r;
}

static struct MHD_Response *fixed(const char *text, const char *type) {
  struct MHD_Response *r =
      MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
  if (r && MHD_add_response_header(r, "Content-Type", type) != MHD_YES) {
    MHD_destroy_response(r);
    return NULL;
  }
  return r;
}

static struct MHD_Response *json_text(const char *text) {
  return fixed(text, "application/json; charset=utf-8");
}

// A body that is made while it is sent.
struct flow {
  enum ps_fault fault;
  const atomic_bool *stopping;
  size_t len;
  char *text;
};

static ssize_t flow_read(void *ctx, uint64_t pos, char *buf, size_t max) {
  struct flow *f = ctx;
  switch (f->fault) {
  case PS_CUT:
    if (pos >= f->len / 2)
      return MHD_CONTENT_READER_END_WITH_ERROR;
    max = max < f->len / 2 - pos ? max : (size_t)(f->len / 2 - pos);
    memcpy(buf, f->text + pos, max);
    return (ssize_t)max;
  case PS_HUGE:
    memset(buf, ' ', max);
    return (ssize_t)max;
  default: // drip
    if (pos >= f->len || atomic_load(f->stopping))
      return MHD_CONTENT_READER_END_OF_STREAM;
    wait_ms(DRIP_MS, f->stopping);
    *buf = f->text[pos];
    return 1;
  }
}

static void flow_free(void *ctx) {
  struct flow *f = ctx;
  free(f->text);
  free(f);
}

static struct MHD_Response *flow_response(enum ps_fault fault, const json_t *good,
                                          const atomic_bool *stopping) {
  struct flow *f = calloc(1, sizeof *f);
  if (!f)
    return NULL;
  f->fault = fault;
  f->stopping = stopping;
  f->text = good ? json_dumps(good, 0) : strdup("{\"error\":\"no such plate\"}");
  f->len = f->text ? strlen(f->text) : 0;
  uint64_t size = fault == PS_HUGE ? HUGE_BYTES : f->len;
  struct MHD_Response *r =
      f->text ? MHD_create_response_from_callback(fault == PS_HUGE ? MHD_SIZE_UNKNOWN : size, 16384,
                                                  flow_read, f, flow_free)
              : NULL;
  if (!r)
    flow_free(f);
  return r;
}

static struct MHD_Response *changed(const json_t *good, enum ps_fault f) {
  json_t *copy = good ? json_deep_copy(good) : json_object();
  if (!copy)
    return NULL;
  bool ok = true;
  if (f == PS_PLATE) {
    ok = json_object_set_new(copy, "plate", json_string("京Z00000")) == 0;
  } else {
    json_t *list =
        json_pack("[{ss ss ss}]", "kind", "compulsory", "start", "2025-03-01", "end", "2026-02-30");
    ok = json_object_set_new(copy, "policies", list) == 0;
  }
  char *text = ok ? json_dumps(copy, 0) : NULL;
  json_decref(copy);
  return ps_json_response(text);
}

static struct MHD_Response *deep(void) {
  char *text = malloc(DEEP_LEVELS + 1);
  if (!text)
    return NULL;
  memset(text, '[', DEEP_LEVELS);
  text[DEEP_LEVELS] = '\0';
  return ps_json_response(text);
}

static struct MHD_Response *with_header(struct MHD_Response *r, const char *name,
                                        const char *value) {
  if (r && MHD_add_response_header(r, name, value) != MHD_YES) {
    MHD_destroy_response(r);
    return NULL;
  }
  return r;
}

struct MHD_Response *ps_fault_response(enum ps_fault f, const json_t *good, int slow_ms,
                                       int retry_after_s, const atomic_bool *stopping,
                                       unsigned *status) {
  char after[16];
  (void)snprintf(after, sizeof after, "%d", retry_after_s);
  *status = good ? 200 : 404;
  switch (f) {
  case PS_SLOW:
    wait_ms(slow_ms, stopping);
    return ps_json_response(good ? json_dumps(good, 0) : strdup("{}"));
  case PS_DRIP:
  case PS_CUT:
  case PS_HUGE:
    return flow_response(f, good, stopping);
  case PS_500:
    *status = 500;
    return json_text("{\"error\":\"broken on purpose\"}");
  case PS_503:
  case PS_429:
    *status = f == PS_503 ? 503 : 429;
    return with_header(json_text("{\"error\":\"come back later\"}"), "Retry-After", after);
  case PS_MALFORMED:
    return json_text("{\"plate\": \"粤A12345\", \"policies\": [{\"kind\": ");
  case PS_TYPE:
    return json_text("{\"plate\":true,\"owner\":[],\"policies\":\"none\"}");
  case PS_DEEP:
    return deep();
  case PS_PLATE:
  case PS_DATE:
    return changed(good, f);
  case PS_ENCODING: // 粤 in GBK
    return fixed("{\"plate\":\"\xd4\xc1\x41\",\"policies\":[]}", "application/json");
  case PS_CHARSET:
    return fixed("{}", "application/json; charset=gbk");
  case PS_GZIP:
    return with_header(json_text("\x1f\x8b\x08"), "Content-Encoding", "gzip");
  case PS_HTML:
    return fixed("<html><body>Please sign in</body></html>", "text/html");
  case PS_EMPTY:
    return json_text("");
  case PS_REDIRECT:
    *status = 302;
    return with_header(json_text("{}"), "Location", "https://elsewhere.invalid/");
  case PS_DROP:
  case PS_NONE:
  case PS_FAULTS:
    break;
  }
  return NULL;
}
