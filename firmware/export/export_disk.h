// SPDX-License-Identifier: Apache-2.0
// A partition that is read to its end whatever it answers: blocks that cannot be read are zeros,
// and are counted.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_DISK_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_DISK_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXPORT_BLOCK 4096      // what is given up at once
#define EXPORT_PIECE (1 << 20) // most that is read at once
#define EXPORT_RANGES 256      // unreadable places that are told one by one; all are counted

struct export_range {
  uint64_t from, length; // bytes
};

struct export_disk {
  int fd;
  uint64_t size;
  // As pread(2); another one in tests.
  ssize_t (*read)(void *ctx, int fd, void *buf, size_t n, off_t at);
  void *ctx;
  uint64_t bad; // blocks that could not be read
  struct export_range range[EXPORT_RANGES];
  size_t ranges;
};

// For reading only: a block device or a file. ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
BP_CHECK bool export_disk_open(struct export_disk *d, const char *path, struct err *e);
void export_disk_close(struct export_disk *d);

// Fills `buf` with the n bytes at `at` (n at most EXPORT_PIECE, both multiples of EXPORT_BLOCK but
// for the end; not beyond `size`), zeros for what cannot be read. Each place is to be asked for
// once and in order, else it is counted twice.
void export_disk_get(struct export_disk *d, uint64_t at, uint8_t *buf, size_t n);

#endif
