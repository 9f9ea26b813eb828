// SPDX-License-Identifier: Apache-2.0
// What the work writes and the look reads, told once.
#ifndef BAYPLATE_TOOLS_POWER_NAMES_H
#define BAYPLATE_TOOLS_POWER_NAMES_H

#include "board/clock_kept.h"
#include "firmware/store_visit.h"

#include <stddef.h>

#define POWER_PATH_MAX 900
#define POWER_VALUE_MAX 160
#define POWER_HASH_MAX 17
#define POWER_NOW INT64_C(1772932353000) // 2026-03-08T09:12:33+08:00
#define POWER_DB "bayplate.db"
#define POWER_CROPS "evidence"
#define POWER_CORRECTIONS "corrections"
#define POWER_CLOCK "clock"
#define POWER_SPOOL "spool"
#define POWER_TLS "tls"
#define POWER_SETTINGS 4
#define POWER_USERS 2

const char *power_path(char out[POWER_PATH_MAX], const char *root, const char *name);
void power_hash(const void *bytes, size_t n, char out[POWER_HASH_MAX]);
// The n-th car's visit as it begins.
void power_visit(int n, struct store_visit *out);
// All of a visit that was promised, with its crop's hash.
void power_visit_value(const struct store_visit *v, const char *crop, char out[POWER_VALUE_MAX]);

#endif
