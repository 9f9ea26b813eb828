// SPDX-License-Identifier: Apache-2.0
// The terminal's memory: one SQLite file in WAL mode, synchronous=FULL, foreign keys on.
//
// One writer handle (store_open) and any number of readers (store_open_reader). Every function may
// be called from any thread: a handle holds its own lock, calls on it run one after another. Give
// each group of threads its own reader, so that a slow history page never holds up an arrival.
//
// The store does not stop the terminal. When rows cannot be written (disk full, read-only, damaged
// while running) the write functions say so (ERR_FULL, ERR_DENIED, ERR_IO), but visits stay visible
// to all handles from memory (STORE_UNSAVED_MAX) and are written when it is possible again; see
// store_state and store_flush.
#ifndef BAYPLATE_FIRMWARE_STORE_H
#define BAYPLATE_FIRMWARE_STORE_H

#include "board/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_PATH_MAX 1024
#define STORE_UNSAVED_MAX 256 // visits kept in memory while nothing can be written

enum store_condition {
  STORE_OK,
  STORE_FULL,      // no space: new rows are refused until there is some; heals by itself
  STORE_READ_ONLY, // the file could only be opened for reading, or the disk became read-only
  STORE_MEMORY,    // no usable file: all is kept in memory and lost at the end. A caller must not
                   // offer the first-start set-up of users in this condition (the users are in the
                   // file that cannot be read)
  STORE_FAILED,    // input/output errors or damage found while running; set aside at next start
};

struct store_status {
  enum store_condition condition;
  char text[ERR_TEXT_MAX];        // what is wrong and what to do, "" when STORE_OK
  unsigned unsaved;               // visits that are only in memory
  uint64_t lost;                  // visits dropped because even the memory was full
  char set_aside[STORE_PATH_MAX]; // where a damaged file was put at open, "" if none
};

struct store_options {
  const char *path;  // of the database file; its folder must exist
  int64_t wall_ms;   // now; seeds revisions and names a damaged file
  unsigned busy_ms;  // wait for another process's lock; 0: 5000
  int64_t max_bytes; // limit of the database file; 0: none
};

// Opens or creates, migrates, checks. A damaged file (with its journal) is renamed to
// PATH.damaged-<UTC time> and a new one begun, with the users and settings that can still be read.
// A file that cannot be written is opened for reading; one that cannot be read at all, or was
// written by a newer program, is left alone and a database in memory used: look at store_state.
// Fails only with ERR_ARG, ERR_NOMEM.
BP_CHECK bool store_open(struct store **out, const struct store_options *options, struct err *e);

// A handle that only reads, on the writer's file. Writing through it fails with ERR_DENIED. Close
// it before the writer.
BP_CHECK bool store_open_reader(struct store **out, struct store *writer, struct err *e);

// NULL is fine. Unsaved visits are tried once more.
void store_close(struct store *s);

// Thread-safe snapshot; the same for the writer and its readers.
void store_state(struct store *s, struct store_status *out);

// Tries to write what is unsaved (writer only); call it every few seconds. True when nothing is
// left. Costs one small probe write when the condition is not STORE_OK, nothing otherwise.
BP_CHECK bool store_flush(struct store *s, struct err *e);

// Several calls as one transaction. The handle is locked for this thread from begin until
// commit/rollback. A failing commit has rolled back. Nests: only the outermost pair counts, an
// inner rollback makes the outer commit fail with ERR_STATE.
BP_CHECK bool store_begin(struct store *s, struct err *e);
BP_CHECK bool store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);

// Named numbers that only grow by what is added; a new one is 0. *value: the new value (may be
// NULL).
BP_CHECK bool store_counter_add(struct store *s, const char *name, int64_t n, int64_t *value,
                                struct err *e);
BP_CHECK bool store_counter_get(struct store *s, const char *name, int64_t *value, struct err *e);

// Small named texts (keys, secrets, switches). get: ERR_NOT_FOUND if never set, ERR_LIMIT if `size`
// is too small.
#define STORE_SETTING_MAX 4096
BP_CHECK bool store_setting_put(struct store *s, const char *name, const char *value,
                                struct err *e);
BP_CHECK bool store_setting_get(struct store *s, const char *name, char *value, size_t size,
                                struct err *e);

// What a person typed as a plate, as plates are stored: ASCII letters upper case, full-width
// letters and digits made ASCII, dots (. · • ・ ．), blanks, hyphens left out. Anything else is
// kept. False (out = "") when it does not fit or is not UTF-8. Empty is fine.
bool store_plate_normalise(const char *text, char *out, size_t size);

#endif
