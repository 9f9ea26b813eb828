// SPDX-License-Identifier: Apache-2.0
// Runs the real tools/policy-server for a test, and collects what a client reports.
#ifndef BAYPLATE_TESTS_POLICY_GATEWAY_H
#define BAYPLATE_TESTS_POLICY_GATEWAY_H

#include "net/policy_client.h"

#include <pthread.h>
#include <sys/types.h>

#define GATEWAY_RESULTS 64
#define GATEWAY_WAIT_MS 10000 // longest wait for what must come

struct gateway {
  pid_t pid;
  int port;
};

// Starts build/tools/policy-server with the demo's plates and these further arguments (NULL-ended).
void gateway_start(struct gateway *g, const char *const *args);
void gateway_stop(struct gateway *g);

// Results in the order in which they came.
struct results {
  pthread_mutex_t lock;
  pthread_cond_t came;
  int count;
  struct policy_result result[GATEWAY_RESULTS]; // answer points into answer[]
  struct policy_answer answer[GATEWAY_RESULTS];
};

void results_init(struct results *r);
void results_on_result(void *ctx, const struct policy_result *result); // ctx: struct results
// Waits until `count` results are there; false when time ran out.
bool results_wait(struct results *r, int count);
void results_finish(struct results *r);

// A request of the test's own over plain HTTP ("GET", "/admin/stats"); returns the body's integer
// member `name`, -1 when there is none.
int gateway_ask(const struct gateway *g, const char *method, const char *path, const char *body,
                const char *name);

#endif
