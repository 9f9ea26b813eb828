// SPDX-License-Identifier: Apache-2.0
// The kernel's streaming interface, memory mapped: Linux Documentation/userspace-api/media/v4l.
#include "board/camera.h"
#include "board/camera_option.h"
#include "board/camera_pace.h"
#include "board/camera_v4l2_control.h"
#include "board/camera_v4l2_kernel.h"
#include "board/jpeg.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFERS 4       // one being filled, one being decoded, two for a late thread
#define POLL_STEP_MS 50 // how soon a cancel is noticed
#define BROKEN_MAX 30   // pictures in a row that cannot be decoded; a cable may spoil some
#define READ_MS 3000

struct mapping {
  void *at;
  size_t length;
};

struct camera {
  struct camera_config config;
  const struct v4l2_kernel *kernel;
  char path[CAMERA_SOURCE_MAX];
  int width, height, fps; // wished, then what the driver gives
  char format[CAMERA_WORD_MAX];
  uint32_t pixels; // V4L2_PIX_FMT_MJPEG or _YUYV
  uint32_t row_bytes;
  int fd;
  bool streaming;
  struct mapping buffer[BUFFERS];
  uint32_t buffers;
  struct jpeg_decoder *jpeg;
  uint64_t seq;
  uint32_t last_sequence;
};

static int call(const struct camera *c, unsigned long request, void *arg) {
  int rc;
  do
    rc = c->kernel->ioctl(c->fd, request, arg);
  while (rc < 0 && errno == EINTR);
  return rc;
}

static bool check_device(const struct camera *c, struct err *e) {
  struct v4l2_capability cap = {0};
  if (call(c, VIDIOC_QUERYCAP, &cap) < 0)
    return err_set(e, ERR_FORMAT, "%s: not a video device", c->path);
  uint32_t can = cap.capabilities & V4L2_CAP_DEVICE_CAPS ? cap.device_caps : cap.capabilities;
  if (!(can & V4L2_CAP_VIDEO_CAPTURE) || !(can & V4L2_CAP_STREAMING))
    return err_set(e, ERR_FORMAT,
                   "%s: does not capture video by streaming; a camera often has several devices, "
                   "try the next number",
                   c->path);
  return true;
}

static bool try_format(struct camera *c, uint32_t pixels, struct err *e) {
  struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  f.fmt.pix.width = (uint32_t)c->width;
  f.fmt.pix.height = (uint32_t)c->height;
  f.fmt.pix.pixelformat = pixels;
  f.fmt.pix.field = V4L2_FIELD_NONE;
  if (call(c, VIDIOC_S_FMT, &f) < 0)
    return err_errno(e, errno, "%s: set the picture format", c->path);
  if (f.fmt.pix.pixelformat != pixels)
    return err_set(e, ERR_FORMAT, "%s: gives neither MJPEG nor YUYV as asked", c->path);
  const struct v4l2_pix_format *p = &f.fmt.pix;
  if (p->width < 2 || p->height < 1 || p->width > FRAME_SIDE_MAX || p->height > FRAME_SIDE_MAX)
    return err_set(e, ERR_LIMIT, "%s: offers pictures of %ux%u", c->path, p->width, p->height);
  c->pixels = pixels;
  c->width = (int)p->width;
  c->height = (int)p->height;
  c->row_bytes = p->bytesperline < p->width * 2 ? p->width * 2 : p->bytesperline;
  return true;
}

static bool set_format(struct camera *c, struct err *e) {
  int width = c->width, height = c->height;
  bool yuyv = strcmp(c->format, "yuyv") == 0, mjpeg = strcmp(c->format, "mjpeg") == 0;
  if (c->format[0] && !yuyv && !mjpeg)
    return err_set(e, ERR_ARG, "camera source: format=%s is neither mjpeg nor yuyv", c->format);
  // MJPEG first: USB 2 carries raw pictures of this size at 10 a second only.
  if (!yuyv && try_format(c, V4L2_PIX_FMT_MJPEG, e))
    return true;
  c->width = width;
  c->height = height;
  return !mjpeg && try_format(c, V4L2_PIX_FMT_YUYV, e);
}

static void set_rate(struct camera *c) {
  struct v4l2_streamparm p = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  p.parm.capture.timeperframe = (struct v4l2_fract){1, (uint32_t)c->fps};
  (void)call(c, VIDIOC_S_PARM, &p); // a wish; cameras with one rate refuse it
}

static struct v4l2_buffer buffer_of(uint32_t index) {
  return (struct v4l2_buffer){
      .index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
}

static bool map_buffers(struct camera *c, struct err *e) {
  struct v4l2_requestbuffers r = {
      .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
  if (call(c, VIDIOC_REQBUFS, &r) < 0)
    return err_errno(e, errno, "%s: ask for buffers", c->path);
  if (r.count < 2)
    return err_set(e, ERR_NOMEM, "%s: the driver has only %u buffers", c->path, r.count);
  uint32_t count = r.count < BUFFERS ? r.count : BUFFERS;
  for (uint32_t i = 0; i < count; i++) {
    struct v4l2_buffer b = buffer_of(i);
    if (call(c, VIDIOC_QUERYBUF, &b) < 0)
      return err_errno(e, errno, "%s: look at buffer %u", c->path, i);
    if (c->pixels == V4L2_PIX_FMT_YUYV && b.length < (size_t)c->row_bytes * (size_t)c->height)
      return err_set(e, ERR_FORMAT, "%s: buffers of %u bytes are too small", c->path, b.length);
    void *at = c->kernel->map(c->fd, b.length, b.m.offset);
    if (at == MAP_FAILED)
      return err_errno(e, errno, "%s: map buffer %u", c->path, i);
    c->buffer[i] = (struct mapping){at, b.length};
    c->buffers = i + 1;
    if (call(c, VIDIOC_QBUF, &b) < 0)
      return err_errno(e, errno, "%s: hand over buffer %u", c->path, i);
  }
  return true;
}

static void v4l2_close(struct camera *c) {
  if (!c)
    return;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (c->streaming)
    (void)call(c, VIDIOC_STREAMOFF, &type); // a camera pulled out refuses it
  for (uint32_t i = 0; i < c->buffers; i++)
    (void)c->kernel->unmap(c->buffer[i].at, c->buffer[i].length);
  if (c->fd >= 0)
    (void)c->kernel->close(c->fd);
  jpeg_decoder_free(c->jpeg);
  free(c);
}

bool camera_v4l2_open(struct camera **out, const struct camera_config *config,
                      const struct v4l2_kernel *kernel, struct err *e) {
  struct camera *c = calloc(1, sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "V4L2: no memory");
  c->config = *config;
  c->config.read_ms = config->read_ms > 0 ? config->read_ms : READ_MS;
  c->kernel = kernel;
  c->fd = -1;
  c->width = 1280;
  c->height = 720;
  c->fps = 25;
  const struct camera_option options[] = {{"width", CAMERA_INT, 2, FRAME_SIDE_MAX, &c->width},
                                          {"height", CAMERA_INT, 2, FRAME_SIDE_MAX, &c->height},
                                          {"fps", CAMERA_INT, 1, 240, &c->fps},
                                          {"format", CAMERA_WORD, 0, 0, c->format}};
  if (!camera_option_parse(config->source, c->path, options, 4, e))
    goto err_close;
  c->fd = kernel->open(c->path);
  if (c->fd < 0) {
    err_errno(e, errno, "%s", c->path);
    goto err_close;
  }
  if (!check_device(c, e) || !set_format(c, e))
    goto err_close;
  set_rate(c);
  if (!jpeg_decoder_new(&c->jpeg, e) || !map_buffers(c, e))
    goto err_close;
  int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  if (call(c, VIDIOC_STREAMON, &type) < 0) {
    err_errno(e, errno, "%s: start", c->path);
    goto err_close;
  }
  c->streaming = true;
  *out = c;
  return true;
err_close:
  v4l2_close(c);
  return false;
}

// YUYV has a colour sample per row; I420 wants one per two rows: the upper one is taken.
static bool from_yuyv(const struct camera *c, const uint8_t *data, size_t len, struct frame **out,
                      struct err *e) {
  if (len < (size_t)c->row_bytes * (size_t)c->height)
    return err_set(e, ERR_FORMAT, "%s: a picture of %zu bytes is cut short", c->path, len);
  if (!frame_new(out, FRAME_I420, c->width, c->height, e))
    return false;
  struct frame *f = *out;
  for (int y = 0; y < c->height; y++) {
    const uint8_t *in = data + (size_t)y * c->row_bytes;
    uint8_t *luma = f->plane[0] + (size_t)y * (size_t)f->stride[0];
    for (int x = 0; x < c->width; x++)
      luma[x] = in[2 * (size_t)x];
    if (y % 2 != 0)
      continue;
    uint8_t *u = f->plane[1] + (size_t)(y / 2) * (size_t)f->stride[1];
    uint8_t *v = f->plane[2] + (size_t)(y / 2) * (size_t)f->stride[2];
    for (int x = 0; x < c->width / 2; x++) {
      u[x] = in[4 * (size_t)x + 1];
      v[x] = in[4 * (size_t)x + 3];
    }
  }
  return true;
}

// The driver's time of exposure where it has one; wall time is counted back from it.
static void stamp(struct camera *c, const struct v4l2_buffer *b, struct frame *f) {
  camera_stamp_now(&c->config, f);
  if ((b->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)
    return;
  int64_t taken = (int64_t)b->timestamp.tv_sec * CLOCK_NS_PER_S + b->timestamp.tv_usec * 1000;
  int64_t age = f->mono_ns - taken;
  if (age < 0 || age > CLOCK_NS_PER_S) // some drivers stamp nonsense
    return;
  f->mono_ns -= age;
  f->wall_ns -= age;
}

// A filled buffer, or false with e set.
static bool dequeue(struct camera *c, struct v4l2_buffer *b, struct err *e) {
  int64_t give_up = clock_mono_ns(clock_system()) + c->config.read_ms * CLOCK_NS_PER_MS;
  for (;;) {
    if (camera_cancelled(&c->config))
      return err_set(e, ERR_STATE, "%s: told to stop", c->path);
    if (clock_mono_ns(clock_system()) > give_up)
      return err_set(e, ERR_TIMEOUT, "%s: no picture for %d ms", c->path, c->config.read_ms);
    int rc = c->kernel->poll(c->fd, POLL_STEP_MS);
    if (rc < 0 && errno != EINTR)
      return err_errno(e, errno, "%s: wait for a picture", c->path);
    if (rc <= 0)
      continue;
    *b = buffer_of(0);
    if (call(c, VIDIOC_DQBUF, b) == 0)
      break;
    if (errno != EAGAIN)
      return err_errno(e, errno, "%s: take a picture; was the camera pulled out?", c->path);
  }
  if (b->index >= c->buffers)
    return err_set(e, ERR_FORMAT, "%s: the driver names buffer %u of %u", c->path, b->index,
                   c->buffers);
  return true;
}

static bool decode(struct camera *c, const struct v4l2_buffer *b, struct frame **out,
                   struct err *e) {
  const struct mapping *m = &c->buffer[b->index];
  size_t len = b->bytesused < m->length ? b->bytesused : m->length;
  if (b->flags & V4L2_BUF_FLAG_ERROR)
    return err_set(e, ERR_IO, "%s: the driver marks the picture as damaged", c->path);
  if (c->pixels == V4L2_PIX_FMT_YUYV)
    return from_yuyv(c, m->at, len, out, e);
  return jpeg_decode(c->jpeg, m->at, len, out, e) || err_prefix(e, "%s", c->path);
}

static enum camera_next v4l2_next(struct camera *c, struct frame **out, struct err *e) {
  for (int broken = 0; broken < BROKEN_MAX; broken++) {
    struct v4l2_buffer b;
    if (!dequeue(c, &b, e))
      return CAMERA_ERROR;
    struct frame *f = NULL;
    bool ok = decode(c, &b, &f, e);
    if (ok) {
      stamp(c, &b, f);
      // The driver counts pictures it had no buffer for; our numbers show the same gap.
      c->seq += c->seq > 0 ? (uint64_t)(uint32_t)(b.sequence - c->last_sequence) : 1;
      c->last_sequence = b.sequence;
      f->seq = c->seq - 1;
    }
    struct v4l2_buffer back = buffer_of(b.index);
    if (call(c, VIDIOC_QBUF, &back) < 0) {
      frame_unref(f);
      err_errno(e, errno, "%s: hand back buffer %u", c->path, b.index);
      return CAMERA_ERROR;
    }
    if (ok) {
      *out = f;
      return CAMERA_FRAME;
    }
  }
  err_prefix(e, "%d damaged pictures in a row", BROKEN_MAX);
  return CAMERA_ERROR;
}

static int real_open(const char *path) {
  return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int real_ioctl(int fd, unsigned long request, void *arg) {
  return ioctl(fd, request, arg);
}

static void *real_map(int fd, size_t length, int64_t offset) {
  return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static int real_poll(int fd, int timeout_ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, timeout_ms);
}

static const struct v4l2_kernel linux_kernel = {real_open, real_ioctl, real_map,
                                                munmap,    real_poll,  close};

static bool v4l2_open(struct camera **out, const struct camera_config *config, struct err *e) {
  return camera_v4l2_open(out, config, &linux_kernel, e);
}

static void v4l2_control(struct camera *c, const struct camera_controls *want,
                         struct camera_knob_state state[CAMERA_KNOBS]) {
  camera_v4l2_control(c->kernel, c->fd, want, state);
}

const struct camera_ops camera_v4l2 = {"v4l2",    true,       v4l2_open,
                                       v4l2_next, v4l2_close, v4l2_control};
