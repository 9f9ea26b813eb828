// SPDX-License-Identifier: Apache-2.0
// lwIP's system layer on POSIX threads, with threads that really race.
#include "lwip/opt.h"

#include "lwip/err.h"
#include "lwip/sys.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// After the headers that it needs.
#include <cmocka.h>

#define ROUNDS 2000
#define THREADS 4

static void a_semaphore_counts(void **state) {
  (void)state;
  sys_sem_t s;
  assert_int_equal(sys_sem_new(&s, 1), ERR_OK);
  assert_int_equal(sys_arch_sem_wait(&s, 0), 0);
  assert_int_equal(sys_arch_sem_wait(&s, 10), SYS_ARCH_TIMEOUT);
  sys_sem_signal(&s);
  sys_sem_signal(&s);
  assert_int_equal(sys_arch_sem_wait(&s, 10), 0);
  assert_int_equal(sys_arch_sem_wait(&s, 10), 0);
  sys_sem_free(&s);
  sys_sem_set_invalid(&s);
  assert_false(sys_sem_valid(&s));
}

static void a_mailbox_keeps_order_and_its_bound(void **state) {
  (void)state;
  sys_mbox_t m;
  int a, b, c;
  void *got = NULL;
  assert_int_equal(sys_mbox_new(&m, 2), ERR_OK);
  assert_int_equal(sys_arch_mbox_tryfetch(&m, &got), SYS_MBOX_EMPTY);
  assert_int_equal(sys_arch_mbox_fetch(&m, &got, 10), SYS_ARCH_TIMEOUT);
  assert_int_equal(sys_mbox_trypost(&m, &a), ERR_OK);
  assert_int_equal(sys_mbox_trypost(&m, &b), ERR_OK);
  assert_int_equal(sys_mbox_trypost(&m, &c), ERR_MEM);
  assert_int_equal(sys_arch_mbox_fetch(&m, &got, 0), 0);
  assert_ptr_equal(got, &a);
  assert_int_equal(sys_mbox_trypost(&m, &c), ERR_OK);
  assert_int_equal(sys_arch_mbox_tryfetch(&m, &got), 0);
  assert_ptr_equal(got, &b);
  assert_int_equal(sys_arch_mbox_fetch(&m, NULL, 0), 0); // the message may be thrown away
  sys_mbox_free(&m);
  assert_int_equal(sys_mbox_new(&m, 0), ERR_VAL);
  assert_int_equal(sys_mbox_new(&m, 100000), ERR_VAL);
}

static sys_mbox_t box;

static void *producer(void *arg) {
  for (uintptr_t i = 1; i <= ROUNDS; i++)
    sys_mbox_post(&box, (void *)((uintptr_t)arg + i));
  return NULL;
}

// Each sender's messages must come whole and in its own order, though the box holds only three.
static void senders_wait_for_room_and_nothing_is_lost(void **state) {
  (void)state;
  pthread_t t[THREADS];
  uintptr_t last[THREADS] = {0};
  assert_int_equal(sys_mbox_new(&box, 3), ERR_OK);
  for (uintptr_t i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&t[i], NULL, producer, (void *)(i << 32)), 0);
  for (int n = 0; n < THREADS * ROUNDS; n++) {
    void *got = NULL;
    assert_int_equal(sys_arch_mbox_fetch(&box, &got, 20000), 0);
    uintptr_t from = (uintptr_t)got >> 32, number = (uintptr_t)got & 0xffffffff;
    assert_in_range(from, 0, THREADS - 1);
    assert_int_equal(number, last[from] + 1);
    last[from] = number;
  }
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_join(t[i], NULL), 0);
  sys_mbox_free(&box);
}

static unsigned counter;
static sys_mutex_t mutex;

static void *protector(void *arg) {
  (void)arg;
  for (int i = 0; i < ROUNDS; i++) {
    sys_prot_t outer = sys_arch_protect();
    sys_prot_t inner = sys_arch_protect(); // lwIP nests them
    counter++;
    sys_arch_unprotect(inner);
    sys_arch_unprotect(outer);
    sys_mutex_lock(&mutex);
    counter++;
    sys_mutex_unlock(&mutex);
  }
  return NULL;
}

static void *locker(void *arg) {
  (void)arg;
  for (int i = 0; i < ROUNDS; i++) {
    sys_mutex_lock(&mutex);
    sys_prot_t p = sys_arch_protect();
    counter++;
    sys_arch_unprotect(p);
    sys_mutex_unlock(&mutex);
  }
  return NULL;
}

static void protection_excludes(void **state) {
  (void)state;
  pthread_t t[THREADS];
  counter = 0;
  assert_int_equal(sys_mutex_new(&mutex), ERR_OK);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&t[i], NULL, locker, NULL), 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_join(t[i], NULL), 0);
  assert_int_equal(counter, THREADS * ROUNDS);
  assert_null(protector(NULL));
  assert_int_equal(counter, (THREADS + 2) * ROUNDS);
  sys_mutex_free(&mutex);
}

static void time_goes_forward(void **state) {
  (void)state;
  u32_t before = sys_now();
  sys_msleep(20);
  assert_true(sys_now() - before >= 20);
}

static void random_numbers_differ(void **state) {
  (void)state;
  uint32_t a = sys_random(), b = sys_random(), c = sys_random();
  assert_false(a == b && b == c);
}

int main(void) {
  sys_init();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_semaphore_counts),
      cmocka_unit_test(a_mailbox_keeps_order_and_its_bound),
      cmocka_unit_test(senders_wait_for_room_and_nothing_is_lost),
      cmocka_unit_test(protection_excludes),
      cmocka_unit_test(time_goes_forward),
      cmocka_unit_test(random_numbers_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
