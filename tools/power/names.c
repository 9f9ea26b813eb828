// SPDX-License-Identifier: Apache-2.0
#include "tools/power/names.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char *power_path(char out[POWER_PATH_MAX], const char *root, const char *name) {
  (void)snprintf(out, POWER_PATH_MAX, "%s/%s", root, name);
  return out;
}

void power_hash(const void *bytes, size_t n, char out[POWER_HASH_MAX]) {
  unsigned char h[16];
  (void)crypto_generichash(h, sizeof h, bytes, n, NULL, 0);
  sodium_bin2hex(out, POWER_HASH_MAX, h, 8);
}

void power_visit(int n, struct store_visit *out) {
  *out = (struct store_visit){.id = (uint64_t)n + 1,
                              .certainty = VISIT_UNSURE,
                              .direction = DIRECTION_IN,
                              .type = PLATE_BLUE,
                              .confidence = 0.5,
                              .opened_ms = POWER_NOW + n * INT64_C(60000),
                              .last_seen_ms = POWER_NOW + n * INT64_C(60000) + 9000,
                              .clock_trusted = true};
  (void)snprintf(out->text, sizeof out->text, "粤A%05d", 10000 + n);
}

void power_visit_value(const struct store_visit *v, const char *crop, char out[POWER_VALUE_MAX]) {
  (void)snprintf(out, POWER_VALUE_MAX, "%s %s %s %.2f %s", v->text, store_phase_name(v->phase),
                 store_certainty_name(v->certainty), v->confidence, crop);
}
