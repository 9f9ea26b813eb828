// SPDX-License-Identifier: Apache-2.0
#include "board/frame.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ROW_ALIGN 32 // what SIMD code likes
#define SPARE_MAX                                                                                  \
  8 // freed pictures kept for the next one of the same size: no allocation per frame

struct held {
  struct frame frame; // first: a frame pointer is a held pointer
  atomic_int refs;
  size_t bytes;
  uint8_t *pixels;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *spare[SPARE_MAX];

static void destroy(struct held *h) {
  if (!h)
    return;
  free(h->pixels);
  free(h);
}

// A spare of exactly this many bytes, or NULL. Others stay: cameras of two sizes may run at once.
static struct held *take_spare(size_t bytes) {
  struct held *h = NULL;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < SPARE_MAX && !h; i++) {
    if (spare[i] && spare[i]->bytes == bytes) {
      h = spare[i];
      spare[i] = NULL;
    }
  }
  pthread_mutex_unlock(&lock);
  return h;
}

static void keep_spare(struct held *h) {
  pthread_mutex_lock(&lock);
  int place = 0; // all full: the first makes room, so sizes no longer used go away
  for (int i = 0; i < SPARE_MAX; i++) {
    if (!spare[i]) {
      place = i;
      break;
    }
  }
  struct held *old = spare[place];
  spare[place] = h;
  pthread_mutex_unlock(&lock);
  destroy(old);
}

static size_t align(size_t n) {
  return (n + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
}

bool frame_new(struct frame **out, enum frame_format format, int width, int height, struct err *e) {
  if (width < 1 || height < 1)
    return err_set(e, ERR_ARG, "a picture of %dx%d pixels cannot be", width, height);
  if (width > FRAME_SIDE_MAX || height > FRAME_SIDE_MAX)
    return err_set(e, ERR_LIMIT, "%dx%d pixels are more than %d a side", width, height,
                   FRAME_SIDE_MAX);
  size_t w = (size_t)width, h = (size_t)height;
  size_t row = align(format == FRAME_BGR24 ? 3 * w : w);
  size_t half = format == FRAME_I420 ? align((w + 1) / 2) : 0, half_h = (h + 1) / 2;
  size_t bytes = row * h + 2 * half * half_h;
  if (bytes > FRAME_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "%dx%d pixels are more than %u bytes", width, height,
                   FRAME_BYTES_MAX);
  struct held *f = take_spare(bytes);
  if (!f) {
    f = calloc(1, sizeof *f);
    if (f)
      f->pixels = aligned_alloc(ROW_ALIGN, align(bytes));
    if (!f || !f->pixels) {
      destroy(f);
      return err_set(e, ERR_NOMEM, "no memory for a picture of %dx%d pixels", width, height);
    }
    f->bytes = bytes;
  }
  atomic_store(&f->refs, 1);
  f->frame = (struct frame){.format = format, .width = width, .height = height};
  f->frame.plane[0] = f->pixels;
  f->frame.stride[0] = (int)row;
  if (format == FRAME_I420) {
    f->frame.plane[1] = f->pixels + row * h;
    f->frame.plane[2] = f->frame.plane[1] + half * half_h;
    f->frame.stride[1] = f->frame.stride[2] = (int)half;
  }
  *out = &f->frame;
  return true;
}

struct frame *frame_ref(struct frame *f) {
  atomic_fetch_add(&((struct held *)(void *)f)->refs, 1);
  return f;
}

void frame_unref(struct frame *f) {
  struct held *h = (struct held *)(void *)f;
  if (h && atomic_fetch_sub(&h->refs, 1) == 1)
    keep_spare(h);
}
