// SPDX-License-Identifier: Apache-2.0
// How far an export is: a small file in memory (/run) that bayplate-export writes as it goes on and
// the device page reads.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_STATE_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_STATE_H

#include "board/err.h"

#include <stdint.h>

enum export_phase {
  EXPORT_NONE,   // there was none since the start
  EXPORT_RUNS,   // or died without a word: export_running() knows
  EXPORT_DONE,   // all of it was taken
  EXPORT_FAILED, // it could not be made
  EXPORT_GONE,   // who took it went away before the end
};

struct export_state {
  enum export_phase phase;
  char what[8];        // "files" or "image"
  uint64_t read, size; // bytes of the partition (image) or of files so far; of all, 0: not known
  uint64_t sent;       // compressed bytes
  uint64_t files;      // members taken from the file system
  uint64_t bad;        // blocks, or files, that could not be read
  char sha256[65];     // of all that was sent, once done
  char error[160];
};

// "none" "runs" "done" "failed" "gone". Never NULL.
const char *export_phase_name(enum export_phase p);

// Whole or not at all, readable by all. ERR_IO and others by errno.
BP_CHECK bool export_state_write(const char *path, const struct export_state *s, struct err *e);
// No file, or "": EXPORT_NONE. ERR_FORMAT: not such a file; *out is EXPORT_NONE then.
BP_CHECK bool export_state_load(struct export_state *out, const char *path, struct err *e);

// One at a time: holds `lock_file` (which must be there, and is not written) until *fd is closed.
// ERR_BUSY: another export holds it. ERR_NOT_FOUND: no such file.
BP_CHECK bool export_lock(int *fd, const char *lock_file, struct err *e);
// Does somebody hold it?
bool export_running(const char *lock_file);

#endif
