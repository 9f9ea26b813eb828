// SPDX-License-Identifier: Apache-2.0
// Evidence crops as JPEG files DIR/YYYY/MM/DD/<visit>-<number>.jpg (local date). A file is durable
// before the row that names it. Thread-safe.
#ifndef BAYPLATE_FIRMWARE_EVIDENCE_H
#define BAYPLATE_FIRMWARE_EVIDENCE_H

#include "board/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_PATH_MAX 64          // as STORE_EVIDENCE_MAX
#define EVIDENCE_BYTES_MAX (8u << 20) // one crop
#define EVIDENCE_FILES_MAX (1u << 20) // looked at in one rotation

struct evidence;

struct evidence_options {
  const char *dir;        // created when missing (its parent must exist)
  uint64_t budget_bytes;  // files together at most; 0 is refused
  uint64_t reserve_bytes; // of the disk that stay free for the database; 0: none
};

// ERR_ARG, ERR_NOMEM. A folder that cannot be made or read does not fail: each write then says why,
// so that the terminal goes on without pictures.
BP_CHECK bool evidence_open(struct evidence **out, const struct evidence_options *o, struct err *e);
void evidence_free(struct evidence *ev); // NULL is fine

// Writes one crop durably (file, rename, folder) and puts its path below DIR into `path`. `number`
// is any number not used for this visit before: the visit's last rev + 1. ERR_FULL, ERR_DENIED,
// ERR_IO; ERR_LIMIT beyond EVIDENCE_BYTES_MAX. Does not rotate.
BP_CHECK bool evidence_write(struct evidence *ev, uint64_t visit, uint64_t number, int64_t wall_ms,
                             const void *jpeg, size_t len, char path[EVIDENCE_PATH_MAX],
                             struct err *e);

// Reads one crop into malloc'ed memory that the caller frees. ERR_NOT_FOUND: gone by rotation, or
// never was. ERR_ARG: `path` is not of the form above (so no path of another form is ever opened;
// symbolic links are not followed).
BP_CHECK bool evidence_read(struct evidence *ev, const char *path, void **jpeg, size_t *len,
                            struct err *e);

// Is `path` of the form evidence_write makes?
bool evidence_path_valid(const char *path);
// The number in the file's name, 0 when the path is not valid.
uint64_t evidence_path_number(const char *path);

struct evidence_usage {
  uint64_t files, bytes; // there now
  uint64_t removed;      // by this call
};

// Call on a timer (once a minute), whatever else works or fails: deletes the oldest crops (smallest
// visit number first, so a wrong clock does not matter) until the files take at most 90 % of the
// budget, when they are over it or the reserve is used. Looks at the folder only when needed and
// once an hour. Left-over temporary files and empty folders go too. usage may be NULL.
BP_CHECK bool evidence_rotate(struct evidence *ev, int64_t mono_ms, struct evidence_usage *usage,
                              struct err *e);

#endif
