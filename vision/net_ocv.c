// SPDX-License-Identifier: Apache-2.0
// Networks on OpenCV's dnn.
#include "vision/net_engine.h"
#include "vision/net_graph.h"
#include "vision/ocv.h"

#include <stdlib.h>
#include <string.h>

struct engine {
  struct ocv_net *net;
  float *blob; // B, G, R planes
  size_t floats;
  struct net_graph *graph; // for counting only; NULL: has what only OpenCV knows
};

static void engine_free(void *self) {
  struct engine *n = self;
  if (!n)
    return;
  ocv_net_free(n->net);
  net_graph_free(n->graph);
  free(n->blob);
  free(n);
}

static bool forward(void *self, const struct net_picture *p, struct net_tensor *outputs, int count,
                    struct err *e) {
  struct engine *n = self;
  const size_t area = (size_t)p->width * (size_t)p->height;
  if (3 * area > n->floats) {
    float *blob = realloc(n->blob, 3 * area * sizeof *blob);
    if (!blob)
      return err_set(e, ERR_NOMEM, "network: out of memory for %dx%d pixels", p->width, p->height);
    n->blob = blob;
    n->floats = 3 * area;
  }
  float *b = n->blob, *g = b + area, *r = g + area;
  for (int y = 0; y < p->height; y++) {
    const uint8_t *from = p->bgr + (size_t)y * (size_t)p->stride;
    for (int x = 0; x < p->width; x++, from += 3) {
      *b++ = (float)from[0] * (1.0f / 255.0f);
      *g++ = (float)from[1] * (1.0f / 255.0f);
      *r++ = (float)from[2] * (1.0f / 255.0f);
    }
  }
  struct ocv_tensor t[NET_OUTPUTS_MAX];
  for (int i = 0; i < count; i++)
    t[i] = (struct ocv_tensor){
        .version = OCV_VERSION, .data = outputs[i].data, .capacity = outputs[i].capacity};
  if (!ocv_net_forward(n->net, n->blob, 3, p->height, p->width, t, count, e))
    return false;
  for (int i = 0; i < count; i++) {
    outputs[i].dims = t[i].dims;
    memcpy(outputs[i].shape, t[i].shape, sizeof t[i].shape);
  }
  return true;
}

static double multiply_adds(const void *self, int width, int height) {
  const struct engine *n = self;
  struct net_shape shape[NET_VALUES_MAX];
  if (!n->graph || !net_graph_shapes(n->graph, width, height, shape, NULL))
    return 0.0;
  return net_graph_multiply_adds(n->graph, shape);
}

static const struct net_ops ocv_ops = {"opencv", forward, multiply_adds, engine_free};

bool net_ocv_new(const struct net_ops **ops, void **self, const void *onnx, size_t bytes,
                 const struct net_config *c, int threads, struct err *e) {
  (void)threads; // one setting for all of OpenCV: ocv_set_threads()
  struct engine *n = calloc(1, sizeof *n);
  if (!n)
    return err_set(e, ERR_NOMEM, "%s: out of memory", c->name);
  struct ocv_net_config o = {
      .version = OCV_VERSION, .name = c->name, .input = c->input, .outputs = c->outputs};
  for (int i = 0; i < c->outputs; i++)
    o.output[i] = c->output[i];
  if (!ocv_net_new(&n->net, onnx, bytes, &o, e)) {
    engine_free(n);
    return false;
  }
  if (!net_graph_new(&n->graph, onnx, bytes, c, NULL))
    n->graph = NULL; // runs all the same
  *ops = &ocv_ops;
  *self = n;
  return true;
}
