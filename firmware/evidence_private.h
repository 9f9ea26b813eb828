// SPDX-License-Identifier: Apache-2.0
// Inside of the evidence modules only.
#ifndef BAYPLATE_FIRMWARE_EVIDENCE_PRIVATE_H
#define BAYPLATE_FIRMWARE_EVIDENCE_PRIVATE_H

#include "firmware/evidence.h"

#include <pthread.h>

struct evidence {
  pthread_mutex_t lock;
  char *dir;
  uint64_t budget, reserve;
  uint64_t files, bytes; // as counted last, plus what was written since
  bool counted;
  int64_t counted_ms; // monotonic
};

// The evidence folder, made when missing; -1 on error. The caller closes it.
int evidence_root(struct evidence *ev, struct err *e);

#endif
