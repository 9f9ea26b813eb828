// SPDX-License-Identifier: Apache-2.0
// Writes down every call that changes files below one folder, from this program and its libraries
// (SQLite among them), so that tools/power-cut can play them again up to any one and cut there.
// The calls are caught by functions of the same names in this program (record_calls.c), which do
// what libc's do and then note it.
#ifndef BAYPLATE_TOOLS_POWER_RECORD_H
#define BAYPLATE_TOOLS_POWER_RECORD_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What a record is. Numbers are the file's descriptor and an offset or flag; texts are paths.
enum record_kind {
  RECORD_OPEN = 'O',   // fd; 1: it was made, 2: it was emptied; path
  RECORD_CLOSE = 'C',  // fd
  RECORD_WRITE = 'W',  // fd, offset; the bytes
  RECORD_SIZE = 'T',   // fd, size
  RECORD_SYNC = 'S',   // fd: file or folder
  RECORD_RENAME = 'R', // from, to
  RECORD_UNLINK = 'U', // path
  RECORD_MKDIR = 'M',  // path
  RECORD_RMDIR = 'D',  // path
  RECORD_MARK = 'A',   // what the program promises: see record_mark
};

#define RECORD_MARK_SECTOR 1024 // of 512 bytes; tools/power/disk.py knows it, too

// Begins: what happens below `root` is noted. At most 512 MB, then it stops with the program.
BP_CHECK bool record_begin(const char *root, struct err *e);
// Notes that the program begins, or has been told of the success of, making `key` be `value`.
// Neither holds a line break.
void record_mark(bool done, const char *key, const char *value);
// Instead of record_begin: nothing is noted but the marks, each at once on the disk `device`
// itself, past its page cache, in its sector RECORD_MARK_SECTOR (behind the partition table, before
// the first partition): whoever writes down what a virtual board's disk is told finds the marks in
// their place among the other writes.
BP_CHECK bool record_marks_to(const char *device, struct err *e);
// Ends and writes all to a file. Each record: kind (1 byte), two numbers (8 bytes each), two
// lengths (4 bytes each), all little-endian, then the two texts.
BP_CHECK bool record_end(const char *path, struct err *e);

// For record_calls.c.
void record_note(enum record_kind kind, int64_t a, int64_t b, const void *one, size_t one_n,
                 const void *two, size_t two_n);
bool record_running(void);
// Below the root? Then `out` is its whole path. `dir`: as of openat.
bool record_path(int dir, const char *path, char *out, size_t size);
// Which descriptors are of files below the root.
void record_fd_set(int fd, const char *path); // NULL: closed
bool record_fd_is(int fd);

#endif
