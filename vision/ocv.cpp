// SPDX-License-Identifier: Apache-2.0
// The only C++ of the project. Every entry point catches everything; cv::Mat never leaves this
// file.
extern "C" {
#include "board/err.h"
#include "vision/plate.h"
}
#include "vision/ocv.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>
#pragma GCC diagnostic pop

namespace {

// OpenCV's texts hold file names of its own source and line breaks; the first line is what a person
// can use.
bool fail(struct err *e, const char *what, const std::exception &x) {
  if (dynamic_cast<const std::bad_alloc *>(&x) != nullptr)
    return err_set(e, ERR_NOMEM, "%s: out of memory", what);
  const char *text = x.what();
  size_t n = std::min<size_t>(std::strcspn(text, "\n"), 200);
  return err_set(e, ERR_FORMAT, "%s: OpenCV: %.*s", what, static_cast<int>(n), text);
}

// Runs f and turns whatever it throws into an error.
template <typename F> bool guarded(struct err *e, const char *what, F f) noexcept {
  try {
    return f();
  } catch (const std::exception &x) {
    return fail(e, what, x);
  } catch (...) {
    return err_set(e, ERR_FORMAT, "%s: unknown failure inside OpenCV", what);
  }
}

// OpenCV prints its errors to stderr as well as throwing them; ours are logged once, by the caller.
int quiet(int, const char *, const char *, const char *, int, void *) {
  return 0;
}

cv::Mat plane(const image_view *v, int i, int width, int height, int channels) {
  return cv::Mat(height, width, CV_8UC(channels), const_cast<uint8_t *>(v->plane[i]),
                 static_cast<size_t>(v->stride[i]));
}

bool rect_check(const image_view *v, const image_rect *r, cv::Rect *out, struct err *e) {
  *out = cv::Rect(0, 0, v->width, v->height);
  if (!r)
    return true;
  if (r->width < 1 || r->height < 1 || r->x < 0 || r->y < 0 || r->x > v->width - r->width ||
      r->y > v->height - r->height)
    return err_set(e, ERR_ARG, "rectangle %d,%d %dx%d does not lie in a picture of %dx%d", r->x,
                   r->y, r->width, r->height, v->width, v->height);
  *out = cv::Rect(r->x, r->y, r->width, r->height);
  return true;
}

} // namespace

struct ocv_net {
  cv::dnn::Net net;
  std::string name;
  std::vector<std::string> outputs;
  std::string input;
  std::vector<cv::Mat> results;
};

struct ocv_work {
  cv::Mat yuv, bgr, small, warped, plane[3], half[2];
};

// Writes the rectangle as BGR into w->bgr, or lets `out` point at the source where it is BGR
// already.
static void bgr_of(ocv_work *w, const image_view *v, const cv::Rect &r, cv::Mat *out) {
  if (v->format == IMAGE_BGR24) {
    *out = plane(v, 0, v->width, v->height, 3)(r);
  } else if (v->format == IMAGE_GRAY8) {
    cv::cvtColor(plane(v, 0, v->width, v->height, 1)(r), w->bgr, cv::COLOR_GRAY2BGR);
    *out = w->bgr;
  } else {
    // cvtColor wants one block Y, U, V with even sides: cut to even, copy the planes, convert, cut
    // to the rectangle.
    int x0 = r.x & ~1, y0 = r.y & ~1;
    int cw = (r.x + r.width - x0 + 1) / 2, ch = (r.y + r.height - y0 + 1) / 2;
    int yw = 2 * cw, yh = 2 * ch;
    w->yuv.create(yh * 3 / 2, yw, CV_8UC1);
    for (int y = 0; y < yh; y++) {
      const uint8_t *from = v->plane[0] + static_cast<size_t>(std::min(y0 + y, v->height - 1)) *
                                              static_cast<size_t>(v->stride[0]);
      uint8_t *to = w->yuv.ptr<uint8_t>(y);
      int have = std::min(yw, v->width - x0);
      std::memcpy(to, from + x0, static_cast<size_t>(have));
      if (have < yw)
        to[have] = to[have - 1]; // odd width: the last column again
    }
    uint8_t *to = w->yuv.ptr<uint8_t>(yh);
    for (int p = 1; p <= 2; p++) {
      for (int y = 0; y < ch; y++, to += cw)
        std::memcpy(to,
                    v->plane[p] +
                        static_cast<size_t>(y0 / 2 + y) * static_cast<size_t>(v->stride[p]) +
                        x0 / 2,
                    static_cast<size_t>(cw));
    }
    cv::cvtColor(w->yuv, w->bgr, cv::COLOR_YUV2BGR_I420);
    *out = w->bgr(cv::Rect(r.x - x0, r.y - y0, r.width, r.height));
  }
}

// BT.601 in video range to B, G, R: what cvtColor does for I420 (ITU-R BT.601-7).
static const float kYuvToBgr[12] = {1.164f, 2.018f,  0.0f,    -276.928f, //
                                    1.164f, -0.391f, -0.813f, 135.488f,  //
                                    1.164f, 0.0f,    1.596f,  -222.912f};

// One plane made smaller. INTER_AREA is quick for whole factors only, and looks at each pixel with
// floats for others: those are halved as often as they can be, and the rest, less than a factor of
// two, is bilinear.
static void shrink(const cv::Mat &from, cv::Mat *to, cv::Size size, cv::Mat *half) {
  cv::Mat m = from;
  for (int i = 0; i < 2 && m.cols >= 2 * size.width && m.rows >= 2 * size.height &&
                  m.cols % 2 == 0 && m.rows % 2 == 0 && m.size() != size;
       i++) {
    if (m.cols % size.width == 0 && m.rows % size.height == 0)
      break;
    cv::resize(m, half[i], cv::Size(m.cols / 2, m.rows / 2), 0, 0, cv::INTER_AREA);
    m = half[i];
  }
  const bool whole = m.cols % size.width == 0 && m.rows % size.height == 0;
  const bool far = m.cols >= 2 * size.width || m.rows >= 2 * size.height;
  cv::resize(m, *to, size, 0, 0, whole || far ? cv::INTER_AREA : cv::INTER_LINEAR);
}

// Half the size, by area averaging; an odd last row or column is left out.
static void halve(cv::Mat *m, cv::Mat *into) {
  const cv::Mat even = (*m)(cv::Rect(0, 0, m->cols & ~1, m->rows & ~1));
  cv::resize(even, *into, cv::Size(even.cols / 2, even.rows / 2), 0, 0, cv::INTER_AREA);
  *m = *into;
}

// Halves a large picture while it is at least four times as large as wanted: area averaging is
// quick for halves and slow for the odd factor that is left. What is left out at odd sides moves
// the picture's far edge by less than half a pixel of what is wanted.
static void halve_bgr(ocv_work *w, cv::Mat *m, cv::Size size) {
  for (int i = 0; m->cols >= 4 * size.width && m->rows >= 4 * size.height; i ^= 1)
    halve(m, &w->half[i]);
}

// Scales an I420 picture down before it is made BGR: a quarter of the pixels to convert when it is
// halved. Colour, which has half the resolution, goes straight to the size wanted.
static void scale_i420(ocv_work *w, const image_view *v, const cv::Rect &r, cv::Mat *out) {
  for (int i = 0; i < 3; i++) {
    // Colour pixels that are in the rectangle in part are taken whole.
    const int x = r.x / 2, y = r.y / 2;
    const cv::Rect half(x, y, (r.x + r.width + 1) / 2 - x, (r.y + r.height + 1) / 2 - y);
    const cv::Mat from = i == 0 ? plane(v, 0, v->width, v->height, 1)(r)
                                : plane(v, i, (v->width + 1) / 2, (v->height + 1) / 2, 1)(half);
    shrink(from, &w->plane[i], out->size(), w->half);
  }
  cv::merge(w->plane, 3, w->small);
  cv::transform(w->small, *out, cv::Mat(3, 4, CV_32F, const_cast<float *>(kYuvToBgr)));
}

extern "C" bool image_check(const struct image_view *v, struct err *e) {
  if (!v)
    return err_set(e, ERR_ARG, "no picture given");
  if (v->width < 1 || v->height < 1)
    return err_set(e, ERR_ARG, "picture of %dx%d pixels has no pixels", v->width, v->height);
  if (v->width > IMAGE_SIDE_MAX || v->height > IMAGE_SIDE_MAX)
    return err_set(e, ERR_LIMIT, "picture of %dx%d pixels is larger than %d on a side", v->width,
                   v->height, IMAGE_SIDE_MAX);
  int planes = 1, need = v->width;
  int format; // a C caller may have put any number there; reading it as the enum would be undefined
  static_assert(sizeof format == sizeof v->format, "enum is as wide as int");
  std::memcpy(&format, &v->format, sizeof format);
  switch (format) {
  case IMAGE_GRAY8:
    break;
  case IMAGE_BGR24:
    need = 3 * v->width;
    break;
  case IMAGE_I420:
    planes = 3;
    break;
  default:
    return err_set(e, ERR_ARG, "picture format %d is unknown", format);
  }
  for (int i = 0; i < planes; i++) {
    int row = i == 0 ? need : (v->width + 1) / 2;
    if (!v->plane[i] || v->stride[i] < row)
      return err_set(e, ERR_ARG, "picture plane %d: missing, or a stride of %d below %d bytes", i,
                     v->stride[i], row);
  }
  return true;
}

extern "C" bool ocv_net_new(struct ocv_net **out, const void *onnx, size_t bytes,
                            const struct ocv_net_config *c, struct err *e) {
  if (!out || !onnx || !c)
    return err_set(e, ERR_ARG, "ocv_net_new: nothing given");
  *out = nullptr;
  if (c->version != OCV_VERSION)
    return err_set(e, ERR_ARG, "ocv_net_config of version %u, this build knows %u", c->version,
                   OCV_VERSION);
  if (!c->name || !c->input || c->outputs < 1 || c->outputs > OCV_OUTPUTS_MAX)
    return err_set(e, ERR_ARG, "ocv_net_config: name, input or outputs (%d) impossible",
                   c->outputs);
  if (bytes == 0 || bytes > OCV_MODEL_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "%s: %zu bytes, must be 1 to %u", c->name, bytes,
                   OCV_MODEL_BYTES_MAX);
  return guarded(e, c->name, [&] {
    cv::redirectError(quiet);
    auto n = std::make_unique<ocv_net>();
    n->name = c->name;
    n->input = c->input;
    n->net = cv::dnn::readNetFromONNX(static_cast<const char *>(onnx), bytes);
    if (n->net.empty())
      return err_set(e, ERR_FORMAT, "%s: holds no network", c->name);
    n->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    n->net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
    for (int i = 0; i < c->outputs; i++) {
      if (!c->output[i] || n->net.getLayerId(c->output[i]) < 0)
        return err_set(e, ERR_FORMAT, "%s: has no output named \"%s\"", c->name,
                       c->output[i] ? c->output[i] : "");
      n->outputs.emplace_back(c->output[i]);
    }
    *out = n.release();
    return true;
  });
}

extern "C" void ocv_net_free(struct ocv_net *net) {
  delete net;
}

extern "C" bool ocv_net_forward(struct ocv_net *net, const float *blob, int channels, int height,
                                int width, struct ocv_tensor *outputs, int n, struct err *e) {
  if (!net || !blob || !outputs)
    return err_set(e, ERR_ARG, "ocv_net_forward: nothing given");
  const char *name = net->name.c_str();
  if (n != static_cast<int>(net->outputs.size()))
    return err_set(e, ERR_ARG, "%s: %d outputs asked for, %zu configured", name, n,
                   net->outputs.size());
  if (channels < 1 || channels > 4 || height < 1 || width < 1 || height > OCV_INPUT_SIDE_MAX ||
      width > OCV_INPUT_SIDE_MAX)
    return err_set(e, ERR_ARG, "%s: input of %dx%dx%d impossible", name, channels, height, width);
  for (int i = 0; i < n; i++) {
    if (outputs[i].version != OCV_VERSION || !outputs[i].data)
      return err_set(e, ERR_ARG, "%s: output %d has no memory or another version", name, i);
  }
  return guarded(e, name, [&] {
    const int shape[4] = {1, channels, height, width};
    cv::Mat in(4, shape, CV_32F, const_cast<float *>(blob));
    net->net.setInput(in, net->input);
    net->net.forward(net->results, net->outputs);
    for (int i = 0; i < n; i++) {
      const cv::Mat &m = net->results[static_cast<size_t>(i)];
      ocv_tensor *t = &outputs[i];
      if (m.dims > OCV_DIMS_MAX || m.type() != CV_32F || !m.isContinuous())
        return err_set(e, ERR_FORMAT, "%s: output \"%s\" is no float tensor of up to %d dimensions",
                       name, net->outputs[static_cast<size_t>(i)].c_str(), OCV_DIMS_MAX);
      if (m.total() > t->capacity)
        return err_set(e, ERR_LIMIT, "%s: output \"%s\" has %zu values, there is room for %zu",
                       name, net->outputs[static_cast<size_t>(i)].c_str(), m.total(), t->capacity);
      t->dims = m.dims;
      for (int d = 0; d < m.dims; d++)
        t->shape[d] = m.size[d];
      std::memcpy(t->data, m.ptr<float>(), m.total() * sizeof(float));
    }
    return true;
  });
}

extern "C" bool ocv_set_threads(int n, struct err *e) {
  if (n < 1 || n > 64)
    return err_set(e, ERR_ARG, "%d threads: must be 1 to 64", n);
  return guarded(e, "threads", [&] {
    cv::setNumThreads(n);
    return true;
  });
}

extern "C" bool ocv_work_new(struct ocv_work **out, struct err *e) {
  *out = new (std::nothrow) ocv_work;
  return *out ? true : err_set(e, ERR_NOMEM, "scratch pictures: out of memory");
}

extern "C" void ocv_work_free(struct ocv_work *w) {
  delete w;
}

extern "C" bool ocv_to_bgr(struct ocv_work *w, const struct image_view *src,
                           const struct image_rect *rect, uint8_t *dst, int stride,
                           size_t dst_bytes, struct err *e) {
  cv::Rect r;
  if (!w || !dst)
    return err_set(e, ERR_ARG, "ocv_to_bgr: nothing given");
  if (!image_check(src, e) || !rect_check(src, rect, &r, e))
    return false;
  if (stride < 3 * r.width ||
      dst_bytes < static_cast<size_t>(stride) * static_cast<size_t>(r.height))
    return err_set(e, ERR_LIMIT, "%dx%d pixels do not fit into %zu bytes of stride %d", r.width,
                   r.height, dst_bytes, stride);
  return guarded(e, "colour conversion", [&] {
    cv::Mat m, to(r.height, r.width, CV_8UC3, dst, static_cast<size_t>(stride));
    bgr_of(w, src, r, &m);
    m.copyTo(to);
    return true;
  });
}

extern "C" bool ocv_letterbox(struct ocv_work *w, const struct image_view *src,
                              const struct image_rect *rect, const struct ocv_box *box,
                              uint8_t *dst, size_t dst_bytes, struct err *e) {
  cv::Rect r;
  if (!w || !box || !dst || box->version != OCV_VERSION)
    return err_set(e, ERR_ARG, "ocv_letterbox: nothing given, or another version");
  if (!image_check(src, e) || !rect_check(src, rect, &r, e))
    return false;
  if (box->in_width < 1 || box->in_height < 1 || box->width < box->in_width ||
      box->height < box->in_height || box->width > OCV_INPUT_SIDE_MAX ||
      box->height > OCV_INPUT_SIDE_MAX)
    return err_set(e, ERR_ARG, "letterbox of %dx%d in %dx%d impossible", box->in_width,
                   box->in_height, box->width, box->height);
  const size_t bytes = 3 * static_cast<size_t>(box->width) * static_cast<size_t>(box->height);
  if (dst_bytes < bytes)
    return err_set(e, ERR_LIMIT, "letterbox needs %zu bytes, there is room for %zu", bytes,
                   dst_bytes);
  return guarded(e, "letterbox", [&] {
    cv::Mat m, all(box->height, box->width, CV_8UC3, dst);
    cv::Mat in = all(cv::Rect(0, 0, box->in_width, box->in_height));
    bool smaller = box->in_width <= r.width && box->in_height <= r.height;
    if (src->format == IMAGE_I420 && smaller) {
      scale_i420(w, src, r, &in);
    } else {
      bgr_of(w, src, r, &m);
      halve_bgr(w, &m, in.size());
      cv::resize(m, in, in.size(), 0, 0, smaller ? cv::INTER_AREA : cv::INTER_LINEAR);
    }
    const cv::Scalar grey = cv::Scalar::all(box->pad);
    if (box->in_width < box->width)
      all(cv::Rect(box->in_width, 0, box->width - box->in_width, box->in_height)) = grey;
    if (box->in_height < box->height)
      all(cv::Rect(0, box->in_height, box->width, box->height - box->in_height)) = grey;
    return true;
  });
}

extern "C" bool ocv_warp(struct ocv_work *w, const struct image_view *src, const struct quad *q,
                         int width, int height, uint8_t *dst, int stride, size_t dst_bytes,
                         struct err *e) {
  if (!w || !q || !dst)
    return err_set(e, ERR_ARG, "ocv_warp: nothing given");
  if (!image_check(src, e))
    return false;
  if (width < 1 || height < 1 || width > 1024 || height > 1024 || stride < 3 * width ||
      dst_bytes < static_cast<size_t>(stride) * static_cast<size_t>(height))
    return err_set(e, ERR_LIMIT, "%dx%d pixels do not fit into %zu bytes of stride %d", width,
                   height, dst_bytes, stride);
  for (int i = 0; i < 4; i++) {
    if (!(std::fabs(q->corner[i].x) < 4.0f * IMAGE_SIDE_MAX) ||
        !(std::fabs(q->corner[i].y) < 4.0f * IMAGE_SIDE_MAX))
      return err_set(e, ERR_ARG, "corner %d lies far outside any picture", i);
  }
  return guarded(e, "rectification", [&] {
    // Only the plate and its surroundings are converted, not the frame.
    float x0, y0, x1, y1;
    quad_bounds(q, &x0, &y0, &x1, &y1);
    int left = std::clamp(static_cast<int>(std::floor(x0)) - 2, 0, src->width - 1);
    int top = std::clamp(static_cast<int>(std::floor(y0)) - 2, 0, src->height - 1);
    int right = std::clamp(static_cast<int>(std::ceil(x1)) + 3, left + 1, src->width);
    int bottom = std::clamp(static_cast<int>(std::ceil(y1)) + 3, top + 1, src->height);
    cv::Mat m;
    bgr_of(w, src, cv::Rect(left, top, right - left, bottom - top), &m);
    // Large plates are halved before, as often as leaves them twice as fine as the result.
    float shown = 1.0f;
    for (int i = 0;
         quad_width(q) * shown > 4.0f * static_cast<float>(width) && m.cols >= 4 && m.rows >= 4;
         i ^= 1, shown *= 0.5f)
      halve(&m, &w->half[i]);
    const int k = static_cast<float>(2 * width) < quad_width(q) * shown ? 4 : 2;
    cv::Point2f from[4], to[4];
    const float ox = static_cast<float>(left) - 0.5f, oy = static_cast<float>(top) - 0.5f;
    const float bw = static_cast<float>(k * width), bh = static_cast<float>(k * height);
    for (int i = 0; i < 4; i++) {
      from[i] =
          cv::Point2f((q->corner[i].x - ox) * shown - 0.5f, (q->corner[i].y - oy) * shown - 0.5f);
      to[i] = cv::Point2f(i == 1 || i == 2 ? bw - 0.5f : -0.5f, i >= 2 ? bh - 0.5f : -0.5f);
    }
    cv::warpPerspective(m, w->warped, cv::getPerspectiveTransform(from, to),
                        cv::Size(k * width, k * height), cv::INTER_LINEAR, cv::BORDER_REPLICATE);
    cv::Mat out(height, width, CV_8UC3, dst, static_cast<size_t>(stride));
    cv::resize(w->warped, out, out.size(), 0, 0, cv::INTER_AREA);
    return true;
  });
}

extern "C" bool ocv_luma(struct ocv_work *w, const struct image_view *src, int width, int height,
                         uint8_t *dst, size_t dst_bytes, struct err *e) {
  if (!w || !dst || width < 1 || height < 1 ||
      dst_bytes < static_cast<size_t>(width) * static_cast<size_t>(height))
    return err_set(e, ERR_LIMIT, "%dx%d luma does not fit into %zu bytes", width, height,
                   dst_bytes);
  if (!image_check(src, e))
    return false;
  return guarded(e, "luma", [&] {
    cv::Mat out(height, width, CV_8UC1, dst);
    const bool smaller = width <= src->width && height <= src->height;
    const int how = smaller ? cv::INTER_AREA : cv::INTER_LINEAR;
    if (src->format == IMAGE_BGR24) {
      cv::resize(plane(src, 0, src->width, src->height, 3), w->small, out.size(), 0, 0, how);
      cv::cvtColor(w->small, out, cv::COLOR_BGR2GRAY);
    } else {
      cv::resize(plane(src, 0, src->width, src->height, 1), out, out.size(), 0, 0, how);
    }
    return true;
  });
}

extern "C" bool ocv_reference(struct ocv_work *w, const struct image_view *src, struct err *e) {
  if (!w)
    return err_set(e, ERR_ARG, "ocv_reference: nothing given");
  if (!image_check(src, e))
    return false;
  return guarded(e, "reference", [&] {
    cv::Mat m;
    bgr_of(w, src, cv::Rect(0, 0, src->width, src->height), &m);
    cv::resize(m, w->small, cv::Size((src->width + 1) / 2, (src->height + 1) / 2));
    cv::blur(w->small, w->warped, cv::Size(5, 5));
    return true;
  });
}

extern "C" float ocv_quad_overlap(const struct quad *a, const struct quad *b) {
  float area = 0.0f;
  (void)guarded(nullptr, "overlap", [&] {
    static_assert(sizeof(struct point) == sizeof(cv::Point2f), "a point is two floats");
    const cv::Mat pa(4, 1, CV_32FC2, const_cast<struct point *>(a->corner));
    const cv::Mat pb(4, 1, CV_32FC2, const_cast<struct point *>(b->corner));
    if (cv::isContourConvex(pa) && cv::isContourConvex(pb))
      area = cv::intersectConvexConvex(pa, pb, cv::noArray());
    return true;
  });
  return area;
}

extern "C" float ocv_quad_shared(const struct quad *a, const struct quad *b) {
  const float both = ocv_quad_overlap(a, b), all = quad_area(a) + quad_area(b) - both;
  return all > 0.0f ? both / all : 0.0f;
}
