// SPDX-License-Identifier: Apache-2.0
// The operators between convolutions, on floats of height x width x channels. Nothing overlaps.
#ifndef BAYPLATE_VISION_NET_KERNELS_H
#define BAYPLATE_VISION_NET_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_layout;

// n bytes as floats of value / 255.
void net_floats(float *restrict out, const uint8_t *restrict in, size_t n);

// out = a + b; relu: negative sums become 0.
void net_add(float *restrict out, const float *restrict a, const float *restrict b, size_t n,
             bool relu);

// out and a are height x width; b is half as high and wide, each of its pixels counts for four.
void net_add_up2(float *restrict out, const float *restrict a, const float *restrict b,
                 size_t height, size_t width, size_t channels, bool relu);

// out is 2 height x 2 width.
void net_up2(float *restrict out, const float *restrict a, size_t height, size_t width,
             size_t channels);

// out: channels; the mean over n pixels.
void net_mean(float *restrict out, const float *restrict a, size_t n, size_t channels);

// Copies a value into an output's order.
void net_gather(float *restrict out, const float *restrict in, const struct net_layout *l);

#endif
