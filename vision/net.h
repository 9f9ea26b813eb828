// SPDX-License-Identifier: Apache-2.0
// Runs a network on a picture. Two engines, the same ONNX files, outputs equal to 1e-3: XNNPACK,
// which is two to three times as fast, and OpenCV's dnn, for networks or processors that the first
// cannot run.
#ifndef BAYPLATE_VISION_NET_H
#define BAYPLATE_VISION_NET_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define NET_VERSION 1     // first member of each versioned struct; others are refused
#define NET_OUTPUTS_MAX 4 // outputs of a network
#define NET_DIMS_MAX 4    // dimensions of a tensor
#define NET_SIDE_MAX 4096 // of the input, pixels
#define NET_BYTES_MAX (64u << 20)

enum net_engine {
  NET_BEST, // the fastest that can run the network here
  NET_XNNPACK,
  NET_OPENCV
};

struct net;

struct net_config {
  uint32_t version;  // NET_VERSION
  const char *name;  // of the file, for errors
  const char *input; // name of the only input: 1 x 3 x height x width, BGR, 0 to 1
  int outputs;       // 1..NET_OUTPUTS_MAX
  const char *output[NET_OUTPUTS_MAX];
  enum net_engine engine;
};

// One output. data and capacity are the caller's; dims and shape are filled in.
struct net_tensor {
  uint32_t version; // NET_VERSION
  int dims;
  int shape[NET_DIMS_MAX];
  float *data;
  size_t capacity; // floats
};

// A picture of bytes B, G, R, rows of `stride` bytes.
struct net_picture {
  const uint8_t *bgr;
  int width, height, stride;
};

// An ONNX network from memory; the bytes are not needed afterwards. ERR_FORMAT: it is none, lacks
// an output, or asks for something the engine cannot do.
BP_CHECK bool net_new(struct net **out, const void *onnx, size_t bytes,
                      const struct net_config *config, struct err *e);
void net_free(struct net *n); // NULL is fine

// Runs the network and copies the outputs, in the order of the configuration. What a size of
// picture needs is set up at its first call and kept for the sizes used last; a later call with one
// of them takes no memory. ERR_LIMIT: an output is larger than its capacity.
BP_CHECK bool net_forward(struct net *n, const struct net_picture *picture,
                          struct net_tensor *outputs, int count, struct err *e);

// The engine that runs it: "xnnpack" or "opencv".
const char *net_engine(const struct net *n);

// Multiplications with additions that a picture of this size costs; 0: the engine cannot tell.
double net_multiply_adds(const struct net *n, int width, int height);

// Threads that OpenCV and the networks may use in the whole program, 1..64. Before the first
// network is made: networks keep what they were made with.
BP_CHECK bool net_set_threads(int n, struct err *e);

// For measuring: what NET_BEST means for networks made afterwards.
void net_prefer(enum net_engine engine);

#endif
