// SPDX-License-Identifier: Apache-2.0
// The two system partitions as the updater sees them. Drivers: RAUC's program, and a simulated pair
// for tests.
#ifndef BAYPLATE_BOARD_SLOTS_H
#define BAYPLATE_BOARD_SLOTS_H

#include "board/err.h"

struct slots_ops {
  // Is the bundle's signature one that this device accepts? ERR_DENIED: it is not, the text says
  // why. ERR_IO: could not be asked.
  bool (*trusts)(void *ctx, const char *path, struct err *e);
  // Writes the spare slot and makes it the next one to start. What runs stays as it is.
  // `told` (may be NULL) is called with how much of it is done, 0 to 100, as the driver knows it.
  bool (*install)(void *ctx, const char *path, void (*told)(void *to, int percent), void *to,
                  struct err *e);
  // Restarts the board into the slot that is next. Returns when that is under way.
  bool (*restart)(void *ctx, struct err *e);
};

// RAUC's program. `program` NULL: "rauc" of the search path; `conf` NULL: /etc/rauc/system.conf,
// whose keyring says which signatures are accepted. `restart` NULL: what systemctl reboot does. All
// must outlive the calls.
struct slots_rauc {
  const char *program, *conf;
  const char *restart;
};
extern const struct slots_ops slots_rauc_ops; // ctx: struct slots_rauc

// Simulated: counts what was asked of it.
struct slots_sim {
  bool distrust, fail_install; // what it is to answer
  int trusted, installed, restarted;
};
extern const struct slots_ops slots_sim_ops; // ctx: struct slots_sim

#endif
