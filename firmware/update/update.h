// SPDX-License-Identifier: Apache-2.0
// From a file that claims to be an update to the spare slot: every check comes before the slot is
// touched.
#ifndef BAYPLATE_FIRMWARE_UPDATE_UPDATE_H
#define BAYPLATE_FIRMWARE_UPDATE_UPDATE_H

#include "board/slots.h"
#include "firmware/update/update_state.h"

#include <stdint.h>

enum update_result {
  UPDATE_INSTALLED,
  UPDATE_FINE,        // only checked
  UPDATE_NO_BUNDLE,   // not a bundle at all
  UPDATE_UNSIGNED,    // no signature
  UPDATE_TRUNCATED,   // the end is missing
  UPDATE_WRONG_KEY,   // a signature that this device does not accept, or that does not hold
  UPDATE_DAMAGED,     // contents other than what was signed
  UPDATE_WRONG_BOARD, // for another board
  UPDATE_TOO_OLD,     // older than this device takes
  UPDATE_DISK_FULL,   // no room to note how it went
  UPDATE_KNOWN,       // it runs already, or was tried before and failed; not worth a report
  UPDATE_CAR,         // a car stayed in the bay for as long as was waited
  UPDATE_FAILED,      // installing failed; what runs is as it was
  UPDATE_UNREADABLE   // the file could not be read: a stick that was pulled out
};
#define UPDATE_RESULTS (UPDATE_UNREADABLE + 1)

struct update_options {
  const struct slots_ops *slots;
  void *slots_ctx;
  const char *compatible;   // of this board
  const char *minimum;      // oldest version taken; "" for any
  const char *const *known; // versions that are not taken again, ended by NULL; NULL: none
  const char *state_dir;    // where how it went is noted: must have room
  uint64_t reserve_bytes;   // that must be free there
  bool check_only;
  // Is a car in the bay? NULL: never. Asked every poll_ms, for at most patience_ms; `rest` waits.
  bool (*car)(void *ctx);
  void (*rest)(void *ctx, unsigned ms);
  void *ctx;
  unsigned poll_ms, patience_ms;
  unsigned announce_ms; // how long before the restart it is told
  // How far it is, for those who look on; NULL: nobody. left_ms: until the restart
  // (UPDATE_RESTART).
  void (*told)(void *ctx, enum update_phase phase, int percent, unsigned left_ms);
};

// A manifest with this "build" may be older than the minimum: whoever holds the signing key has
// said so on purpose (bayplate-bundle make --rollback).
#define UPDATE_ROLLBACK "rollback"

// Checks `path` in the order of the results above; then waits until no car is in the bay, installs.
// The board is not restarted. *e tells what was found; version (at least 64 bytes, may be NULL)
// what the manifest says.
BP_CHECK enum update_result update_run(const struct update_options *o, const char *path,
                                       char *version, struct err *e);

// Restarts into the new slot: waits until no car is in the bay (at most patience_ms), tells the
// restart announce_ms before, and waits again when a car comes meanwhile.
BP_CHECK bool update_restart(const struct update_options *o, struct err *e);

// "wrong-key": for machines, the same for ever.
const char *update_result_name(enum update_result r);
// For people: what it means and what to do.
const char *update_result_zh(enum update_result r);
const char *update_result_en(enum update_result r);

#endif
