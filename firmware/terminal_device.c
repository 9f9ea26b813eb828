// SPDX-License-Identifier: Apache-2.0
#include "firmware/terminal_private.h"

#include "board/log.h"

#include <stdlib.h>
#include <string.h>

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

bool terminal_start_socket(struct terminal *t, struct err *e) {
  static const struct device_socket_ops ops = {device_state, device_logs, device_snapshot};
  return t->config.service.socket[0] == '\0' ||
         device_socket_new(&t->socket, t->config.service.socket, t->config.service.group, &ops, t,
                           e) ||
         err_prefix(e, "service.socket");
}
