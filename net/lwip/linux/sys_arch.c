// SPDX-License-Identifier: Apache-2.0
// lwIP's system layer on POSIX threads: semaphores, mutexes, mailboxes, threads, time, protection.
#include "lwip/opt.h"

#include "lwip/err.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "lwip_clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define MBOX_MAX 256

struct sys_sem {
  pthread_mutex_t lock;
  pthread_cond_t cond;
  unsigned count;
};

struct sys_mbox {
  pthread_mutex_t lock;
  pthread_cond_t not_empty, not_full;
  unsigned size, first, used;
  void *msg[MBOX_MAX];
};

static unsigned speed = 1;
static struct timespec start; // lwIP's time zero
static bool stands;
static u32_t stands_at;

// A call on a lock or condition of our own cannot fail unless memory is damaged.
static void must(int rc) {
  if (rc != 0)
    sys_assert_failed(strerror(rc), __FILE__, __LINE__);
}

void sys_assert_failed(const char *what, const char *file, int line) {
  (void)fprintf(stderr, "error lwip: assertion failed: %s (%s:%d)\n", what, file, line);
  abort();
}

uint32_t sys_random(void) {
  uint32_t r = 0;
  if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
    sys_assert_failed("getrandom", __FILE__, __LINE__);
  return r;
}

static void cond_init(pthread_cond_t *c) {
  pthread_condattr_t a;
  must(pthread_condattr_init(&a));
  must(pthread_condattr_setclock(&a, CLOCK_MONOTONIC));
  must(pthread_cond_init(c, &a));
  must(pthread_condattr_destroy(&a));
}

// lwIP's milliseconds from now, as the absolute time that condition variables want.
static struct timespec deadline(u32_t ms) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  int64_t ns = (int64_t)ms * 1000000 / speed + t.tv_nsec;
  t.tv_sec += ns / 1000000000;
  t.tv_nsec = ns % 1000000000;
  return t;
}

// Waits on `c`; false when `until` (NULL: for ever) has passed.
static bool wait_until(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until) {
  int rc = until ? pthread_cond_timedwait(c, m, until) : pthread_cond_wait(c, m);
  if (rc == ETIMEDOUT)
    return false;
  must(rc);
  return true;
}

void lwip_clock_speed(unsigned factor) {
  speed = factor < 1 ? 1 : factor > 100 ? 100 : factor;
}

void lwip_clock_stand(unsigned ms) {
  stands = true;
  stands_at = ms;
}

u32_t sys_now(void) {
  if (stands)
    return stands_at;
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  int64_t ms = (int64_t)(t.tv_sec - start.tv_sec) * 1000 + (t.tv_nsec - start.tv_nsec) / 1000000;
  return (u32_t)((uint64_t)ms * speed); // wraps after 49 days, as lwIP expects
}

// --- semaphores

err_t sys_sem_new(sys_sem_t *sem, u8_t count) {
  struct sys_sem *s = calloc(1, sizeof *s);
  *sem = s;
  if (!s)
    return ERR_MEM;
  must(pthread_mutex_init(&s->lock, NULL));
  cond_init(&s->cond);
  s->count = count;
  return ERR_OK;
}

void sys_sem_free(sys_sem_t *sem) {
  struct sys_sem *s = *sem;
  if (!s)
    return;
  must(pthread_cond_destroy(&s->cond));
  must(pthread_mutex_destroy(&s->lock));
  free(s);
}

void sys_sem_signal(sys_sem_t *sem) {
  struct sys_sem *s = *sem;
  must(pthread_mutex_lock(&s->lock));
  s->count++;
  must(pthread_cond_signal(&s->cond));
  must(pthread_mutex_unlock(&s->lock));
}

// lwIP asks for the milliseconds waited; it only compares them with SYS_ARCH_TIMEOUT.
u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout) {
  struct sys_sem *s = *sem;
  struct timespec until = deadline(timeout);
  u32_t result = 0;
  must(pthread_mutex_lock(&s->lock));
  while (s->count == 0 && result == 0) {
    if (!wait_until(&s->cond, &s->lock, timeout ? &until : NULL) && s->count == 0)
      result = SYS_ARCH_TIMEOUT;
  }
  if (result == 0)
    s->count--;
  must(pthread_mutex_unlock(&s->lock));
  return result;
}

// --- mutexes

err_t sys_mutex_new(sys_mutex_t *mutex) {
  *mutex = calloc(1, sizeof **mutex);
  if (!*mutex)
    return ERR_MEM;
  must(pthread_mutex_init(*mutex, NULL));
  return ERR_OK;
}

void sys_mutex_free(sys_mutex_t *mutex) {
  if (!*mutex)
    return;
  must(pthread_mutex_destroy(*mutex));
  free(*mutex);
}

void sys_mutex_lock(sys_mutex_t *mutex) {
  must(pthread_mutex_lock(*mutex));
}

void sys_mutex_unlock(sys_mutex_t *mutex) {
  must(pthread_mutex_unlock(*mutex));
}

// --- mailboxes

err_t sys_mbox_new(sys_mbox_t *mbox, int size) {
  *mbox = NULL;
  if (size < 1 || size > MBOX_MAX)
    return ERR_VAL;
  struct sys_mbox *m = calloc(1, sizeof *m);
  if (!m)
    return ERR_MEM;
  must(pthread_mutex_init(&m->lock, NULL));
  cond_init(&m->not_empty);
  cond_init(&m->not_full);
  m->size = (unsigned)size;
  *mbox = m;
  return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *mbox) {
  struct sys_mbox *m = *mbox;
  if (!m)
    return;
  must(pthread_cond_destroy(&m->not_empty));
  must(pthread_cond_destroy(&m->not_full));
  must(pthread_mutex_destroy(&m->lock));
  free(m);
}

static void put(struct sys_mbox *m, void *msg) {
  m->msg[(m->first + m->used) % m->size] = msg;
  m->used++;
  must(pthread_cond_signal(&m->not_empty));
}

static void *take(struct sys_mbox *m) {
  void *msg = m->msg[m->first];
  m->first = (m->first + 1) % m->size;
  m->used--;
  must(pthread_cond_signal(&m->not_full));
  return msg;
}

void sys_mbox_post(sys_mbox_t *mbox, void *msg) {
  struct sys_mbox *m = *mbox;
  must(pthread_mutex_lock(&m->lock));
  while (m->used == m->size)
    (void)wait_until(&m->not_full, &m->lock, NULL);
  put(m, msg);
  must(pthread_mutex_unlock(&m->lock));
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *msg) {
  struct sys_mbox *m = *mbox;
  must(pthread_mutex_lock(&m->lock));
  bool room = m->used < m->size;
  if (room)
    put(m, msg);
  must(pthread_mutex_unlock(&m->lock));
  return room ? ERR_OK : ERR_MEM;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *msg) {
  return sys_mbox_trypost(mbox, msg);
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **msg, u32_t timeout) {
  struct sys_mbox *m = *mbox;
  struct timespec until = deadline(timeout);
  u32_t result = 0;
  must(pthread_mutex_lock(&m->lock));
  while (m->used == 0 && result == 0) {
    if (!wait_until(&m->not_empty, &m->lock, timeout ? &until : NULL) && m->used == 0)
      result = SYS_ARCH_TIMEOUT;
  }
  void *got = result == 0 ? take(m) : NULL;
  must(pthread_mutex_unlock(&m->lock));
  if (msg)
    *msg = got;
  return result;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **msg) {
  struct sys_mbox *m = *mbox;
  must(pthread_mutex_lock(&m->lock));
  bool any = m->used > 0;
  void *got = any ? take(m) : NULL;
  must(pthread_mutex_unlock(&m->lock));
  if (msg)
    *msg = got;
  return any ? 0 : SYS_MBOX_EMPTY;
}

// --- threads

struct entry {
  lwip_thread_fn run;
  void *arg;
  char name[16]; // the kernel's limit
};

static void *enter(void *arg) {
  struct entry e = *(struct entry *)arg;
  free(arg);
  (void)pthread_setname_np(pthread_self(), e.name); // only for people
  e.run(e.arg);
  return NULL;
}

// The stack size is a wish for small machines; here the system's default is kept, which sanitizers
// need. Threads of lwIP never end; they are detached.
sys_thread_t sys_thread_new(const char *name, lwip_thread_fn thread, void *arg, int stacksize,
                            int prio) {
  (void)stacksize;
  (void)prio;
  struct entry *e = calloc(1, sizeof *e);
  if (!e)
    sys_assert_failed("no memory for a thread", __FILE__, __LINE__);
  e->run = thread;
  e->arg = arg;
  (void)snprintf(e->name, sizeof e->name, "%s", name);
  pthread_t id;
  must(pthread_create(&id, NULL, enter, e));
  must(pthread_detach(id));
  return id;
}

// --- protection and the core lock

static pthread_mutex_t protect;
static pthread_mutex_t core;
// The owner as a number: pthread_t has no "nobody". 0 is no thread's address.
static atomic_uintptr_t core_owner, core_thread;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_once(void) {
  pthread_mutexattr_t a;
  must(pthread_mutexattr_init(&a));
  must(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE));
  must(pthread_mutex_init(&protect, &a));
  must(pthread_mutexattr_destroy(&a));
  must(pthread_mutex_init(&core, NULL));
  (void)clock_gettime(CLOCK_MONOTONIC, &start);
}

void sys_init(void) {
  must(pthread_once(&once, init_once));
}

sys_prot_t sys_arch_protect(void) {
  must(pthread_mutex_lock(&protect));
  return 0;
}

void sys_arch_unprotect(sys_prot_t level) {
  (void)level;
  must(pthread_mutex_unlock(&protect));
}

void sys_core_lock(void) {
  must(pthread_mutex_lock(&core));
  atomic_store(&core_owner, (uintptr_t)pthread_self());
}

void sys_core_unlock(void) {
  atomic_store(&core_owner, 0);
  must(pthread_mutex_unlock(&core));
}

void sys_mark_tcpip_thread(void) {
  atomic_store(&core_thread, (uintptr_t)pthread_self());
}

// Before the core's thread runs there is nobody to race with.
void sys_check_core_locking(void) {
  if (atomic_load(&core_thread) != 0 && atomic_load(&core_owner) != (uintptr_t)pthread_self())
    sys_assert_failed("lwIP called without its core lock", __FILE__, __LINE__);
}
