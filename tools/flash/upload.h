// SPDX-License-Identifier: Apache-2.0
// Sends a bundle through a board's service port (docs/service-port.md), going on after every
// interruption.
#ifndef BAYPLATE_TOOLS_FLASH_UPLOAD_H
#define BAYPLATE_TOOLS_FLASH_UPLOAD_H

#include "tools/flash/checked_bundle.h"
#include "tools/flash/progress.h"

#include <signal.h>

struct upload_board {
  char serial[64], model[64], version[64], slot[16];
};

struct upload {
  const char *address; // "bayplate-BP-0001.local", "10.213.77.1", with or without ":PORT"
  const char *claim;
  struct progress *progress;
  const volatile sig_atomic_t *stop; // may be NULL
  long first_pause_ms;               // after an interruption; doubles up to 20 times as much
  int tries;                         // interruptions in a row without one new byte before giving up
};

// Who is there? ERR_NET nobody answers, ERR_FORMAT something else does.
BP_CHECK bool upload_identity(const struct upload *u, struct upload_board *out, struct err *e);

// Sends it. had_it: the board had it whole already. ERR_DENIED wrong claim code; ERR_LIMIT,
// ERR_FULL too large for the board or its disk; ERR_NET given up after `tries`; ERR_FORMAT the
// board's copy has another sum; ERR_STATE stopped.
BP_CHECK bool upload_send(const struct upload *u, const char *path, const struct checked_bundle *b,
                          bool *had_it, struct err *e);

#endif
