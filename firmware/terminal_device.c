// SPDX-License-Identifier: Apache-2.0
#include "firmware/terminal_private.h"

#include "board/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SNAPSHOT_MS 1000 // how long a picture for the service port is waited for

void terminal_identify(struct terminal *t) {
  struct err e;
  if (!device_id_load(&t->id, t->config.device_file, &e))
    log_error("device", "who this board is cannot be read: %s", e.text);
  else if (t->id.serial[0])
    log_info("device", "serial=%s model=%s", t->id.serial, t->id.model);
}

// What the service port asks, on its socket's thread.
static bool device_state(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  char *json = NULL;
  if (!status_json(&((struct terminal *)ctx)->status, &json, e))
    return false;
  *bytes = (uint8_t *)json;
  *len = strlen(json);
  return true;
}

static bool device_logs(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  (void)ctx;
  *bytes = malloc(LOG_TAIL_MAX + 1);
  if (!*bytes)
    return err_set(e, ERR_NOMEM, "no memory");
  *len = log_tail((char *)*bytes, LOG_TAIL_MAX + 1);
  return true;
}

static bool device_snapshot(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  return newest_jpeg(((struct terminal *)ctx)->newest, SNAPSHOT_MS, bytes, len, e);
}

static bool device_identity(void *ctx, uint8_t **bytes, size_t *len, struct err *e) {
  struct terminal *t = ctx;
  if (!t->identity)
    return err_set(e, ERR_NOT_FOUND, "there is no HTTPS");
  char *print = malloc(CERT_PRINT_MAX);
  if (!print)
    return err_set(e, ERR_NOMEM, "no memory");
  tls_identity_print(t->identity, print);
  *bytes = (uint8_t *)print;
  *len = CERT_PRINT_MAX - 1;
  return true;
}

bool terminal_start_device_page(struct terminal *t, struct err *e) {
  const struct device_page_options o = {.clock = t->clock,
                                        .clock_need_sync = t->config.shop.clock_need_sync,
                                        .id = &t->id,
                                        .release_file = t->config.release_file,
                                        .report_file = t->config.update_file,
                                        .state_file = t->config.update_state,
                                        .recovery_file = t->config.recovery_file,
                                        .trouble_file = t->config.trouble_file,
                                        .repair_file = t->config.repair_file,
                                        .encryption_file = t->config.encryption_file,
                                        .export_socket = t->config.export_socket,
                                        .export_state = t->config.export_state,
                                        .export_device = t->config.export_device,
                                        .store_dir = t->config.store.dir,
                                        .reserve_bytes = (uint64_t)t->config.store.reserve_mb
                                                         << 20};
  return device_page_new(&t->device_page, &o, e) || err_prefix(e, "device page");
}

// A flashed board's name is made of its serial, as on the service port; another machine has its
// own.
static void name_host(struct terminal *t) {
  struct cert_names one = {0};
  struct err ignored;
  char host[sizeof t->host] = "";
  if (t->id.serial[0]) {
    (void)snprintf(t->host, sizeof t->host, "bayplate-%s", t->id.serial);
    return;
  }
  (void)gethostname(host, sizeof host - 1); // without one it stays empty
  host[strcspn(host, ".")] = '\0';
  (void)snprintf(t->host, sizeof t->host, "%s",
                 cert_names_add(&one, host, &ignored) ? host : "bayplate");
}

bool terminal_start_identity(struct terminal *t, struct err *e) {
  if (t->config.http.tls_port < 0)
    return true;
  name_host(t);
  (void)snprintf(t->identity_dir, sizeof t->identity_dir, "%s/tls", t->config.store.dir);
  const struct tls_identity_options o = {.clock = t->clock,
                                         .clock_need_sync = t->config.shop.clock_need_sync,
                                         .name = t->host,
                                         .dir = t->identity_dir,
                                         .cert_file = t->config.http.tls_cert,
                                         .key_file = t->config.http.tls_key};
  return tls_identity_new(&t->identity, &o, e) || err_prefix(e, "HTTPS");
}

bool terminal_start_socket(struct terminal *t, struct err *e) {
  static const struct device_socket_ops ops = {device_state, device_logs, device_snapshot,
                                               device_identity};
  return t->config.service.socket[0] == '\0' ||
         device_socket_new(&t->socket, t->config.service.socket, t->config.service.group, &ops, t,
                           e) ||
         err_prefix(e, "service.socket");
}
