// SPDX-License-Identifier: Apache-2.0
// What system image this is: /etc/bayplate-release, lines of NAME=VALUE.
#ifndef BAYPLATE_FIRMWARE_RELEASE_H
#define BAYPLATE_FIRMWARE_RELEASE_H

#include "board/err.h"

#include <stdint.h>

#define RELEASE_WORD_MAX 64

struct release {
  char board[RELEASE_WORD_MAX], compatible[RELEASE_WORD_MAX];
  char version[RELEASE_WORD_MAX], minimum[RELEASE_WORD_MAX]; // minimum: the oldest version taken
  int64_t built_s;                                           // since 1970 UTC; 0: not told
  int support_months; // security updates after it; 0: not told
};

// Names that are not known are left out. ERR_NOT_FOUND, others by errno; *out is empty then.
BP_CHECK bool release_load(struct release *out, const char *path, struct err *e);

// "2028-11-26", the last day with security updates, "" when it is not told; the same for the day it
// was built.
void release_supported_until(const struct release *r, char out[11]);
void release_built(const struct release *r, char out[11]);

#endif
