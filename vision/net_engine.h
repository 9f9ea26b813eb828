// SPDX-License-Identifier: Apache-2.0
// What an engine gives to net.c.
#ifndef BAYPLATE_VISION_NET_ENGINE_H
#define BAYPLATE_VISION_NET_ENGINE_H

#include "vision/net.h"

struct net_ops {
  const char *name;
  bool (*forward)(void *self, const struct net_picture *picture, struct net_tensor *outputs,
                  int count, struct err *e);
  double (*multiply_adds)(const void *self, int width, int height);
  void (*free)(void *self);
};

// Each makes a network; the configuration has been checked. threads: it may use.
BP_CHECK bool net_xnn_new(const struct net_ops **ops, void **self, const void *onnx, size_t bytes,
                          const struct net_config *config, int threads, struct err *e);
BP_CHECK bool net_ocv_new(const struct net_ops **ops, void **self, const void *onnx, size_t bytes,
                          const struct net_config *config, int threads, struct err *e);

#endif
