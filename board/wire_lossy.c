// SPDX-License-Identifier: Apache-2.0
#include "board/wire.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// One direction: a frame is lost, sent twice, or held back until the next one has passed.
struct way {
  uint64_t state; // of the random numbers
  uint8_t held[WIRE_FRAME_MAX];
  size_t n; // bytes held back, 0: none
  uint8_t again[WIRE_FRAME_MAX];
  size_t again_n; // to be given once more
};

struct lossy {
  struct wire base;
  struct wire *inner;
  struct wire_faults faults;
  pthread_mutex_t lock; // of `out`: any thread sends
  struct way out, in;
};

// splitmix64 (Steele, Lea, Flood 2014).
static unsigned percent(struct way *y) {
  uint64_t z = (y->state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (unsigned)((z ^ (z >> 31)) % 100);
}

enum fate { PASS, LOST, TWICE, LATER };

static enum fate decide(const struct wire_faults *f, struct way *y) {
  unsigned p = percent(y);
  if (p < f->lost)
    return LOST;
  if (p < f->lost + f->doubled)
    return TWICE;
  return p < f->lost + f->doubled + f->swapped && y->n == 0 ? LATER : PASS;
}

static void keep(uint8_t *to, size_t *to_n, const uint8_t *frame, size_t n) {
  if (n > WIRE_FRAME_MAX)
    return;
  memcpy(to, frame, n);
  *to_n = n;
}

static bool lossy_send(struct wire *w, const uint8_t *frame, size_t n) {
  struct lossy *l = (struct lossy *)w;
  pthread_mutex_lock(&l->lock);
  enum fate fate = decide(&l->faults, &l->out);
  if (fate == LATER) {
    keep(l->out.held, &l->out.n, frame, n);
  } else if (fate != LOST) {
    (void)wire_send(l->inner, frame, n);
    if (fate == TWICE)
      (void)wire_send(l->inner, frame, n);
    if (l->out.n > 0)
      (void)wire_send(l->inner, l->out.held, l->out.n);
    l->out.n = 0;
  }
  pthread_mutex_unlock(&l->lock);
  return true; // a lost frame is lost on the wire; the sender cannot know
}

static int give(uint8_t *frame, size_t size, const uint8_t *from, size_t *n) {
  size_t m = *n <= size ? *n : 0;
  memcpy(frame, from, m);
  *n = 0;
  return (int)m;
}

static int lossy_recv(struct wire *w, uint8_t *frame, size_t size, int timeout_ms) {
  struct lossy *l = (struct lossy *)w;
  if (l->in.again_n > 0)
    return give(frame, size, l->in.again, &l->in.again_n);
  int n = wire_recv(l->inner, frame, size, timeout_ms);
  if (n == 0 && l->in.n > 0) // nothing follows: the late one comes now
    return give(frame, size, l->in.held, &l->in.n);
  if (n <= 0)
    return n;
  switch (decide(&l->faults, &l->in)) {
  case LOST:
    return 0;
  case LATER:
    keep(l->in.held, &l->in.n, frame, (size_t)n);
    return 0;
  case TWICE:
    keep(l->in.again, &l->in.again_n, frame, (size_t)n);
    return n;
  default:
    if (l->in.n > 0) {
      keep(l->in.again, &l->in.again_n, l->in.held, l->in.n);
      l->in.n = 0;
    }
    return n;
  }
}

static bool lossy_link(struct wire *w) {
  return wire_link(((struct lossy *)w)->inner);
}

static void lossy_free(struct wire *w) {
  struct lossy *l = (struct lossy *)w;
  wire_free(l->inner);
  (void)pthread_mutex_destroy(&l->lock);
  free(l);
}

bool wire_open_lossy(struct wire **out, struct wire *inner, const struct wire_faults *f,
                     struct err *e) {
  static const struct wire_ops ops = {lossy_send, lossy_recv, lossy_link, lossy_free};
  struct lossy *l = calloc(1, sizeof *l);
  if (!l || pthread_mutex_init(&l->lock, NULL) != 0) {
    free(l);
    wire_free(inner);
    return err_set(e, ERR_NOMEM, "no memory for a wire");
  }
  l->base.ops = &ops;
  l->inner = inner;
  l->faults = *f;
  l->out.state = f->seed;
  l->in.state = ~f->seed;
  *out = &l->base;
  return true;
}
