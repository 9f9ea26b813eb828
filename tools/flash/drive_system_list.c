// SPDX-License-Identifier: Apache-2.0
// Which drives there are and what of the machine stands on them. A drive is what /sys/block shows,
// its partitions, and everything that is built on either (LVM, RAID, encryption), followed by the
// kernel's own "holders".
#include "tools/flash/drive_system.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS_MAX 256 // devices of one drive
#define DEPTH_MAX 8   // of devices built on devices
#define LINE_BYTES 4096

struct part {
  char name[32], number[24]; // "sdb1", "8:17"
  char mapped[128];          // "/dev/mapper/..." or ""
};

struct family {
  int n;
  bool built_on; // something is
  struct part part[PARTS_MAX];
};

static bool read_text(const char *path, char *out, size_t size) {
  FILE *f = fopen(path, "re");
  out[0] = '\0';
  if (!f)
    return false;
  bool ok = fgets(out, (int)size, f) != NULL;
  (void)fclose(f); // only read
  size_t n = strlen(out);
  while (n > 0 && isspace((unsigned char)out[n - 1]))
    out[--n] = '\0';
  return ok;
}

static bool attribute(const char *dir, const char *name, char *out, size_t size) {
  char path[PATH_MAX];
  int n = snprintf(path, sizeof path, "%s/%s", dir, name);
  out[0] = '\0';
  return n > 0 && (size_t)n < sizeof path && read_text(path, out, size);
}

static uint64_t attribute_number(const char *dir, const char *name) {
  char text[32];
  return attribute(dir, name, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

static bool known(const struct family *f, const char *number) {
  for (int i = 0; i < f->n; i++)
    if (strcmp(f->part[i].number, number) == 0)
      return true;
  return false;
}

// Adds the device in `dir` and, by its "holders", what is built on it. False: too many to be sure.
static bool add(const struct drive_system *s, struct family *f, const char *dir, const char *name,
                int depth) {
  struct part p = {0};
  char path[PATH_MAX], text[64];
  if (!attribute(dir, "dev", p.number, sizeof p.number))
    return true; // no block device: one of the drive's other folders
  if (known(f, p.number))
    return true;
  if (f->n == PARTS_MAX || depth == DEPTH_MAX)
    return false;
  (void)snprintf(p.name, sizeof p.name, "%s", name);
  if (attribute(dir, "dm/name", text, sizeof text))
    (void)snprintf(p.mapped, sizeof p.mapped, "/dev/mapper/%s", text);
  f->part[f->n++] = p;
  int n = snprintf(path, sizeof path, "%s/holders", dir);
  DIR *d = n > 0 && (size_t)n < sizeof path ? opendir(path) : NULL;
  if (!d)
    return true;
  bool ok = true;
  struct dirent *entry;
  while (ok && (entry = readdir(d))) {
    if (entry->d_name[0] == '.')
      continue;
    f->built_on = true;
    n = snprintf(path, sizeof path, "%s/sys/class/block/%s", s->root, entry->d_name);
    ok = n > 0 && (size_t)n < sizeof path && add(s, f, path, entry->d_name, depth + 1);
  }
  (void)closedir(d); // only read
  return ok;
}

static bool add_partitions(const struct drive_system *s, struct family *f, const char *dir,
                           const char *name) {
  DIR *d = opendir(dir);
  bool ok = true;
  struct dirent *entry;
  while (ok && d && (entry = readdir(d))) {
    char path[PATH_MAX];
    if (strncmp(entry->d_name, name, strlen(name)) != 0)
      continue;
    int n = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
    ok = n > 0 && (size_t)n < sizeof path && add(s, f, path, entry->d_name, 1);
  }
  if (d)
    (void)closedir(d); // only read
  return ok;
}

// The kernel writes blank, tab, newline and backslash as \ooo.
static void unescape(char *text) {
  char *to = text;
  for (const char *p = text; *p; to++) {
    if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
        p[3] <= '7') {
      *to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
      p += 4;
    } else {
      *to = *p++;
    }
  }
  *to = '\0';
}

// By number, or, where a file system shows a number of its own (btrfs), by name.
static bool is_of(const struct family *f, const char *number, const char *source) {
  for (int i = 0; i < f->n; i++) {
    const struct part *p = &f->part[i];
    bool named = strncmp(source, "/dev/", 5) == 0 && strcmp(source + 5, p->name) == 0;
    if (strcmp(p->number, number) == 0 || named || (p->mapped[0] && strcmp(source, p->mapped) == 0))
      return true;
  }
  return false;
}

static bool system_place(const char *mount) {
  static const char *const places[] = {"/", "/boot", "/usr", "/var", "/home", "/etc", "/opt"};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    size_t n = strlen(places[i]);
    if (strcmp(mount, places[i]) == 0 ||
        (n > 1 && strncmp(mount, places[i], n) == 0 && mount[n] == '/' && i == 1))
      return true; // /boot/efi is /boot's
  }
  return false;
}

static void append(char *list, size_t size, const char *word) {
  size_t n = strlen(list);
  (void)snprintf(list + n, size - n, "%s%s", n ? " " : "", word); // cut: the first ones tell enough
}

// One line of mountinfo: id parent MAJ:MIN root MOUNT options [fields] - type SOURCE options.
static void look_at_mount(char *line, const struct family *f, struct drive_info *out) {
  char *save = NULL, *number = NULL, *mount = NULL, *source = NULL;
  int field = 0, after = -1;
  for (char *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save), field++) {
    if (field == 2)
      number = w;
    else if (field == 4)
      mount = w;
    else if (after < 0 && field > 5 && strcmp(w, "-") == 0)
      after = field;
    else if (after > 0 && field == after + 2)
      source = w;
  }
  if (!number || !mount)
    return;
  if (source)
    unescape(source);
  if (!is_of(f, number, source ? source : ""))
    return;
  unescape(mount);
  out->system = out->system || system_place(mount);
  append(out->mounts, sizeof out->mounts, mount);
}

static void look_at_swap(char *line, const struct family *f, struct drive_info *out) {
  char *end = strpbrk(line, " \t\n");
  if (end)
    *end = '\0';
  unescape(line);
  if (line[0] != '/' || !is_of(f, "", line))
    return;
  out->system = true;
  append(out->held, sizeof out->held, "swap");
}

static bool each_line(const struct drive_system *s, const char *name, const struct family *f,
                      struct drive_info *out,
                      void look(char *, const struct family *, struct drive_info *)) {
  char path[PATH_MAX], line[LINE_BYTES];
  int n = snprintf(path, sizeof path, "%s/proc/%s", s->root, name);
  FILE *file = n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
  if (!file)
    return false;
  while (fgets(line, sizeof line, file))
    look(line, f, out);
  bool ok = !ferror(file);
  (void)fclose(file); // only read
  return ok;
}

static bool plugged_in(const char *dir, const char *name) {
  char real[PATH_MAX], type[16];
  if (attribute_number(dir, "removable") == 1)
    return true;
  if (strncmp(name, "mmcblk", 6) == 0) // soldered ones say MMC
    return attribute(dir, "device/type", type, sizeof type) && strcmp(type, "SD") == 0;
  return realpath(dir, real) && strstr(real, "/usb");
}

static bool describe(const struct drive_system *s, const char *dir, const char *name,
                     struct drive_info *out, struct err *e) {
  char vendor[32], model[40];
  struct family *f = calloc(1, sizeof *f);
  if (!f)
    return err_set(e, ERR_NOMEM, "no memory for the drives");
  (void)snprintf(out->name, sizeof out->name, "%s", name);
  (void)snprintf(out->path, sizeof out->path, "/dev/%s", name);
  (void)attribute(dir, "device/vendor", vendor, sizeof vendor); // "" where there is none
  if (!attribute(dir, "device/model", model, sizeof model))
    (void)attribute(dir, "device/name", model, sizeof model);
  (void)snprintf(out->model, sizeof out->model, "%s%s%s", vendor, vendor[0] && model[0] ? " " : "",
                 model);
  out->size = attribute_number(dir, "size") * 512; // always in 512, whatever the drive's sector
  out->read_only = attribute_number(dir, "ro") == 1;
  out->loop = strncmp(name, "loop", 4) == 0;
  out->removable = plugged_in(dir, name);
  // Not knowing is as good as a "yes": whatever cannot be followed is left alone.
  if (!add(s, f, dir, name, 0) || !add_partitions(s, f, dir, name) ||
      !each_line(s, "self/mountinfo", f, out, look_at_mount)) {
    out->system = true;
    append(out->held, sizeof out->held, "?");
  }
  (void)each_line(s, "swaps", f, out, look_at_swap); // a kernel without swap has no such file
  if (f->built_on)
    append(out->held, sizeof out->held, "LVM/RAID/LUKS");
  free(f);
  return true;
}

static int by_name(const void *a, const void *b) {
  const struct drive_info *x = a, *y = b;
  return strcmp(x->name, y->name);
}

// Memory disks, mapped devices (their drives are listed) and optical drives are none to write to.
static bool candidate(const struct drive_system *s, const char *name) {
  static const char *const none[] = {"ram", "zram", "dm-", "md", "sr", "fd", "mtdblock"};
  if (name[0] == '.' || strlen(name) >= sizeof((struct drive_info *)0)->name)
    return false;
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    if (strncmp(name, none[i], strlen(none[i])) == 0)
      return false;
  bool hidden = strncmp(name, "mmcblk", 6) == 0 && strstr(name, "boot"); // eMMC's boot areas
  return !hidden && (s->loops || strncmp(name, "loop", 4) != 0);
}

bool drive_system_list(void *ctx, struct drive_list *out, struct err *e) {
  const struct drive_system *s = ctx;
  char block[PATH_MAX], dir[PATH_MAX + NAME_MAX + 2];
  memset(out, 0, sizeof *out);
  int n = snprintf(block, sizeof block, "%s/sys/block", s->root);
  DIR *d = n > 0 && (size_t)n < sizeof block ? opendir(block) : NULL;
  if (!d)
    return err_errno(e, errno, "%s", block);
  bool ok = true;
  struct dirent *entry;
  while (ok && (entry = readdir(d))) {
    (void)snprintf(dir, sizeof dir, "%s/%s", block, entry->d_name);
    if (!candidate(s, entry->d_name) || attribute_number(dir, "size") == 0)
      continue; // a card reader without a card
    if (out->n == DRIVES_MAX) {
      out->more = true;
      break;
    }
    ok = describe(s, dir, entry->d_name, &out->drive[out->n], e);
    out->n++;
  }
  (void)closedir(d); // only read
  qsort(out->drive, (size_t)out->n, sizeof out->drive[0], by_name);
  return ok;
}
