// SPDX-License-Identifier: Apache-2.0
// Temperature and storage wear as the kernel's sysfs shows them; read on a timer, shown on
// /metrics.
#ifndef BAYPLATE_BOARD_WEAR_H
#define BAYPLATE_BOARD_WEAR_H

#include <stdbool.h>
#include <stdint.h>

#define WEAR_ZONES 8
#define WEAR_NAME_MAX 24

struct wear_zone {
  char name[WEAR_NAME_MAX]; // thermal zone's type: "cpu-thermal"
  int milli_c;              // thousandths of a degree Celsius
};

struct wear {
  int zones;
  struct wear_zone zone[WEAR_ZONES];
  // eMMC's own words (JEDEC eMMC 5.1, 7.4.96 PRE_EOL_INFO and 7.4.97, DEVICE_LIFE_TIME_EST): the
  // worst of its two kinds of memory.
  bool has_life;
  int life_used_percent;    // upper end of the tenth that it tells; 110: beyond its estimated life
  int pre_eol;              // 1 normal, 2: 80 % of reserved blocks are used, 3: 90 %; 0: not told
  char disk[WEAR_NAME_MAX]; // "mmcblk0"; "": none was found
  // For cards and disks that tell nothing: what was written.
  bool has_written;
  int64_t written_mb; // over the file system's life (ext4), else since boot
  bool written_is_lifetime;
};

// `root` is put before /sys and /proc ("" on a device, a folder in tests); `dir` is a file or
// folder on the storage in question.
void wear_read(struct wear *w, const char *root, const char *dir);

// Reads and shows it as metrics. The first call decides which zones are shown.
void wear_metrics(const struct wear *w);

#endif
