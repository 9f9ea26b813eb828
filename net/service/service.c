// SPDX-License-Identifier: Apache-2.0
#include "net/service/service.h"

#include "lwip/tcpip.h"
#include "net/service/service_core.h"
#include "net/service/service_http_server.h"

static struct {
  const struct service_config *config;
  sys_sem_t ready;
  bool failed;
} service;

static void on_core(void *arg) {
  (void)arg;
  service.failed = !service_core_start(service.config, tcpip_input);
  sys_sem_signal(&service.ready);
}

static bool is_serial(const char *s) {
  size_t n = 0;
  for (; s[n]; n++) {
    char c = s[n];
    if (n == SERVICE_WORD_MAX - 1 || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                       (c >= '0' && c <= '9') || (c == '-' && n > 0)))
      return false;
  }
  return n > 0 && s[n - 1] != '-';
}

int service_start(const struct service_config *config) {
  if (!is_serial(config->serial))
    return SERVICE_INVALID;
  service.config = config;
  sys_init();
  if (sys_sem_new(&service.ready, 0) != ERR_OK)
    return SERVICE_IO;
  tcpip_init(on_core, NULL);
  (void)sys_arch_sem_wait(&service.ready, 0);
  if (service.failed || !service_http_server_start(config))
    return SERVICE_IO;
  return SERVICE_OK;
}

void service_input(const uint8_t *frame, size_t n) {
  service_core_input(frame, n);
}

void service_link(bool up) {
  LOCK_TCPIP_CORE();
  service_core_link(up);
  UNLOCK_TCPIP_CORE();
}

uint32_t service_address(void) {
  LOCK_TCPIP_CORE();
  uint32_t a = service_core_address();
  UNLOCK_TCPIP_CORE();
  return a;
}
