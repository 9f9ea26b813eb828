// SPDX-License-Identifier: Apache-2.0
#include "board/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

#define FRAMES 2000

static struct wire *open_pair(int *far) {
  int fd[2];
  struct err e;
  struct wire *w = NULL;
  assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
  assert_true(wire_open_fd(&w, fd[0], &e));
  *far = fd[1];
  return w;
}

static void frames_pass_whole_and_apart(void **state) {
  (void)state;
  int far;
  uint8_t buf[64];
  struct wire *w = open_pair(&far);
  assert_true(wire_link(w));
  assert_int_equal(wire_recv(w, buf, sizeof buf, 0), 0);
  assert_true(wire_send(w, (const uint8_t *)"abc", 3));
  assert_true(wire_send(w, (const uint8_t *)"defgh", 5));
  assert_int_equal(read(far, buf, sizeof buf), 3);
  assert_int_equal(read(far, buf, sizeof buf), 5);
  assert_int_equal(write(far, "xyz", 3), 3);
  assert_int_equal(wire_recv(w, buf, sizeof buf, 1000), 3);
  assert_memory_equal(buf, "xyz", 3);
  assert_int_equal(close(far), 0);
  assert_int_equal(wire_recv(w, buf, sizeof buf, 1000), -1);
  wire_free(w);
}

static void a_full_wire_drops(void **state) {
  (void)state;
  int far;
  uint8_t frame[1000] = {0};
  struct wire *w = open_pair(&far);
  int sent = 0;
  while (sent < 100000 && wire_send(w, frame, sizeof frame))
    sent++;
  assert_in_range(sent, 1, 99999);
  assert_int_equal(close(far), 0);
  wire_free(w);
}

// Sends numbered frames; writes down in `got` which arrive, in their order. Returns how many.
static int pass(const struct wire_faults *f, bool outward, int got[2 * FRAMES]) {
  int far, n = 0;
  struct err e;
  struct wire *w = open_pair(&far);
  assert_true(wire_open_lossy(&w, w, f, &e));
  for (int i = 0; i <= FRAMES; i++) {
    int frame;
    bool more = i < FRAMES;
    if (more && outward)
      (void)wire_send(w, (const uint8_t *)&i, sizeof i);
    else if (more)
      assert_int_equal(write(far, &i, sizeof i), sizeof i);
    for (int tries = 0; tries < 3; tries++) { // a doubled or late one is given with the next call
      ssize_t m = outward ? read(far, &frame, sizeof frame)
                          : wire_recv(w, (uint8_t *)&frame, sizeof frame, 0);
      if (m == (ssize_t)sizeof frame)
        got[n++] = frame;
      // Inward, an empty wire lets the late frame out; look again only while the next one waits.
      if (!outward && more && tries == 0 && m <= 0)
        break;
    }
  }
  assert_int_equal(close(far), 0);
  wire_free(w);
  return n;
}

static void check_faults(bool outward) {
  static int got[2 * FRAMES], again[2 * FRAMES];
  const struct wire_faults f = {.lost = 25, .doubled = 5, .swapped = 10, .seed = 42};
  int n = pass(&f, outward, got), times[FRAMES] = {0}, swapped = 0;
  for (int i = 0; i < n; i++) {
    times[got[i]]++;
    swapped += i > 0 && got[i] < got[i - 1];
  }
  int lost = 0, doubled = 0;
  for (int i = 0; i < FRAMES; i++) {
    lost += times[i] == 0;
    doubled += times[i] == 2;
    assert_in_range(times[i], 0, 2);
  }
  assert_in_range(lost, FRAMES / 5, FRAMES * 3 / 10);
  assert_in_range(doubled, FRAMES / 40, FRAMES / 10);
  if (outward)
    assert_in_range(swapped, FRAMES / 20, FRAMES * 3 / 20);
  assert_int_equal(pass(&f, outward, again), n); // the same seed: the same fate
  assert_memory_equal(got, again, (size_t)n * sizeof got[0]);
  const struct wire_faults other = {.lost = 25, .doubled = 5, .swapped = 10, .seed = 43};
  int m = pass(&other, outward, again);
  assert_true(m != n || memcmp(got, again, (size_t)n * sizeof got[0]) != 0);
}

static void faults_come_as_asked_for_outward(void **state) {
  (void)state;
  check_faults(true);
}

static void faults_come_as_asked_for_inward(void **state) {
  (void)state;
  check_faults(false);
}

static void what_is_not_there_has_words(void **state) {
  (void)state;
  struct err e;
  struct wire *w = NULL;
  uint8_t mac[6];
  assert_false(wire_open_tap(&w, "a-name-far-too-long-for-linux", &e));
  assert_int_equal(e.code, ERR_ARG);
  assert_false(wire_interface_mac("", mac, &e));
  assert_int_equal(e.code, ERR_ARG);
  wire_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_pass_whole_and_apart),
      cmocka_unit_test(a_full_wire_drops),
      cmocka_unit_test(faults_come_as_asked_for_outward),
      cmocka_unit_test(faults_come_as_asked_for_inward),
      cmocka_unit_test(what_is_not_there_has_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
