// SPDX-License-Identifier: Apache-2.0
// Plain loops; compiled with -O3 so that they become vector instructions of the oldest processor
// that we build for.
#include "vision/net_kernels.h"

#include "vision/net_graph.h"

#include <string.h>

void net_floats(float *restrict out, const uint8_t *restrict in, size_t n) {
  for (size_t i = 0; i < n; i++)
    out[i] = (float)in[i] * (1.0f / 255.0f);
}

void net_add(float *restrict out, const float *restrict a, const float *restrict b, size_t n,
             bool relu) {
  if (relu) {
    for (size_t i = 0; i < n; i++) {
      const float v = a[i] + b[i];
      out[i] = v > 0.0f ? v : 0.0f;
    }
  } else {
    for (size_t i = 0; i < n; i++)
      out[i] = a[i] + b[i];
  }
}

void net_add_up2(float *restrict out, const float *restrict a, const float *restrict b,
                 size_t height, size_t width, size_t channels, bool relu) {
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < width; x++) {
      const size_t at = (y * width + x) * channels;
      net_add(out + at, a + at, b + (y / 2 * (width / 2) + x / 2) * channels, channels, relu);
    }
  }
}

void net_up2(float *restrict out, const float *restrict a, size_t height, size_t width,
             size_t channels) {
  for (size_t y = 0; y < 2 * height; y++) {
    for (size_t x = 0; x < 2 * width; x++)
      memcpy(out + (y * 2 * width + x) * channels, a + (y / 2 * width + x / 2) * channels,
             channels * sizeof *out);
  }
}

void net_mean(float *restrict out, const float *restrict a, size_t n, size_t channels) {
  memset(out, 0, channels * sizeof *out);
  for (size_t i = 0; i < n; i++) {
    for (size_t c = 0; c < channels; c++)
      out[c] += a[i * channels + c];
  }
  for (size_t c = 0; c < channels; c++)
    out[c] /= (float)n;
}

void net_gather(float *restrict out, const float *restrict in, const struct net_layout *l) {
  size_t shape[NET_DIMS_MAX] = {1, 1, 1, 1}, stride[NET_DIMS_MAX] = {0};
  for (int i = 0; i < l->dims; i++) {
    shape[NET_DIMS_MAX - l->dims + i] = (size_t)l->shape[i];
    stride[NET_DIMS_MAX - l->dims + i] = l->stride[i];
  }
  for (size_t i = 0; i < shape[0]; i++) {
    for (size_t j = 0; j < shape[1]; j++) {
      for (size_t k = 0; k < shape[2]; k++) {
        const float *from = in + i * stride[0] + j * stride[1] + k * stride[2];
        for (size_t m = 0; m < shape[3]; m++)
          *out++ = from[m * stride[3]];
      }
    }
  }
}
