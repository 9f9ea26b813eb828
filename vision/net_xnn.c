// SPDX-License-Identifier: Apache-2.0
// Networks on XNNPACK: its convolutions, our own loops between them. XNNPACK picks its kernels by
// what the processor can do when the program starts.
#include "vision/net_engine.h"
#include "vision/net_graph.h"
#include "vision/net_kernels.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

#define PLANS 4  // sizes of the input that stay set up
#define ALIGN 16 // floats: a cache line
#define SPARE                                                                                      \
  ((XNN_EXTRA_BYTES + sizeof(float) - 1) / sizeof(float)) // that XNNPACK may read beyond

// A network set up for one size of the input.
struct plan {
  int width, height; // 0: not set up
  uint64_t used;     // when last, in calls
  uint64_t bound;    // to which memory
  xnn_operator_t *op;
  struct net_shape *shape; // of each value
  size_t *offset;          // of each value in the memory, floats
  size_t floats;
  struct net_layout layout[NET_OUTPUTS_MAX];
};

struct engine {
  struct net_graph *graph;
  pthreadpool_t threads; // NULL: the calling thread alone
  char name[128];
  struct plan plan[PLANS];
  uint64_t calls;
  float *memory; // values of the picture in hand; shared by the plans, as one runs at a time
  size_t floats;
  uint64_t generation; // of the memory
};

static void plan_free(const struct engine *n, struct plan *p) {
  for (int i = 0; p->op && i < n->graph->ops; i++) {
    if (p->op[i])
      (void)xnn_delete_operator(p->op[i]); // fails only without an operator
  }
  free(p->op);
  free(p->shape);
  free(p->offset);
}

static void engine_free(void *self) {
  struct engine *n = self;
  if (!n)
    return;
  for (int i = 0; i < PLANS; i++)
    plan_free(n, &n->plan[i]);
  if (n->threads)
    pthreadpool_destroy(n->threads);
  net_graph_free(n->graph);
  free(n->memory);
  free(n);
}

static bool failed(const struct engine *n, const char *what, enum xnn_status s, struct err *e) {
  return err_set(e, s == xnn_status_out_of_memory ? ERR_NOMEM : ERR_STATE,
                 "%s: XNNPACK: %s: status %d", n->name, what, (int)s);
}

static size_t floats_of(const struct engine *n, const struct plan *p, int value) {
  const struct net_shape s = p->shape[value];
  return (size_t)s.height * (size_t)s.width * (size_t)n->graph->channels[value];
}

// Each value gets the lowest place that no value needed at the same time lies in: what the caches
// hold is used again.
static void place(const struct engine *n, struct plan *p) {
  const struct net_graph *g = n->graph;
  size_t size[NET_VALUES_MAX];
  int born[NET_VALUES_MAX], order[NET_VALUES_MAX], placed = 0;
  p->floats = 0;
  for (int i = -1; i < g->ops; i++) {
    const int v = i < 0 ? NET_INPUT : g->op[i].out;
    born[v] = i;
    size[v] = (floats_of(n, p, v) + SPARE + ALIGN - 1) / ALIGN * ALIGN;
    size_t at = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (int k = 0; k < placed; k++) {
        const int o = order[k];
        if (g->last_use[o] >= born[v] && p->offset[o] < at + size[v] &&
            at < p->offset[o] + size[o]) {
          at = p->offset[o] + size[o];
          moved = true;
        }
      }
    }
    p->offset[v] = at;
    order[placed++] = v;
    if (at + size[v] > p->floats)
      p->floats = at + size[v];
  }
}

static bool create(const struct engine *n, struct plan *p, struct err *e) {
  const struct net_graph *g = n->graph;
  p->op = calloc((size_t)g->ops, sizeof *p->op);
  p->shape = calloc((size_t)g->values, sizeof *p->shape);
  p->offset = calloc((size_t)g->values, sizeof *p->offset);
  if (!p->op || !p->shape || !p->offset)
    return err_set(e, ERR_NOMEM, "%s: out of memory", n->name);
  for (int i = 0; i < g->ops; i++) {
    if (g->op[i].kind != NET_CONV)
      continue;
    const struct net_conv *c = &g->op[i].conv;
    const enum xnn_status s = xnn_create_convolution2d_nhwc_f32(
        (uint32_t)c->top, (uint32_t)c->right, (uint32_t)c->bottom, (uint32_t)c->left,
        (uint32_t)c->height, (uint32_t)c->width, (uint32_t)c->stride_y, (uint32_t)c->stride_x, 1, 1,
        1, (size_t)c->in, (size_t)c->out, (size_t)c->in, (size_t)c->out, c->kernel, c->bias,
        g->op[i].relu ? 0.0f : -INFINITY, INFINITY, 0, &p->op[i]);
    if (s != xnn_status_success)
      return failed(n, "making a convolution", s, e);
  }
  return true;
}

// Points the operators to where the values lie.
static bool bind(const struct engine *n, struct plan *p, struct err *e) {
  const struct net_graph *g = n->graph;
  for (int i = 0; i < g->ops; i++) {
    const struct net_op *op = &g->op[i];
    if (op->kind != NET_CONV)
      continue;
    const struct net_shape s = p->shape[op->a];
    const enum xnn_status x = xnn_setup_convolution2d_nhwc_f32(
        p->op[i], 1, (size_t)s.height, (size_t)s.width, n->memory + p->offset[op->a],
        n->memory + p->offset[op->out], n->threads);
    if (x != xnn_status_success)
      return failed(n, "setting up a convolution", x, e);
  }
  p->bound = n->generation;
  return true;
}

static bool grow(struct engine *n, size_t floats, struct err *e) {
  if (floats <= n->floats)
    return true;
  const size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
  float *m = aligned_alloc(64, bytes);
  if (!m)
    return err_set(e, ERR_NOMEM, "%s: out of memory for %zu bytes", n->name, bytes);
  memset(m, 0, bytes); // takes the pages now, not in the first picture
  free(n->memory);
  n->memory = m;
  n->floats = floats;
  n->generation++;
  return true;
}

static bool set_up(struct engine *n, struct plan *p, int width, int height, struct err *e) {
  p->width = 0;
  if (!p->op && !create(n, p, e)) {
    plan_free(n, p);
    *p = (struct plan){0};
    return false;
  }
  if (!net_graph_shapes(n->graph, width, height, p->shape, e))
    return err_prefix(e, "%s", n->name);
  for (int i = 0; i < n->graph->outputs; i++) {
    if (!net_graph_layout(n->graph, i, p->shape, &p->layout[i], e))
      return err_prefix(e, "%s", n->name);
  }
  place(n, p);
  if (!grow(n, p->floats, e) || !bind(n, p, e))
    return false;
  p->width = width;
  p->height = height;
  return true;
}

// The plan for this size; else the one unused for longest is set up anew, which keeps its packed
// weights.
static bool plan_for(struct engine *n, int width, int height, struct plan **out, struct err *e) {
  struct plan *oldest = &n->plan[0];
  for (int i = 0; i < PLANS; i++) {
    struct plan *p = &n->plan[i];
    if (p->width == width && p->height == height) {
      *out = p;
      return p->bound == n->generation || bind(n, p, e);
    }
    if (p->used < oldest->used)
      oldest = p;
  }
  *out = oldest;
  return set_up(n, oldest, width, height, e);
}

static void nothing(void *context, size_t i) {
  (void)context;
  (void)i;
}

static bool run(const struct engine *n, const struct plan *p, struct err *e) {
  const struct net_graph *g = n->graph;
  for (int i = 0; i < g->ops; i++) {
    const struct net_op *op = &g->op[i];
    const size_t channels = (size_t)g->channels[op->out];
    const struct net_shape from = p->shape[op->a], to = p->shape[op->out];
    float *out = n->memory + p->offset[op->out];
    const float *a = n->memory + p->offset[op->a];
    const float *b = op->b >= 0 ? n->memory + p->offset[op->b] : NULL;
    switch (op->kind) {
    case NET_CONV: {
      const enum xnn_status s = xnn_run_operator(p->op[i], n->threads);
      if (s != xnn_status_success)
        return failed(n, "running a convolution", s, e);
      break;
    }
    case NET_ADD:
      net_add(out, a, b, floats_of(n, p, op->out), op->relu);
      break;
    case NET_ADD_UP2:
      net_add_up2(out, a, b, (size_t)to.height, (size_t)to.width, channels, op->relu);
      break;
    case NET_UP2:
      net_up2(out, a, (size_t)from.height, (size_t)from.width, channels);
      break;
    case NET_MEAN:
      net_mean(out, a, (size_t)from.height * (size_t)from.width, channels);
      break;
    }
  }
  // Threads of the pool spin while they wait for more; the last call sends them to sleep.
  if (n->threads)
    pthreadpool_parallelize_1d(n->threads, nothing, NULL, pthreadpool_get_threads_count(n->threads),
                               PTHREADPOOL_FLAG_YIELD_WORKERS);
  return true;
}

static bool forward(void *self, const struct net_picture *picture, struct net_tensor *outputs,
                    int count, struct err *e) {
  struct engine *n = self;
  struct plan *p = NULL;
  if (!plan_for(n, picture->width, picture->height, &p, e))
    return false;
  p->used = ++n->calls;
  float *in = n->memory + p->offset[NET_INPUT];
  const size_t row = 3 * (size_t)picture->width;
  for (int y = 0; y < picture->height; y++)
    net_floats(in + (size_t)y * row, picture->bgr + (size_t)y * (size_t)picture->stride, row);
  if (!run(n, p, e))
    return false;
  for (int i = 0; i < count; i++) {
    const int value = n->graph->output[i].value;
    const struct net_layout *l = &p->layout[i];
    if (floats_of(n, p, value) > outputs[i].capacity)
      return err_set(e, ERR_LIMIT, "%s: output %d has %zu values, there is room for %zu", n->name,
                     i, floats_of(n, p, value), outputs[i].capacity);
    net_gather(outputs[i].data, n->memory + p->offset[value], l);
    outputs[i].dims = l->dims;
    for (int d = 0; d < l->dims; d++)
      outputs[i].shape[d] = l->shape[d];
  }
  return true;
}

static double multiply_adds(const void *self, int width, int height) {
  const struct engine *n = self;
  struct net_shape shape[NET_VALUES_MAX];
  if (!net_graph_shapes(n->graph, width, height, shape, NULL))
    return 0.0;
  return net_graph_multiply_adds(n->graph, shape);
}

static const struct net_ops xnn_ops = {"xnnpack", forward, multiply_adds, engine_free};

bool net_xnn_new(const struct net_ops **ops, void **self, const void *onnx, size_t bytes,
                 const struct net_config *c, int threads, struct err *e) {
  const enum xnn_status s = xnn_initialize(NULL);
  if (s != xnn_status_success)
    return err_set(e, ERR_STATE, "%s: XNNPACK cannot run on this processor: status %d", c->name,
                   (int)s);
  struct engine *n = calloc(1, sizeof *n);
  if (!n)
    return err_set(e, ERR_NOMEM, "%s: out of memory", c->name);
  const size_t length = strnlen(c->name, sizeof n->name - 1);
  memcpy(n->name, c->name, length);
  n->generation = 1;
  if (!net_graph_new(&n->graph, onnx, bytes, c, e))
    goto fail;
  if (threads > 1) {
    n->threads = pthreadpool_create((size_t)threads);
    if (!n->threads) {
      (void)err_set(e, ERR_NOMEM, "%s: no threads", c->name);
      goto fail;
    }
  }
  // A convolution that XNNPACK refuses is told now.
  if (!create(n, &n->plan[0], e))
    goto fail;
  *ops = &xnn_ops;
  *self = n;
  return true;
fail:
  engine_free(n);
  return false;
}
