// SPDX-License-Identifier: Apache-2.0
#include "vision/net.h"

#include "vision/net_engine.h"
#include "vision/ocv.h"

#include <stdlib.h>

#define THREADS_MAX 64

struct net {
  const struct net_ops *ops;
  void *self;
  int outputs;
};

// Set at a program's start, before it has threads.
static enum net_engine preferred = NET_BEST;
static int threads = 1;

void net_prefer(enum net_engine engine) {
  preferred = engine;
}

bool net_set_threads(int n, struct err *e) {
  if (n < 1 || n > THREADS_MAX)
    return err_set(e, ERR_ARG, "%d threads: must be 1 to %d", n, THREADS_MAX);
  threads = n;
  return ocv_set_threads(n, e);
}

static bool make(struct net *n, const void *onnx, size_t bytes, const struct net_config *c,
                 struct err *e) {
  const enum net_engine want = c->engine == NET_BEST ? preferred : c->engine;
  if (want == NET_OPENCV)
    return net_ocv_new(&n->ops, &n->self, onnx, bytes, c, threads, e);
  if (net_xnn_new(&n->ops, &n->self, onnx, bytes, c, threads, e))
    return true;
  // Its own words say best what is wrong with a file that OpenCV cannot run either.
  return want == NET_BEST && net_ocv_new(&n->ops, &n->self, onnx, bytes, c, threads, NULL);
}

bool net_new(struct net **out, const void *onnx, size_t bytes, const struct net_config *c,
             struct err *e) {
  if (!out || !onnx || !c)
    return err_set(e, ERR_ARG, "net_new: nothing given");
  *out = NULL;
  if (c->version != NET_VERSION)
    return err_set(e, ERR_ARG, "net_config of version %u, this build knows %u", c->version,
                   NET_VERSION);
  if (!c->name || !c->input || c->outputs < 1 || c->outputs > NET_OUTPUTS_MAX)
    return err_set(e, ERR_ARG, "net_config: name, input or outputs (%d) impossible", c->outputs);
  for (int i = 0; i < c->outputs; i++) {
    if (!c->output[i])
      return err_set(e, ERR_ARG, "%s: output %d has no name", c->name, i);
  }
  if (bytes == 0 || bytes > NET_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "%s: %zu bytes, must be 1 to %u", c->name, bytes, NET_BYTES_MAX);
  struct net *n = calloc(1, sizeof *n);
  if (!n)
    return err_set(e, ERR_NOMEM, "%s: out of memory", c->name);
  n->outputs = c->outputs;
  if (!make(n, onnx, bytes, c, e)) {
    free(n);
    return false;
  }
  err_clear(e);
  *out = n;
  return true;
}

void net_free(struct net *n) {
  if (!n)
    return;
  n->ops->free(n->self);
  free(n);
}

bool net_forward(struct net *n, const struct net_picture *p, struct net_tensor *outputs, int count,
                 struct err *e) {
  if (!n || !p || !p->bgr || !outputs)
    return err_set(e, ERR_ARG, "net_forward: nothing given");
  if (count != n->outputs)
    return err_set(e, ERR_ARG, "network: %d outputs asked for, %d configured", count, n->outputs);
  if (p->width < 1 || p->height < 1 || p->width > NET_SIDE_MAX || p->height > NET_SIDE_MAX ||
      p->stride < 3 * p->width)
    return err_set(e, ERR_ARG, "network: input of %dx%d pixels in rows of %d bytes impossible",
                   p->width, p->height, p->stride);
  for (int i = 0; i < count; i++) {
    if (outputs[i].version != NET_VERSION || !outputs[i].data)
      return err_set(e, ERR_ARG, "network: output %d has no memory or another version", i);
  }
  return n->ops->forward(n->self, p, outputs, count, e);
}

const char *net_engine(const struct net *n) {
  return n->ops->name;
}

double net_multiply_adds(const struct net *n, int width, int height) {
  return n->ops->multiply_adds(n->self, width, height);
}
