// SPDX-License-Identifier: Apache-2.0
#include "firmware/newest.h"

#include "board/jpeg.h"
#include "firmware/frame_view.h"
#include "vision/crop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define QUALITY 85

struct newest {
  pthread_mutex_t lock;
  pthread_cond_t came;
  atomic_int waiting; // how many want a frame
  struct frame *frame;
  uint64_t count; // of frames taken for somebody
};

bool newest_new(struct newest **out, struct err *e) {
  struct newest *n = calloc(1, sizeof *n);
  pthread_condattr_t a;
  if (!n || pthread_condattr_init(&a) != 0) {
    free(n);
    return err_set(e, ERR_NOMEM, "no memory for the newest picture");
  }
  bool ok =
      pthread_condattr_setclock(&a, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&n->came, &a) == 0;
  (void)pthread_condattr_destroy(&a);
  if (!ok || pthread_mutex_init(&n->lock, NULL) != 0) {
    free(n);
    return err_set(e, ERR_NOMEM, "no memory for the newest picture");
  }
  *out = n;
  return true;
}

void newest_free(struct newest *n) {
  if (!n)
    return;
  frame_unref(n->frame);
  (void)pthread_cond_destroy(&n->came);
  (void)pthread_mutex_destroy(&n->lock);
  free(n);
}

void newest_offer(struct newest *n, struct frame *f) {
  if (!n || atomic_load(&n->waiting) == 0)
    return;
  (void)pthread_mutex_lock(&n->lock);
  frame_unref(n->frame);
  n->frame = frame_ref(f);
  n->count++;
  (void)pthread_cond_broadcast(&n->came);
  (void)pthread_mutex_unlock(&n->lock);
}

// The next frame, with a reference of its own; NULL when none came in time.
static struct frame *wait_for(struct newest *n, int timeout_ms) {
  struct timespec until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = (int64_t)timeout_ms * 1000000 + until.tv_nsec;
  until.tv_sec += ns / 1000000000;
  until.tv_nsec = ns % 1000000000;
  (void)pthread_mutex_lock(&n->lock);
  uint64_t seen = n->count;
  (void)atomic_fetch_add(&n->waiting, 1);
  int rc = 0;
  while (n->count == seen && rc != ETIMEDOUT)
    rc = pthread_cond_timedwait(&n->came, &n->lock, &until);
  struct frame *f = n->count != seen ? frame_ref(n->frame) : NULL;
  if (atomic_fetch_sub(&n->waiting, 1) == 1) { // the last one out leaves nothing behind
    frame_unref(n->frame);
    n->frame = NULL;
  }
  (void)pthread_mutex_unlock(&n->lock);
  return f;
}

static bool compress(const struct frame *f, uint8_t **jpeg, size_t *len, struct err *e) {
  struct image_view from = frame_view(f), to;
  const struct crop_box all = {.x1 = (float)f->width, .y1 = (float)f->height};
  int width = f->width < NEWEST_SIDE_MAX ? f->width : NEWEST_SIDE_MAX;
  int height = f->height < NEWEST_SIDE_MAX ? f->height : NEWEST_SIDE_MAX;
  size_t size = (size_t)width * (size_t)height * 3;
  uint8_t *bgr = malloc(size);
  if (!bgr)
    return err_set(e, ERR_NOMEM, "no memory for a picture of %dx%d", width, height);
  bool ok = crop_bgr(&from, all, width, height, bgr, size, &to) ||
            err_set(e, ERR_STATE, "a picture of %dx%d cannot be scaled", f->width, f->height);
  ok = ok && jpeg_encode_bgr(to.plane[0], to.width, to.height, to.stride[0], QUALITY, jpeg, len, e);
  free(bgr);
  return ok;
}

bool newest_jpeg(struct newest *n, int timeout_ms, uint8_t **jpeg, size_t *len, struct err *e) {
  struct frame *f = wait_for(n, timeout_ms);
  if (!f)
    return err_set(e, ERR_TIMEOUT, "the camera brought no picture in %d ms", timeout_ms);
  bool ok = compress(f, jpeg, len, e);
  frame_unref(f);
  return ok;
}
