// SPDX-License-Identifier: Apache-2.0
#include "tests/net/policy_gateway.h"

#include "tests/net/http_client.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 40

// The ready line's port.
static int read_ready(int fd) {
  char line[256] = {0};
  size_t n = 0;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  while (n + 1 < sizeof line && (n == 0 || line[n - 1] != '\n')) {
    if (poll(&p, 1, GATEWAY_WAIT_MS) != 1)
      return -1;
    ssize_t got = read(fd, line + n, 1);
    if (got != 1)
      return -1;
    n++;
  }
  json_t *j = json_loadb(line, n, 0, NULL);
  int port = (int)json_integer_value(json_object_get(j, "port"));
  json_decref(j);
  return port;
}

void gateway_start(struct gateway *g, const char *const *args) {
  static const char program[] = BAYPLATE_BINARY_DIR "/tools/policy-server";
  const char *argv[ARGS_MAX] = {program, "--port", "0", "--json", "--seed-demo", "20"};
  int n = 6, out[2];
  for (; *args && n + 1 < ARGS_MAX; args++)
    argv[n++] = *args;
  assert_int_equal(pipe(out), 0);
  g->pid = fork();
  assert_true(g->pid >= 0);
  if (g->pid == 0) {
    // A test that fails or is killed must not leave its server behind, holding CTest's pipe open.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(out[1], 1) == 1)
      execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
  }
  close(out[1]);
  g->port = read_ready(out[0]);
  close(out[0]);
  assert_true(g->port > 0);
}

void gateway_stop(struct gateway *g) {
  int status;
  if (g->pid <= 0)
    return;
  assert_int_equal(kill(g->pid, SIGTERM), 0);
  assert_int_equal(waitpid(g->pid, &status, 0), g->pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0); // also tells what its sanitizer found
  g->pid = 0;
}

void results_init(struct results *r) {
  memset(r, 0, sizeof *r);
  assert_int_equal(pthread_mutex_init(&r->lock, NULL), 0);
  assert_int_equal(pthread_cond_init(&r->came, NULL), 0);
}

void results_on_result(void *ctx, const struct policy_result *result) {
  struct results *r = ctx;
  pthread_mutex_lock(&r->lock);
  if (r->count < GATEWAY_RESULTS) {
    r->result[r->count] = *result;
    if (result->answer) {
      r->answer[r->count] = *result->answer;
      r->result[r->count].answer = &r->answer[r->count];
    }
  }
  r->count++;
  pthread_cond_broadcast(&r->came);
  pthread_mutex_unlock(&r->lock);
}

bool results_wait(struct results *r, int count) {
  struct timespec until;
  assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
  until.tv_sec += GATEWAY_WAIT_MS / 1000;
  int rc = 0;
  pthread_mutex_lock(&r->lock);
  while (r->count < count && rc == 0)
    rc = pthread_cond_timedwait(&r->came, &r->lock, &until);
  bool there = r->count >= count;
  pthread_mutex_unlock(&r->lock);
  return there;
}

void results_finish(struct results *r) {
  pthread_cond_destroy(&r->came);
  pthread_mutex_destroy(&r->lock);
}

int gateway_ask(const struct gateway *g, const char *method, const char *path, const char *body,
                const char *name) {
  char answer[4096];
  if (test_request(g->port, method, path, "", body, answer, sizeof answer) != 200)
    return -1;
  json_t *j = json_loads(test_body(answer), 0, NULL);
  const json_t *v = json_object_get(j, name);
  int n = json_is_integer(v) ? (int)json_integer_value(v) : -1;
  json_decref(j);
  return n;
}
