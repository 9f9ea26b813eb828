// SPDX-License-Identifier: Apache-2.0
#include "board/wear.h"

#include "board/metrics.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PATH_BYTES 512
#define LINE_BYTES 256
#define SECTOR 512

// The first line of a file without its end; false: there is none.
static bool line_of(const char *path, char out[LINE_BYTES]) {
  FILE *f = fopen(path, "re");
  if (!f)
    return false;
  const bool got = fgets(out, LINE_BYTES, f) != NULL;
  (void)fclose(f); // only read
  if (got)
    out[strcspn(out, "\n")] = '\0';
  return got;
}

static bool number(const char *text, int base, int64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoll(text, &end, base);
  return end != text && errno == 0;
}

static void temperatures(struct wear *w, const char *root) {
  char path[PATH_BYTES], text[LINE_BYTES];
  for (int i = 0; i < 64 && w->zones < WEAR_ZONES; i++) {
    struct wear_zone *z = &w->zone[w->zones];
    int64_t v;
    (void)snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/temp", root, i);
    // A sensor that is off answers with an error, or with nonsense far below zero.
    if (!line_of(path, text) || !number(text, 10, &v) || v < -60000 || v > 250000)
      continue;
    (void)snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone%d/type", root, i);
    if (!line_of(path, text))
      (void)snprintf(text, sizeof text, "zone%d", i);
    (void)snprintf(z->name, sizeof z->name, "%.23s", text);
    for (char *c = z->name; *c; c++) { // a label's value must not end it
      if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
        *c = '_';
    }
    z->milli_c = (int)v;
    w->zones++;
  }
}

// The disk that holds `dir`: its device number's folder under /sys/dev/block is the partition or
// the disk; a partition's parent is the disk.
static bool disk_of(struct wear *w, const char *root, const char *dir, char block[PATH_BYTES]) {
  struct stat st;
  char path[PATH_BYTES], real[4096];
  if (stat(dir, &st) != 0)
    return false;
  (void)snprintf(path, sizeof path, "%s/sys/dev/block/%u:%u", root, major(st.st_dev),
                 minor(st.st_dev));
  if (!realpath(path, real)) // no disk: a RAM or network file system
    return false;
  char probe[4200], text[LINE_BYTES];
  (void)snprintf(probe, sizeof probe, "%s/partition", real);
  if (line_of(probe, text)) {
    char *slash = strrchr(real, '/');
    if (slash)
      *slash = '\0';
  }
  const char *name = strrchr(real, '/');
  if (!name || strlen(real) >= PATH_BYTES)
    return false;
  (void)snprintf(w->disk, sizeof w->disk, "%.23s", name + 1);
  (void)snprintf(block, PATH_BYTES, "%s", real);
  return true;
}

static void emmc(struct wear *w, const char *block) {
  char path[PATH_BYTES + 32], text[LINE_BYTES];
  int64_t a = 0, b = 0;
  (void)snprintf(path, sizeof path, "%s/device/life_time", block);
  if (line_of(path, text) && number(text, 16, &a)) { // "0x01 0x02": type A, type B
    const char *second = strchr(text, ' ');
    if (!second || !number(second, 16, &b))
      b = 0;
    const int64_t worst = a > b ? a : b;
    w->has_life = worst >= 1 && worst <= 11; // 0: the card does not tell
    w->life_used_percent = w->has_life ? (int)worst * 10 : 0;
  }
  (void)snprintf(path, sizeof path, "%s/device/pre_eol_info", block);
  if (line_of(path, text) && number(text, 16, &a) && a >= 1 && a <= 3)
    w->pre_eol = (int)a;
}

static void written(struct wear *w, const char *root, const char *dir, const char *block) {
  struct stat st;
  char path[PATH_BYTES], real[4096], text[LINE_BYTES];
  int64_t v = 0;
  if (stat(dir, &st) != 0)
    return;
  (void)snprintf(path, sizeof path, "%s/sys/dev/block/%u:%u", root, major(st.st_dev),
                 minor(st.st_dev));
  const char *name = realpath(path, real) ? strrchr(real, '/') : NULL;
  if (name) {
    (void)snprintf(path, sizeof path, "%s/sys/fs/ext4/%.60s/lifetime_write_kbytes", root, name + 1);
    if (line_of(path, text) && number(text, 10, &v)) {
      w->has_written = w->written_is_lifetime = true;
      w->written_mb = v / 1024;
      return;
    }
  }
  // Documentation/block/stat.rst: the seventh number is sectors written since boot.
  (void)snprintf(path, sizeof path, "%s/stat", block);
  if (!line_of(path, text))
    return;
  char *at = text;
  for (int i = 0; i < 7; i++) {
    char *end = NULL;
    v = strtoll(at, &end, 10);
    if (end == at)
      return;
    at = end;
  }
  w->has_written = true;
  w->written_mb = v * SECTOR / (1 << 20);
}

void wear_read(struct wear *w, const char *root, const char *dir) {
  char block[PATH_BYTES];
  *w = (struct wear){0};
  temperatures(w, root);
  if (!disk_of(w, root, dir, block))
    return;
  emmc(w, block);
  written(w, root, dir, block);
}

void wear_metrics(const struct wear *w) {
  // Labels live as long as the metrics: for ever.
  static char labels[WEAR_ZONES][WEAR_NAME_MAX + 16];
  static struct metric *zones[WEAR_ZONES];
  static int shown;
  for (int i = 0; i < w->zones; i++) {
    char label[sizeof labels[0]];
    (void)snprintf(label, sizeof label, "zone=\"%s\"", w->zone[i].name);
    int k = 0;
    while (k < shown && strcmp(labels[k], label) != 0)
      k++;
    if (k == shown) {
      if (shown == WEAR_ZONES)
        continue;
      memcpy(labels[k], label, sizeof label);
      zones[k] = metric_gauge("bayplate_temperature_celsius", labels[k],
                              "Temperature of the board's thermal zones.");
      shown++;
    }
    metric_set(zones[k], w->zone[i].milli_c / 1000);
  }
  if (w->has_life)
    metric_set(metric_gauge("bayplate_storage_life_used_percent", NULL,
                            "eMMC's estimate, upper end of its tenth; 110: beyond its life."),
               w->life_used_percent);
  if (w->pre_eol)
    metric_set(metric_gauge("bayplate_storage_pre_eol", NULL,
                            "eMMC's reserved blocks: 1 normal, 2 warning, 3 urgent."),
               w->pre_eol);
  if (w->has_written)
    metric_set(w->written_is_lifetime
                   ? metric_gauge("bayplate_storage_lifetime_written_megabytes", NULL,
                                  "Written to the data file system over its life.")
                   : metric_gauge("bayplate_storage_boot_written_megabytes", NULL,
                                  "Written to the data disk since boot."),
               w->written_mb);
}
