// SPDX-License-Identifier: Apache-2.0
// Keeps the crops within their budget.
#include "firmware/evidence_path.h"
#include "firmware/evidence_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COUNT_EVERY_MS (INT64_C(3600) * 1000)
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)

struct entry {
  uint64_t visit, number, bytes;
  uint32_t day; // yyyymmdd
};

struct scan {
  struct entry *entry;
  size_t n, room;
  uint64_t bytes; // of all, also of those beyond `n`
  uint64_t files;
};

static uint32_t digits_value(const char *text) {
  uint32_t v = 0;
  for (; *text; text++)
    v = v * 10 + (uint32_t)(*text - '0');
  return v;
}

static bool keep(struct scan *s, const struct entry *entry, struct err *e) {
  s->files++;
  s->bytes += entry->bytes;
  if (s->n == EVIDENCE_FILES_MAX)
    return true; // the rest comes next time
  if (s->n == s->room) {
    size_t room = s->room ? 2 * s->room : 1024;
    struct entry *more = realloc(s->entry, room * sizeof *more);
    if (!more)
      return err_set(e, ERR_NOMEM, "evidence: no memory");
    s->entry = more;
    s->room = room;
  }
  s->entry[s->n++] = *entry;
  return true;
}

static bool scan_file(int dir, const char *name, uint32_t day, struct scan *s, struct err *e) {
  struct entry entry = {.day = day};
  struct stat st;
  size_t n = strlen(name);
  // Nothing is being written: the lock is held. So it was left by a power cut.
  if (n > 4 && strcmp(name + n - 4, ".tmp") == 0) {
    if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
      return err_errno(e, errno, "evidence: removing %s", name);
    return true;
  }
  if (!evidence_name_parse(name, &entry.visit, &entry.number))
    return true; // not ours
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT || err_errno(e, errno, "evidence: %s", name);
  if (!S_ISREG(st.st_mode))
    return true;
  entry.bytes = (uint64_t)st.st_size;
  return keep(s, &entry, e);
}

// level 0: years, 1: months, 2: days, 3: files. Takes `fd`. Empty folders of days are removed.
static bool scan_folder(int fd, int level, uint32_t day, struct scan *s, struct err *e) {
  static const int width[] = {4, 2, 2};
  DIR *d = fdopendir(fd);
  if (!d) {
    (void)close(fd);
    return err_set(e, ERR_NOMEM, "evidence: folder cannot be listed");
  }
  bool ok = true;
  struct dirent *entry;
  while (ok && (entry = readdir(d))) {
    const char *name = entry->d_name;
    if (level == 3) {
      ok = scan_file(dirfd(d), name, day, s, e);
      continue;
    }
    if (!evidence_digits(name, width[level], '\0'))
      continue;
    int sub = openat(dirfd(d), name, FOLDER_FLAGS);
    if (sub < 0)
      continue; // a file or link of that name is not ours
    ok = scan_folder(sub, level + 1, day * (level ? 100 : 10000) + digits_value(name), s, e);
    // Fails when it is not empty, as it should.
    if (ok)
      (void)unlinkat(dirfd(d), name, AT_REMOVEDIR);
  }
  (void)closedir(d); // only read
  return ok;
}

static int older(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  if (x->visit != y->visit)
    return x->visit < y->visit ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

static uint64_t free_bytes(int root) {
  struct statvfs st;
  if (fstatvfs(root, &st) != 0)
    return UINT64_MAX; // cannot be asked: the budget alone decides
  return (uint64_t)st.f_bavail * st.f_frsize;
}

static bool remove_oldest(int root, struct scan *s, uint64_t target, uint64_t *removed,
                          struct err *e) {
  if (s->n == 0 || s->bytes <= target)
    return true;
  qsort(s->entry, s->n, sizeof *s->entry, older);
  for (size_t i = 0; i < s->n && s->bytes > target; i++) {
    const struct entry *x = &s->entry[i];
    char path[96];
    (void)snprintf(path, sizeof path, "%04u/%02u/%02u/%llu-%llu.jpg", x->day / 10000,
                   x->day / 100 % 100, x->day % 100, (unsigned long long)x->visit,
                   (unsigned long long)x->number);
    if (unlinkat(root, path, 0) != 0 && errno != ENOENT)
      return err_errno(e, errno, "evidence: removing %s", path);
    s->bytes -= x->bytes;
    s->files--;
    (*removed)++;
  }
  return true;
}

bool evidence_rotate(struct evidence *ev, int64_t mono_ms, struct evidence_usage *usage,
                     struct err *e) {
  uint64_t removed = 0;
  bool ok = false;
  pthread_mutex_lock(&ev->lock);
  int root = evidence_root(ev, e);
  if (root >= 0) {
    uint64_t space = ev->reserve > 0 ? free_bytes(root) : UINT64_MAX;
    bool tight = space < ev->reserve;
    ok = true;
    if (!ev->counted || ev->bytes > ev->budget || tight ||
        mono_ms - ev->counted_ms >= COUNT_EVERY_MS) {
      struct scan s = {0};
      int copy = openat(root, ".", FOLDER_FLAGS);
      ok = copy >= 0 || err_errno(e, errno, "evidence: folder %s", ev->dir);
      ok = ok && scan_folder(copy, 0, 0, &s, e);
      uint64_t target = UINT64_MAX;
      if (s.bytes > ev->budget)
        target = ev->budget / 10 * 9;
      if (tight) { // give back what is missing of the reserve
        uint64_t missing = ev->reserve - space;
        uint64_t rest = s.bytes > missing ? s.bytes - missing : 0;
        target = rest < target ? rest : target;
      }
      ok = ok && remove_oldest(root, &s, target, &removed, e);
      if (ok) {
        ev->files = s.files;
        ev->bytes = s.bytes;
        ev->counted = true;
        ev->counted_ms = mono_ms;
      }
      free(s.entry);
    }
    (void)close(root);
  }
  if (usage)
    *usage = (struct evidence_usage){ev->files, ev->bytes, removed};
  pthread_mutex_unlock(&ev->lock);
  return ok;
}
