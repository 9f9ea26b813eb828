// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/manifest.h"

#include "board/version.h"
#include "tools/flash/file.h"
#include "tools/flash/words.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HAS_BOARD = 1, HAS_VERSION = 2, HAS_SIZE = 4, HAS_HASH = 8, HAS_ALL = 15 };

struct reading {
  struct manifest *m;
  unsigned has;
};

static bool take_word(char out[MANIFEST_WORD_MAX], const char *value) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                ".~+_-";
  size_t n = strlen(value);
  if (n == 0 || n >= MANIFEST_WORD_MAX || strspn(value, letters) != n)
    return false;
  memcpy(out, value, n + 1);
  return true;
}

static bool take_size(uint64_t *out, const char *value) {
  char *end = NULL;
  errno = 0;
  unsigned long long n = strtoull(value, &end, 10);
  if (errno != 0 || end == value || *end || value[0] == '-' || n == 0 || n > MANIFEST_IMAGE_MAX)
    return false;
  *out = n;
  return true;
}

static bool take_hash(uint8_t out[32], const char *value) {
  static const char digits[] = "0123456789abcdef";
  if (strlen(value) != 64 || strspn(value, digits) != 64)
    return false;
  for (int i = 0; i < 32; i++)
    out[i] = (uint8_t)((strchr(digits, value[2 * i]) - digits) << 4 |
                       (strchr(digits, value[2 * i + 1]) - digits));
  return true;
}

static int on_key(void *ctx, const char *section, const char *key, const char *value) {
  struct reading *r = ctx;
  unsigned bit = 0;
  bool ok = false;
  if (strcmp(section, "image") != 0)
    return 1; // room for what later versions add
  if (strcmp(key, "board") == 0) {
    bit = HAS_BOARD;
    ok = take_word(r->m->board, value);
  } else if (strcmp(key, "version") == 0) {
    bit = HAS_VERSION;
    ok = take_word(r->m->version, value);
  } else if (strcmp(key, "size") == 0) {
    bit = HAS_SIZE;
    ok = take_size(&r->m->size, value);
  } else if (strcmp(key, "sha256") == 0) {
    bit = HAS_HASH;
    ok = take_hash(r->m->sha256, value);
  } else {
    return 1;
  }
  if (r->has & bit)
    return 0; // twice: which of them was meant?
  r->has |= bit;
  return ok;
}

bool manifest_parse(struct manifest *out, const char *text, struct err *e) {
  memset(out, 0, sizeof *out);
  struct reading r = {out, 0};
  int line = ini_parse_string(text, on_key, &r);
  if (line != 0)
    return err_set(e, ERR_FORMAT, "line %d is wrong or says a key twice", line);
  if (r.has != HAS_ALL)
    return err_set(e, ERR_FORMAT, "board, version, size or sha256 is missing in [image]");
  return true;
}

// "x.img.zst" and "x.img" → "x.manifest".
static bool name_beside(const char *image, const char *ending, char out[PATH_MAX]) {
  static const char *const endings[] = {".zst", ".img"};
  size_t n = strlen(image);
  for (int i = 0; i < 2; i++) {
    size_t m = strlen(endings[i]);
    if (n > m && memcmp(image + n - m, endings[i], m) == 0)
      n -= m;
  }
  return n < PATH_MAX && snprintf(out, PATH_MAX, "%.*s%s", (int)n, image, ending) < PATH_MAX;
}

bool manifest_load(struct manifest *out, const char *image, const char *keyring, struct err *e) {
  char path[PATH_MAX], sig_path[PATH_MAX], signer[SIGNATURE_NAME_MAX];
  char *text = NULL, *sig = NULL;
  size_t n = 0, sig_n = 0;
  if (!name_beside(image, ".manifest", path) || !name_beside(image, ".manifest.sig", sig_path))
    return err_set(e, ERR_LIMIT, "the image's path is too long");
  bool ok = file_read(path, SIGNATURE_CONTENT_MAX, &text, &n, e) &&
            file_read(sig_path, SIGNATURE_MAX, &sig, &sig_n, e);
  if (!ok)
    (void)err_prefix(e, "%s",
                     words("缺少映像的清单或签名", "the image's manifest or signature is missing"));
  // Nothing of the manifest is looked at before its signature.
  ok =
      ok && (signature_check(keyring, sig, sig_n, text, n, signer, e) || err_prefix(e, "%s", path));
  ok = ok && (manifest_parse(out, text, e) || err_prefix(e, "%s", path));
  if (ok)
    memcpy(out->signer, signer, sizeof out->signer);
  free(text);
  free(sig);
  return ok;
}

bool manifest_fits(const char *board, const char *version, const struct manifest_wish *w,
                   struct err *e) {
  if (w->board[0] && strcmp(board, w->board) != 0)
    return err_set(e, ERR_DENIED,
                   words("这是 %s 板的映像，而要写的是 %s 板",
                         "this is for the board %s, wanted is the board %s"),
                   board, w->board);
  if (w->version[0] && version_compare(version, w->version) != 0)
    return err_set(e, ERR_DENIED,
                   words("这是版本 %s，要的是 %s", "this is version %s, wanted is %s"), version,
                   w->version);
  if (w->min_version[0] && version_compare(version, w->min_version) < 0)
    return err_set(e, ERR_DENIED,
                   words("版本 %s 太旧，至少要 %s", "version %s is too old, at least %s is wanted"),
                   version, w->min_version);
  return true;
}
