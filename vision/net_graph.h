// SPDX-License-Identifier: Apache-2.0
// A network as a short list of operators on pictures of channels, made from an ONNX file: what our
// two networks are built of (convolution, ReLU, addition, doubling, mean), and a clear error for
// anything else. Values lie in memory as height x width x channels; outputs may be seen through
// reshapes and transpositions.
#ifndef BAYPLATE_VISION_NET_GRAPH_H
#define BAYPLATE_VISION_NET_GRAPH_H

#include "board/err.h"
#include "vision/net.h"

#include <stddef.h>

#define NET_VALUES_MAX 512
#define NET_CHANNELS_MAX 4096
#define NET_KERNEL_MAX 16          // sides of a convolution's kernel, its strides and its padding
#define NET_VIEWS_MAX 4            // reshapes and transpositions before one output
#define NET_FLOATS_MAX (64u << 20) // of one value
#define NET_INPUT 0                // the value that holds the picture

enum net_op_kind {
  NET_CONV,
  NET_ADD,     // a + b
  NET_ADD_UP2, // a + (b with each pixel doubled in both directions)
  NET_UP2,     // a with each pixel doubled in both directions
  NET_MEAN     // over all pixels of a: 1 x 1 x channels
};

struct net_conv {
  int height, width; // of the kernel
  int stride_y, stride_x;
  int top, left, bottom, right; // zeroes round the input
  int in, out;                  // channels
  float *kernel;                // out x height x width x in
  float *bias;                  // out
};

struct net_op {
  enum net_op_kind kind;
  int a, b, out; // values
  bool relu;     // negative results become 0
  struct net_conv conv;
};

struct net_view {
  bool transposes; // else it reshapes
  int n;
  int v[NET_DIMS_MAX]; // permutation, or the new sides (-1: what is left, 0: as before)
};

struct net_result {
  int value, views;
  struct net_view view[NET_VIEWS_MAX];
};

struct net_graph {
  int ops, values, outputs;
  struct net_op *op;
  int channels[NET_VALUES_MAX];
  int uses[NET_VALUES_MAX];     // as an operand or output
  int last_use[NET_VALUES_MAX]; // op that reads it last; ops: it is an output
  struct net_result output[NET_OUTPUTS_MAX];
};

// Sides of each value for one size of the input.
struct net_shape {
  int height, width;
};

// How an output is seen: element i, j, k, l lies at the sum of index times stride of its value.
struct net_layout {
  int dims;
  int shape[NET_DIMS_MAX];
  size_t stride[NET_DIMS_MAX];
};

// Errors name the file, the node and what it asks for.
BP_CHECK bool net_graph_new(struct net_graph **out, const void *onnx, size_t bytes,
                            const struct net_config *config, struct err *e);
void net_graph_free(struct net_graph *g); // NULL is fine

// shape holds g->values entries. ERR_ARG: the network cannot take this size.
BP_CHECK bool net_graph_shapes(const struct net_graph *g, int width, int height,
                               struct net_shape *shape, struct err *e);
BP_CHECK bool net_graph_layout(const struct net_graph *g, int output, const struct net_shape *shape,
                               struct net_layout *out, struct err *e);

// Multiplications that a picture of this size costs.
double net_graph_multiply_adds(const struct net_graph *g, const struct net_shape *shape);

#endif
