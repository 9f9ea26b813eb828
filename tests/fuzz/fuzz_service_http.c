// SPDX-License-Identifier: Apache-2.0
// One HTTP connection's bytes, in pieces whose sizes the input tells, into the service port.
#include "net/service/service_http.h"
#include "tests/fuzz/service_device.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
  const uint8_t *at;
  size_t left, step, answered;
};

static int peer_read(void *ctx, uint8_t *buf, size_t n) {
  struct peer *p = ctx;
  size_t m = p->left < p->step ? p->left : p->step;
  m = m < n ? m : n;
  memcpy(buf, p->at, m);
  p->at += m;
  p->left -= m;
  return (int)m;
}

static bool peer_write(void *ctx, const void *bytes, size_t n) {
  struct peer *p = ctx;
  if (p->answered == 0 && (n < 9 || memcmp(bytes, "HTTP/1.1 ", 9) != 0))
    abort();
  p->answered += n;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct service_http http;
  static struct service_worker worker;
  static struct service_config config = {.serial = "FUZZ", .upload_max = 4096};
  if (!config.ops) {
    config.ops = service_device_ops();
    sys_init();
    if (!service_http_init(&http, &config))
      abort();
  }
  if (size < 1)
    return 0;
  service_device_reset();
  http.claim = (struct service_claim){0};
  struct peer p = {.at = data + 1, .left = size - 1, .step = 1 + (size_t)data[0] * 8};
  const struct service_io io = {.read = peer_read, .write = peer_write, .ctx = &p};
  service_http_serve(&worker, &http, &io);
  service_device_check();
  return 0;
}
