// SPDX-License-Identifier: Apache-2.0
// What an ONNX file says, as it says it: nodes, their attributes, constant tensors. Nothing is
// copied: texts and data point into the file's bytes, which must outlive the model. Field numbers:
// onnx.proto, IR version 3 and later.
#ifndef BAYPLATE_VISION_ONNX_H
#define BAYPLATE_VISION_ONNX_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define ONNX_BYTES_MAX (64u << 20)
#define ONNX_NODES_MAX 512
#define ONNX_TENSORS_MAX 1024 // constants
#define ONNX_INPUTS_MAX 4     // of a node
#define ONNX_ATTRIBUTES_MAX 8 // of a node
#define ONNX_INTS_MAX 8       // of an attribute
#define ONNX_DIMS_MAX 4
#define ONNX_DIM_MAX 65536
#define ONNX_OUTPUTS_MAX 8 // of the network

enum onnx_type { ONNX_OTHER = 0, ONNX_FLOAT = 1, ONNX_INT64 = 7 };

struct onnx_text { // not terminated
  const char *at;
  size_t n;
};

struct onnx_tensor {
  struct onnx_text name;
  enum onnx_type type;
  int dims;
  int dim[ONNX_DIMS_MAX];
  size_t count;        // elements; 1 without dimensions
  const uint8_t *data; // count elements, little-endian, not aligned; NULL: of another type
};

struct onnx_attribute {
  struct onnx_text name, s;
  float f;
  int64_t i;
  int ints;
  int64_t v[ONNX_INTS_MAX];
  bool has_tensor;
  struct onnx_tensor tensor;
};

struct onnx_node {
  struct onnx_text op, output; // the operators that we run have one output
  int inputs, attributes;
  struct onnx_text input[ONNX_INPUTS_MAX]; // an empty one is left out
  struct onnx_attribute attribute[ONNX_ATTRIBUTES_MAX];
};

struct onnx_model {
  int nodes, tensors, inputs, outputs;
  struct onnx_node *node;
  struct onnx_tensor *tensor;
  struct onnx_text input, output[ONNX_OUTPUTS_MAX]; // of the network
};

// name: of the file, for errors. ERR_FORMAT: not an ONNX file; ERR_LIMIT: over a bound above.
BP_CHECK bool onnx_parse(struct onnx_model **out, const void *file, size_t bytes, const char *name,
                         struct err *e);
void onnx_free(struct onnx_model *m); // NULL is fine

bool onnx_is(struct onnx_text a, const char *b);
bool onnx_same(struct onnx_text a, struct onnx_text b);

// NULL: has none.
const struct onnx_attribute *onnx_attribute(const struct onnx_node *n, const char *name);
const struct onnx_tensor *onnx_tensor(const struct onnx_model *m, struct onnx_text name);

// Element i < count; the tensor's type must be ONNX_FLOAT or ONNX_INT64.
float onnx_float(const struct onnx_tensor *t, size_t i);
int64_t onnx_int(const struct onnx_tensor *t, size_t i);

#endif
