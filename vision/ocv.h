// SPDX-License-Identifier: Apache-2.0
// OpenCV core, imgproc and dnn behind a C interface. No exception crosses it, nothing of OpenCV's
// is handed out: results are copied into memory of the caller, whose size is always given and
// checked.
#ifndef BAYPLATE_VISION_OCV_H
#define BAYPLATE_VISION_OCV_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/plate.h"
#include "vision/zone.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCV_VERSION 1     // first member of each versioned struct; others are refused
#define OCV_OUTPUTS_MAX 4 // outputs of a network
#define OCV_DIMS_MAX 4    // dimensions of a tensor
#define OCV_MODEL_BYTES_MAX (256u << 20)
#define OCV_INPUT_SIDE_MAX 4096 // a network's input, pixels

// --- networks
// -----------------------------------------------------------------------------------------------------

struct ocv_net;

struct ocv_net_config {
  uint32_t version;  // OCV_VERSION
  const char *name;  // of the file, for errors
  const char *input; // name of the only input
  int outputs;       // 1..OCV_OUTPUTS_MAX
  const char *output[OCV_OUTPUTS_MAX];
};

// One output. data and capacity are the caller's; dims and shape are filled in.
struct ocv_tensor {
  uint32_t version; // OCV_VERSION
  int dims;
  int shape[OCV_DIMS_MAX];
  float *data;
  size_t capacity; // floats
};

// An ONNX network from memory; the bytes are not needed afterwards. ERR_FORMAT: it is none, or
// lacks an output.
BP_CHECK bool ocv_net_new(struct ocv_net **out, const void *onnx, size_t bytes,
                          const struct ocv_net_config *config, struct err *e);
void ocv_net_free(struct ocv_net *net); // NULL is fine

// Runs the network on one 1 x channels x height x width blob and copies the outputs, in the order
// of the configuration. ERR_LIMIT: an output is larger than its capacity.
BP_CHECK bool ocv_net_forward(struct ocv_net *net, const float *blob, int channels, int height,
                              int width, struct ocv_tensor *outputs, int n, struct err *e);

// Threads OpenCV may use in the whole program, 1..64.
BP_CHECK bool ocv_set_threads(int n, struct err *e);

// --- pictures
// -----------------------------------------------------------------------------------------------------

// Scratch pictures that keep their memory between calls. One thread uses one of them.
struct ocv_work;
BP_CHECK bool ocv_work_new(struct ocv_work **out, struct err *e);
void ocv_work_free(struct ocv_work *w); // NULL is fine

// Is this a picture that the functions below accept (format, size up to IMAGE_SIDE_MAX, planes,
// strides)?
BP_CHECK bool image_check(const struct image_view *v, struct err *e);

// Copies a rectangle (NULL: all) as BGR24 rows of `stride` bytes; dst holds rect height * stride
// bytes.
BP_CHECK bool ocv_to_bgr(struct ocv_work *w, const struct image_view *src,
                         const struct image_rect *rect, uint8_t *dst, int stride, size_t dst_bytes,
                         struct err *e);

// Scales a rectangle (NULL: all) to in_width x in_height (area averaging when smaller), puts it X
struct ocv_box {
  uint32_t version; // OCV_VERSION
  int in_width, in_height, width, height;
  uint8_t pad;
};
BP_CHECK bool ocv_letterbox(struct ocv_work *w, const struct image_view *src,
                            const struct image_rect *rect, const struct ocv_box *box, uint8_t *dst,
                            size_t dst_bytes, struct err *e);

// Rectifies a quad (pixel centres, clockwise from top left) to width x height BGR24: sampled at
// twice or four times the size, large plates after halving what is around them, then area-averaged.
// Outside the frame the edge is repeated. dst holds height * stride bytes.
BP_CHECK bool ocv_warp(struct ocv_work *w, const struct image_view *src, const struct quad *q,
                       int width, int height, uint8_t *dst, int stride, size_t dst_bytes,
                       struct err *e);

// Luma, area-averaged to width x height bytes without padding.
BP_CHECK bool ocv_luma(struct ocv_work *w, const struct image_view *src, int width, int height,
                       uint8_t *dst, size_t dst_bytes, struct err *e);

// A plain job of OpenCV's that measured times can be held against: half the size (bilinear), then a
// 5 x 5 box blur of that.
BP_CHECK bool ocv_reference(struct ocv_work *w, const struct image_view *src, struct err *e);

// Area two convex quads share, in square pixels; 0 if one is not convex.
float ocv_quad_overlap(const struct quad *a, const struct quad *b);
// The same as a share of their union, 0..1.
float ocv_quad_shared(const struct quad *a, const struct quad *b);

#ifdef __cplusplus
}
#endif
#endif
