// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_files.h"

#include <ext2fs/ext2fs.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 12
#define PATH_BYTES 512
#define PIECE 65536
#define STEP 4096                      // given up at once where a file cannot be read
#define INODES_MAX (UINT32_C(1) << 26) // of a file system that a board has
#define RANKS 3

struct export_files {
  ext2_filsys fs;
  uint64_t bytes; // of the partition
  unsigned superblock;
  uint8_t *seen; // one bit an inode: folders that were looked into
  size_t seen_bytes;
  // While it is walked through:
  struct export_job *job;
  int rank;
  char path[PATH_BYTES];
  size_t path_len;
  int depth;
  bool stopped;
  struct err *e;
  uint8_t piece[PIECE];
};

static int count_entry(struct ext2_dir_entry *d, int offset, int size, char *buf, void *ctx) {
  (void)d, (void)offset, (void)size, (void)buf;
  ++*(unsigned *)ctx;
  return 0;
}

// Something is in it: our folder when `ours`, else anything at all.
static bool usable(ext2_filsys fs, bool ours) {
  ext2_ino_t ino = 0;
  unsigned entries = 0;
  if (ours)
    return ext2fs_namei(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, "bayplate", &ino) == 0;
  return ext2fs_dir_iterate(fs, EXT2_ROOT_INO, 0, NULL, count_entry, &entries) == 0 && entries > 2;
}

static ext2_filsys try_open(const char *path, unsigned superblock, unsigned block_size, bool ours) {
  ext2_filsys fs = NULL;
  const int flags = EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS; // reading only
  if (ext2fs_open2(path, NULL, flags, (int)superblock, block_size, unix_io_manager, &fs) != 0)
    return NULL;
  if (fs->super->s_inodes_count <= INODES_MAX && ext2fs_check_desc(fs) == 0 && usable(fs, ours))
    return fs;
  (void)ext2fs_close_free(&fs); // nothing was written
  return NULL;
}

// mkfs puts copies of the superblock into groups 1, 3, 5, 7 and their powers.
static ext2_filsys find(const char *path, bool ours, unsigned *superblock) {
  static const unsigned sizes[] = {4096, 1024, 2048}, groups[] = {1, 3, 5, 7, 9, 25, 27, 49, 81};
  *superblock = 0;
  ext2_filsys fs = try_open(path, 0, 0, ours);
  for (size_t s = 0; !fs && s < sizeof sizes / sizeof *sizes; s++) {
    for (size_t g = 0; !fs && g < sizeof groups / sizeof *groups; g++) {
      *superblock = groups[g] * 8 * sizes[s] + (sizes[s] == 1024);
      fs = try_open(path, *superblock, sizes[s], ours);
    }
  }
  return fs;
}

bool export_files_open(struct export_files **out, const char *path, struct err *e) {
  struct export_files *f = calloc(1, sizeof *f);
  *out = NULL;
  if (!f)
    return err_set(e, ERR_NOMEM, "no memory for the export");
  f->fs = find(path, true, &f->superblock);
  if (!f->fs)
    f->fs = find(path, false, &f->superblock);
  if (!f->fs) {
    free(f);
    return err_set(e, ERR_FORMAT, "no file system can be read on it: take the image");
  }
  f->bytes = ext2fs_blocks_count(f->fs->super) * f->fs->blocksize;
  f->seen_bytes = f->fs->super->s_inodes_count / 8 + 1;
  f->seen = calloc(1, f->seen_bytes);
  if (!f->seen) {
    export_files_close(f);
    return err_set(e, ERR_NOMEM, "no memory for the export");
  }
  *out = f;
  return true;
}

void export_files_close(struct export_files *f) {
  if (!f)
    return;
  (void)ext2fs_close_free(&f->fs); // nothing was written
  free(f->seen);
  free(f);
}

static bool ends(const char *s, const char *tail) {
  size_t n = strlen(s), m = strlen(tail);
  return n >= m && strcmp(s + n - m, tail) == 0;
}

// When a file's turn is; -1: never. A download that breaks off has brought the most important.
static int rank_of(const char *path) {
  static const char store[] = "bayplate/state/bayplate.db";
  if (ends(path, ".raucb") || ends(path, "/upload.bundle") || ends(path, "/upload.part"))
    return -1;
  if (strncmp(path, store, sizeof store - 1) == 0)
    return 0;
  return ends(path, ".jpg") || ends(path, ".jpeg") ? 2 : 1;
}

static bool stop(struct export_files *f) {
  f->stopped = true;
  return false;
}

static bool file_bytes(struct export_files *f, ext2_file_t file, uint64_t size, uint64_t *lost) {
  for (uint64_t at = 0; at < size;) {
    unsigned got = 0;
    unsigned want = size - at < PIECE ? (unsigned)(size - at) : PIECE;
    errcode_t rc = file ? ext2fs_file_read(file, f->piece, want, &got) : EXT2_ET_FILE_NOT_FOUND;
    if (rc != 0 || got == 0) {
      // As much as was read is right; the block after it is given up.
      unsigned gap = STEP - (unsigned)((at + got) % STEP);
      gap = gap < want - got ? gap : want - got;
      memset(f->piece + got, 0, gap);
      got += gap;
      ++*lost;
      if (file && ext2fs_file_llseek(file, at + got, EXT2_SEEK_SET, NULL) != 0)
        file = NULL; // zeros to its end
    }
    at += got;
    f->job->state.read += got;
    if (!export_out_bytes(f->job->out, f->piece, got, f->e) || !export_job_step(f->job, f->e))
      return stop(f);
  }
  return true;
}

static bool take(struct export_files *f, ext2_ino_t ino, struct ext2_inode *inode) {
  char name[PATH_BYTES + 64];
  struct err why;
  const uint64_t size = EXT2_I_SIZE(inode);
  uint64_t lost = 0;
  if (size > f->bytes) {
    export_job_note(f->job, "left_out = %s: a size of %" PRIu64 " makes no sense", f->path, size);
    return true;
  }
  (void)snprintf(name, sizeof name, "%sfiles/%s", EXPORT_FOLDER, f->path);
  if (!export_out_member(f->job->out, name, size, inode->i_mtime, &why)) {
    if (why.code != ERR_LIMIT)
      return err_set(f->e, why.code, "%s", why.text) || stop(f);
    export_job_note(f->job, "left_out = %s", why.text);
    return true;
  }
  ext2_file_t file = NULL;
  if (ext2fs_file_open2(f->fs, ino, inode, 0, &file) != 0)
    file = NULL;
  bool ok = file_bytes(f, file, size, &lost);
  if (file)
    (void)ext2fs_file_close(file); // only read
  f->job->state.files++;
  f->job->state.bad += lost;
  if (lost > 0)
    export_job_note(f->job, "unreadable = %s: %" PRIu64 " blocks of %d bytes, zeros here", f->path,
                    lost, STEP);
  return ok;
}

// A damaged folder's names must not lead anywhere else.
static bool push(struct export_files *f, const struct ext2_dir_entry *d) {
  const size_t n = (size_t)ext2fs_dirent_name_len(d);
  if (n == 0 || f->path_len + n + 2 > sizeof f->path)
    return false;
  char *to = f->path + f->path_len;
  if (f->path_len > 0)
    *to++ = '/';
  for (size_t i = 0; i < n; i++) {
    const unsigned char c = (unsigned char)d->name[i];
    *to++ = c < ' ' || c == '/' || c == '\\' || c == 0x7f ? '_' : (char)c;
  }
  *to = '\0';
  f->path_len = (size_t)(to - f->path);
  return true;
}

static void walk(struct export_files *f, ext2_ino_t folder);

static int on_entry(ext2_ino_t folder, int entry, struct ext2_dir_entry *d, int offset, int size,
                    char *buf, void *ctx) {
  (void)folder, (void)offset, (void)size, (void)buf;
  struct export_files *f = ctx;
  struct ext2_inode inode;
  const size_t back = f->path_len;
  const bool dots = strncmp(d->name, "..", (size_t)ext2fs_dirent_name_len(d)) == 0 &&
                    ext2fs_dirent_name_len(d) <= 2;
  if (entry != DIRENT_OTHER_FILE || dots || d->inode < EXT2_ROOT_INO ||
      d->inode > f->fs->super->s_inodes_count || !push(f, d))
    return 0;
  if (ext2fs_read_inode(f->fs, d->inode, &inode) != 0) {
    if (f->rank == 0)
      export_job_note(f->job, "left_out = %s: its inode cannot be read", f->path);
  } else if (LINUX_S_ISDIR(inode.i_mode)) {
    walk(f, d->inode);
  } else if (LINUX_S_ISREG(inode.i_mode) && rank_of(f->path) == f->rank) {
    (void)take(f, d->inode, &inode); // says in `stopped` when nothing more is to come
  }
  f->path_len = back;
  f->path[back] = '\0';
  return f->stopped ? DIRENT_ABORT : 0;
}

// Not deeper than a few folders, and into each once: a damaged one may hold itself.
static void walk(struct export_files *f, ext2_ino_t folder) {
  const uint8_t bit = (uint8_t)(1u << (folder % 8));
  if (f->depth == DEPTH_MAX || (f->seen[folder / 8] & bit))
    return;
  f->seen[folder / 8] |= bit;
  f->depth++;
  if (ext2fs_dir_iterate2(f->fs, folder, 0, NULL, on_entry, f) != 0 && f->rank == 0)
    export_job_note(f->job, "left_out = %s/: parts of this folder cannot be read", f->path);
  f->depth--;
}

bool export_files(struct export_job *j, struct export_files *f, struct err *e) {
  f->job = j;
  f->e = e;
  for (f->rank = 0; f->rank < RANKS && !f->stopped; f->rank++) {
    memset(f->seen, 0, f->seen_bytes);
    walk(f, EXT2_ROOT_INO);
  }
  export_job_note(j, "superblock = %u", f->superblock);
  if (ext2fs_has_feature_journal_needs_recovery(f->fs->super))
    export_job_note(j, "journal = not replayed: about the last half minute may be missing");
  export_job_note(j, "files = %" PRIu64, j->state.files);
  return !f->stopped;
}
