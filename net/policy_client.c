// SPDX-License-Identifier: Apache-2.0
#include "net/policy_client.h"

#include "board/log.h"
#include "board/metrics.h"
#include "net/breaker.h"
#include "net/policy_map.h"
#include "net/policy_request.h"
#include "net/policy_secret.h"
#include "net/retry.h"
#include "net/utf8.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "policy"
#define IDLE_WAIT_MS 30000 // nothing to do: only a wake-up ends it
#define BUSY_WAIT_MS 200   // something waits for its time: a turned clock is noticed within this

struct job {
  struct job *next;
  uint64_t tag;
  char plate[POLICY_ID_MAX];
  struct policy_request *request; // made at the first attempt
  int attempts;
  int64_t asked_ns;
  int64_t not_before_ns; // monotonic
};

// In order; jobs are put at the end and taken anywhere.
struct job_list {
  struct job *first, **end;
};

struct policy_client {
  struct policy_config config;
  char token[POLICY_TOKEN_MAX];
  const struct bp_clock *clock;
  policy_on_result *on_result;
  void *ctx;
  struct policy_map *map;
  CURLM *multi;
  pthread_t thread;
  atomic_bool ready;

  pthread_mutex_t lock; // for the next three
  struct job_list asked;
  int outstanding; // asked and not yet answered
  bool stop;

  // The thread's own.
  struct job_list waiting, active;
  int active_count;
  struct breaker breaker;
  struct retry_rng rng;
  int64_t paused_until_ns; // the gateway asked for it
  struct policy_result result;
  struct policy_answer answer;
};

static struct {
  struct metric *found, *unknown, *failed[POLICY_FAULT_COUNT];
  struct metric *attempts, *seconds, *breaker;
} metrics;

static void register_metrics(void) {
  static const char name[] = "bayplate_policy_lookups_total";
  static const char help[] = "Policy look-ups by how they ended.";
#define FAILED(fault, word)                                                                        \
  metrics.failed[POLICY_FAULT_##fault] = metric_counter(name, "result=\"" word "\"", help)
  metrics.found = metric_counter(name, "result=\"found\"", help);
  metrics.unknown = metric_counter(name, "result=\"unknown\"", help);
  metrics.failed[POLICY_FAULT_NONE] = metrics.found; // never counted
  FAILED(CONNECT, "connect");
  FAILED(TLS, "tls");
  FAILED(CLOCK, "clock");
  FAILED(CUT, "cut");
  FAILED(TIMEOUT, "timeout");
  FAILED(DENIED, "denied");
  FAILED(LIMITED, "limited");
  FAILED(SERVER, "server");
  FAILED(STATUS, "status");
  FAILED(TOO_LARGE, "too_large");
  FAILED(ENCODING, "encoding");
  FAILED(MALFORMED, "malformed");
  FAILED(SHAPE, "shape");
  FAILED(DATE, "date");
  FAILED(PLATE, "plate");
  FAILED(BREAKER, "breaker");
  FAILED(CANCELLED, "cancelled");
  FAILED(INTERNAL, "internal");
#undef FAILED
  metrics.attempts =
      metric_counter("bayplate_policy_requests_total", NULL, "Requests sent to the gateway.");
  metrics.seconds = metric_histogram("bayplate_policy_lookup_seconds", NULL,
                                     "From the question to its result, retries included.");
  metrics.breaker = metric_gauge("bayplate_policy_breaker_state", NULL,
                                 "0 closed (asking), 1 half open, 2 open (not asking).");
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode curl_state;

static void init_once(void) {
  curl_state = curl_global_init(CURL_GLOBAL_DEFAULT);
  register_metrics();
}

static void list_init(struct job_list *l) {
  l->first = NULL;
  l->end = &l->first;
}

static void list_put(struct job_list *l, struct job *job) {
  job->next = NULL;
  *l->end = job;
  l->end = &job->next;
}

static void list_take(struct job_list *l, struct job *job) {
  struct job **at = &l->first;
  while (*at != job)
    at = &(*at)->next;
  *at = job->next;
  if (!job->next)
    l->end = at;
  job->next = NULL;
}

// Tells the breaker's state to whoever asks and, when it changed, the log.
static void publish_breaker(struct policy_client *c, enum breaker_state before) {
  enum breaker_state now = c->breaker.state;
  if (now == before)
    return;
  metric_set(metrics.breaker, now);
  atomic_store(&c->ready, now != BREAKER_OPEN);
  if (now == BREAKER_OPEN)
    log_warn(MODULE, "gateway keeps failing: not asked for a while pause_ms=%" PRId64,
             c->breaker.pause_ns / CLOCK_NS_PER_MS);
  else
    log_info(MODULE, "breaker %s", breaker_state_name(now));
}

// Reports a job's end and frees it. It must be on no list, its handle in no multi.
static void finish(struct policy_client *c, struct job *job, const struct policy_verdict *v) {
  struct policy_result *r = &c->result;
  memset(r, 0, sizeof *r);
  r->tag = job->tag;
  memcpy(r->plate, job->plate, sizeof r->plate);
  r->status = v->status;
  r->http_status = v->http_status;
  r->attempts = job->attempts;
  r->elapsed_ns = clock_mono_ns(c->clock) - job->asked_ns;
  metric_observe_ns(metrics.seconds, r->elapsed_ns);
  if (v->status == POLICY_FOUND) {
    r->answer = &c->answer;
    metric_add(metrics.found, 1);
  } else if (v->status == POLICY_UNKNOWN) {
    metric_add(metrics.unknown, 1);
  } else {
    r->fault = v->fault;
    r->err = v->err;
    r->retry_after_ns = v->retry_after_ns;
    metric_add(metrics.failed[v->fault], 1);
    log_info(MODULE, "look-up failed fault=%s attempts=%d error=\"%s\"",
             policy_fault_name(v->fault), job->attempts, v->err.text);
  }
  policy_request_free(job->request);
  free(job);
  pthread_mutex_lock(&c->lock);
  c->outstanding--;
  pthread_mutex_unlock(&c->lock);
  c->on_result(c->ctx, r);
}

static void finish_failed(struct policy_client *c, struct job *job, enum policy_fault fault,
                          enum err_code code, int64_t retry_after_ns, const char *text) {
  struct policy_verdict v = {
      .status = POLICY_FAILED, .fault = fault, .retry_after_ns = retry_after_ns};
  err_set(&v.err, code, "policy gateway: %s", text);
  finish(c, job, &v);
}

// Sends a job's next attempt. False: it could not be, and the job is finished.
static bool start(struct policy_client *c, struct job *job) {
  struct err e;
  err_clear(&e);
  bool ok = job->request || policy_request_new(&job->request, &c->config, c->token, job->plate, &e);
  if (ok) {
    policy_request_rearm(job->request);
    CURLMcode m = curl_multi_add_handle(c->multi, policy_request_handle(job->request, job));
    ok = m == CURLM_OK || err_set(&e, ERR_NOMEM, "%s", curl_multi_strerror(m));
  }
  if (!ok) {
    finish_failed(c, job, POLICY_FAULT_INTERNAL, e.code, 0, e.text);
    return false;
  }
  job->attempts++;
  metric_add(metrics.attempts, 1);
  list_put(&c->active, job);
  c->active_count++;
  return true;
}

// Starts what may start now. Returns when the next one may (INT64_MAX: none waits for a time).
static int64_t start_due(struct policy_client *c) {
  const int64_t retry_max = (int64_t)c->config.retry_max_ms * CLOCK_NS_PER_MS;
  int64_t next_ns = INT64_MAX;
  for (struct job *job = c->waiting.first, *after; job; job = after) {
    after = job->next;
    int64_t now = clock_mono_ns(c->clock);
    int64_t due = job->not_before_ns > c->paused_until_ns ? job->not_before_ns : c->paused_until_ns;
    if (c->paused_until_ns - now > retry_max) {
      list_take(&c->waiting, job);
      finish_failed(c, job, POLICY_FAULT_LIMITED, ERR_BUSY, c->paused_until_ns - now,
                    "it asked not to be asked for a while (Retry-After)");
      continue;
    }
    if (due > now) {
      next_ns = due < next_ns ? due : next_ns;
      continue;
    }
    if (c->active_count >= c->config.max_parallel)
      break; // the end of one of them wakes us
    int64_t wait_ns;
    enum breaker_state before = c->breaker.state;
    enum breaker_verdict v = breaker_ask(&c->breaker, now, &wait_ns);
    publish_breaker(c, before);
    if (v == BREAKER_WAIT)
      break; // so does the end of the probe
    list_take(&c->waiting, job);
    if (v == BREAKER_REFUSE)
      finish_failed(c, job, POLICY_FAULT_BREAKER, ERR_BUSY, wait_ns,
                    "not asked, it failed too often just now");
    else if (!start(c, job))
      breaker_failure(&c->breaker, now); // or a probe that never left would be waited for
  }
  return next_ns;
}

// What follows from an attempt's verdict: another one, or the end.
static void settle(struct policy_client *c, struct job *job, struct policy_verdict *v) {
  const int64_t first = (int64_t)c->config.retry_first_ms * CLOCK_NS_PER_MS;
  const int64_t max = (int64_t)c->config.retry_max_ms * CLOCK_NS_PER_MS;
  int64_t now = clock_mono_ns(c->clock);
  enum breaker_state before = c->breaker.state;
  if (v->dead)
    breaker_failure(&c->breaker, now);
  else
    breaker_success(&c->breaker);
  publish_breaker(c, before);
  // A pause that the gateway asks for is meant for all of us, not for this one plate.
  if (v->retry_after_ns > 0 && now + v->retry_after_ns > c->paused_until_ns)
    c->paused_until_ns = now + v->retry_after_ns;
  bool again = v->status == POLICY_FAILED && v->retry && job->attempts < c->config.attempts &&
               v->retry_after_ns <= max && c->breaker.state != BREAKER_OPEN;
  if (!again) {
    if (v->status == POLICY_FAILED && c->breaker.state == BREAKER_OPEN) {
      int64_t left = c->breaker.until_ns - now;
      v->retry_after_ns = left > v->retry_after_ns ? left : v->retry_after_ns;
    }
    finish(c, job, v);
    return;
  }
  int64_t pause = retry_pause_ns(&c->rng, job->attempts, first, max);
  job->not_before_ns = now + (pause > v->retry_after_ns ? pause : v->retry_after_ns);
  list_put(&c->waiting, job);
}

static void collect(struct policy_client *c) {
  CURLMsg *msg;
  int left;
  while ((msg = curl_multi_info_read(c->multi, &left))) {
    if (msg->msg != CURLMSG_DONE)
      continue;
    char *priv = NULL;
    CURLcode result = msg->data.result;
    CURL *easy = msg->easy_handle; // msg does not outlive the removal
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &priv) != CURLE_OK || !priv)
      abort(); // set by us on every handle
    struct job *job = (struct job *)(void *)priv;
    struct policy_verdict v;
    policy_request_judge(job->request, result, c->map, job->plate, clock_wall_ns(c->clock),
                         clock_trusted(c->clock, c->config.clock_need_sync), &c->answer, &v);
    if (curl_multi_remove_handle(c->multi, easy) != CURLM_OK)
      abort();
    list_take(&c->active, job);
    c->active_count--;
    settle(c, job, &v);
  }
}

static void cancel_all(struct policy_client *c) {
  struct job *job;
  while ((job = c->active.first)) {
    if (curl_multi_remove_handle(c->multi, policy_request_handle(job->request, job)) != CURLM_OK)
      abort();
    list_take(&c->active, job);
    c->active_count--;
    list_put(&c->waiting, job);
  }
  while ((job = c->waiting.first)) {
    list_take(&c->waiting, job);
    finish_failed(c, job, POLICY_FAULT_CANCELLED, ERR_STATE, 0, "look-up given up: stopping");
  }
}

// Moves what was asked to the thread's own list. False when the client is to stop.
static bool take_asked(struct policy_client *c) {
  pthread_mutex_lock(&c->lock);
  bool stop = c->stop;
  struct job *first = c->asked.first;
  list_init(&c->asked);
  pthread_mutex_unlock(&c->lock);
  while (first) {
    struct job *job = first;
    first = job->next;
    list_put(&c->waiting, job);
  }
  return !stop;
}

static void *run(void *arg) {
  struct policy_client *c = arg;
  while (take_asked(c)) {
    int64_t next_ns = start_due(c);
    int running;
    CURLMcode m = curl_multi_perform(c->multi, &running);
    if (m != CURLM_OK)
      log_error(MODULE, "curl: %s", curl_multi_strerror(m));
    int before = c->active_count;
    collect(c);
    if (c->active_count != before)
      continue; // room for the next one
    int wait_ms = IDLE_WAIT_MS;
    if (next_ns != INT64_MAX) {
      int64_t ms = (next_ns - clock_mono_ns(c->clock)) / CLOCK_NS_PER_MS + 1;
      wait_ms = ms < 0 ? 0 : ms < BUSY_WAIT_MS ? (int)ms : BUSY_WAIT_MS;
    }
    m = curl_multi_poll(c->multi, NULL, 0, wait_ms, NULL);
    if (m != CURLM_OK)
      log_error(MODULE, "curl: %s", curl_multi_strerror(m));
  }
  cancel_all(c);
  return NULL;
}

static void first_problem(void *ctx, const char *field, const char *text) {
  struct err *e = ctx;
  if (e->code == ERR_NONE)
    err_set(e, ERR_ARG, "policy gateway: %s: %s", field, text);
}

bool policy_client_new(struct policy_client **out, const struct policy_config *config,
                       const struct bp_clock *clock, policy_on_result *on_result, void *ctx,
                       struct err *e) {
  struct err problem;
  err_clear(&problem);
  if (!policy_config_check(config, first_problem, &problem))
    return err_set(e, problem.code, "%s", problem.text);
  if (pthread_once(&once, init_once) != 0 || curl_state != CURLE_OK)
    return err_set(e, ERR_STATE, "policy client: curl does not start");
  struct policy_client *c = calloc(1, sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "policy client: out of memory");
  c->config = *config;
  c->clock = clock;
  c->on_result = on_result;
  c->ctx = ctx;
  atomic_init(&c->ready, true);
  list_init(&c->asked);
  list_init(&c->waiting);
  list_init(&c->active);
  retry_rng_seed(&c->rng);
  breaker_init(&c->breaker, config->breaker_failures,
               (int64_t)config->breaker_open_ms * CLOCK_NS_PER_MS,
               (int64_t)config->breaker_max_ms * CLOCK_NS_PER_MS);
  metric_set(metrics.breaker, BREAKER_CLOSED);
  if (config->token_file[0] &&
      !policy_secret_read(config->token_file, c->token, sizeof c->token, e))
    goto err_free;
  if (config->key_file[0] && !policy_secret_check(config->key_file, e))
    goto err_free;
  if (!policy_map_new(&c->map, config->map, config->map_entries, e))
    goto err_free;
  c->multi = curl_multi_init();
  if (!c->multi ||
      curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)config->max_parallel) != CURLM_OK) {
    err_set(e, ERR_NOMEM, "policy client: out of memory");
    goto err_multi;
  }
  int rc = pthread_mutex_init(&c->lock, NULL);
  if (rc != 0) {
    err_errno(e, rc, "policy client: mutex");
    goto err_multi;
  }
  rc = pthread_create(&c->thread, NULL, run, c);
  if (rc != 0) {
    err_errno(e, rc, "policy client: thread");
    goto err_lock;
  }
  *out = c;
  return true;
err_lock:
  pthread_mutex_destroy(&c->lock);
err_multi:
  if (c->multi)
    (void)curl_multi_cleanup(c->multi); // holds no handle yet
  policy_map_free(c->map);
err_free:
  free(c);
  return false;
}

static bool plate_ok(const char *plate) {
  size_t len = strlen(plate);
  if (len == 0 || len >= POLICY_ID_MAX || utf8_valid_prefix(plate, len) != len)
    return false;
  for (const char *p = plate; *p; p++) {
    if ((unsigned char)*p < 0x20 || *p == 0x7f)
      return false;
  }
  return true;
}

bool policy_client_ask(struct policy_client *c, const char *plate, uint64_t tag, struct err *e) {
  if (!plate_ok(plate))
    return err_set(e, ERR_ARG, "policy look-up: no plate, or one that no plate can be");
  struct job *job = calloc(1, sizeof *job);
  if (!job)
    return err_set(e, ERR_NOMEM, "policy look-up: out of memory");
  memcpy(job->plate, plate, strlen(plate) + 1);
  job->tag = tag;
  job->asked_ns = clock_mono_ns(c->clock);
  pthread_mutex_lock(&c->lock);
  bool room = c->outstanding < c->config.max_queued + c->config.max_parallel && !c->stop;
  if (room) {
    c->outstanding++;
    list_put(&c->asked, job);
  }
  pthread_mutex_unlock(&c->lock);
  if (!room) {
    free(job);
    return err_set(e, ERR_BUSY, "policy look-up: %d look-ups wait already", c->config.max_queued);
  }
  // Without the wake-up it is still started, within IDLE_WAIT_MS.
  if (curl_multi_wakeup(c->multi) != CURLM_OK)
    log_warn(MODULE, "look-up may start late: wake-up failed");
  return true;
}

bool policy_client_ready(struct policy_client *c) {
  return atomic_load(&c->ready);
}

void policy_client_free(struct policy_client *c) {
  if (!c)
    return;
  pthread_mutex_lock(&c->lock);
  c->stop = true;
  pthread_mutex_unlock(&c->lock);
  (void)curl_multi_wakeup(c->multi); // it looks at `stop` in any case, only later
  pthread_join(c->thread, NULL);
  (void)curl_multi_cleanup(c->multi); // holds no handle any more
  policy_map_free(c->map);
  pthread_mutex_destroy(&c->lock);
  // The token shall not lie about in freed memory.
  explicit_bzero(c->token, sizeof c->token);
  free(c);
}
