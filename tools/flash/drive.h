// SPDX-License-Identifier: Apache-2.0
// Drives that an image can be written to, behind an ops table: the machine's own (drive_system.h)
// and simulated ones (drive_sim.h).
#ifndef BAYPLATE_TOOLS_FLASH_DRIVE_H
#define BAYPLATE_TOOLS_FLASH_DRIVE_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define DRIVES_MAX 64
#define DRIVE_ALIGN 4096 // of offsets, lengths and memory in write and read; a drive's end excepted

struct drive_info {
  char name[32];    // "sdb"
  char path[1024];  // "/dev/sdb"
  char model[64];   // "" not told
  char mounts[256]; // where parts of it are mounted, blank between; "" nowhere
  char held[64];    // what else uses it (swap, LVM, RAID, encryption); "" nothing
  uint64_t size;    // bytes
  bool removable;   // a card, a stick, or plugged in by USB
  bool loop;        // a file under a loop device: for tests
  bool read_only;
  bool system; // this computer runs from it
};

struct drive_list {
  int n;
  bool more; // there are others beyond DRIVES_MAX
  struct drive_info drive[DRIVES_MAX];
};

// Errors of write, sync and read: ERR_NOT_FOUND the drive is gone, ERR_IO it does not take or give
// these bytes.
struct drive_ops {
  bool (*list)(void *ctx, struct drive_list *out, struct err *e);
  // For this program alone, past the page cache where that is possible. ERR_BUSY: in use;
  // ERR_DENIED.
  bool (*open)(void *ctx, const struct drive_info *d, void **handle, struct err *e);
  bool (*write)(void *handle, uint64_t at, const void *bytes, size_t n, struct err *e);
  bool (*sync)(void *handle, struct err *e);
  // Reads what the medium holds. *n comes back smaller only at the drive's end.
  bool (*read)(void *handle, uint64_t at, void *bytes, size_t *n, struct err *e);
  // Does read() surely bypass the page cache?
  bool (*uncached)(void *handle);
  void (*close)(void *handle);
};

struct drives {
  const struct drive_ops *ops;
  void *ctx;
};

// May an image of `need` bytes be written to it? Else a word why not and what to do about it, in
// the chosen language: ERR_DENIED the computer's own or fixed, ERR_BUSY mounted or held, ERR_LIMIT
// too small, ERR_STATE read-only.
BP_CHECK bool drive_allowed(const struct drive_info *d, uint64_t need, bool allow_fixed,
                            struct err *e);

// By name ("sdb") or path; NULL when it is not there.
const struct drive_info *drive_find(const struct drive_list *list, const char *name);

#endif
