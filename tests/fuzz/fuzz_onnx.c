// SPDX-License-Identifier: Apache-2.0
// Any bytes as a network: refused with an error, or sound enough to be laid out for a picture.
#include "vision/net_graph.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct net_config c = {.version = NET_VERSION,
                                      .name = "fuzz",
                                      .input = "image",
                                      .outputs = 2,
                                      .output = {"mean", "last"}};
  static struct net_shape shape[NET_VALUES_MAX];
  struct net_graph *g = NULL;
  struct err e = {0};
  if (!net_graph_new(&g, data, size, &c, &e)) {
    if (e.code == ERR_NONE || strncmp(e.text, "fuzz: ", 6) != 0)
      abort(); // every refusal names the file
    return 0;
  }
  for (int i = 0; i < g->ops; i++) {
    if (g->op[i].a < 0 || g->op[i].a >= g->values || g->op[i].out <= 0 ||
        g->op[i].out >= g->values || g->op[i].b >= g->values)
      abort();
  }
  static const int sides[][2] = {{1, 1}, {6, 4}, {640, 384}};
  for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
    struct net_layout l;
    if (!net_graph_shapes(g, sides[i][0], sides[i][1], shape, &e))
      continue;
    for (int k = 0; k < g->outputs; k++) {
      if (!net_graph_layout(g, k, shape, &l, &e))
        continue;
      // The furthest element lies inside its value.
      size_t last = 0, count = 1;
      for (int d = 0; d < l.dims; d++) {
        last += (size_t)(l.shape[d] - 1) * l.stride[d];
        count *= (size_t)l.shape[d];
      }
      const struct net_shape s = shape[g->output[k].value];
      const size_t floats =
          (size_t)s.height * (size_t)s.width * (size_t)g->channels[g->output[k].value];
      if (count != floats || last >= floats)
        abort();
    }
  }
  net_graph_free(g);
  return 0;
}
