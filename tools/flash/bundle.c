// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/bundle.h"

#include "tools/flash/crypto.h"
#include "tools/flash/words.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (1u << 20)

static bool read_at(int fd, uint64_t at, void *bytes, size_t n, struct err *e) {
  for (char *p = bytes; n > 0;) {
    ssize_t r = pread(fd, p, n, (off_t)at);
    if (r < 0 && errno == EINTR)
      continue;
    if (r <= 0)
      return err_errno(e, r < 0 ? errno : EIO, "reading");
    p += r;
    at += (uint64_t)r;
    n -= (size_t)r;
  }
  return true;
}

static bool take(char out[MANIFEST_WORD_MAX], const char *value) {
  size_t n = strlen(value);
  if (n == 0 || n >= MANIFEST_WORD_MAX || out[0])
    return false;
  memcpy(out, value, n + 1);
  return true;
}

static int on_key(void *ctx, const char *section, const char *key, const char *value) {
  struct bundle *b = ctx;
  if (strcmp(section, "update") == 0 && strcmp(key, "compatible") == 0)
    return take(b->compatible, value);
  if (strcmp(section, "update") == 0 && strcmp(key, "version") == 0)
    return take(b->version, value);
  return 1;
}

static bool not_verity(struct err *e) {
  return err_set(
      e, ERR_FORMAT, "%s",
      words("不是 RAUC 的 verity 格式升级包", "this is no RAUC bundle of the verity format"));
}

static bool read_manifest(struct bundle *b, int fd, const char *keyring, struct err *e) {
  uint8_t tail[8];
  if (b->size <= sizeof tail)
    return not_verity(e);
  if (!read_at(fd, b->size - sizeof tail, tail, sizeof tail, e))
    return false;
  uint64_t n = 0;
  for (int i = 0; i < 8; i++)
    n = n << 8 | tail[i];
  if (n == 0 || n > SIGNATURE_MAX || n > b->size - sizeof tail)
    return not_verity(e);
  uint8_t *sig = malloc((size_t)n);
  char *text = NULL;
  size_t text_n = 0;
  bool ok = sig || err_set(e, ERR_NOMEM, "no memory for the signature");
  ok = ok && read_at(fd, b->size - sizeof tail - n, sig, (size_t)n, e) &&
       signature_open(keyring, sig, (size_t)n, &text, &text_n, b->signer, e);
  free(sig);
  if (ok && (ini_parse_string(text, on_key, b) != 0 || !b->compatible[0] || !b->version[0]))
    ok = err_set(e, ERR_FORMAT, "its manifest has no compatible or no version");
  free(text);
  return ok;
}

static bool sum_up(struct bundle *b, int fd, struct err *e) {
  uint8_t *piece = malloc(PIECE);
  EVP_MD_CTX *sum = EVP_MD_CTX_new();
  bool ok = (piece && sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1) ||
            err_set(e, ERR_NOMEM, "no memory for a sum");
  for (uint64_t at = 0; ok && at < b->size;) {
    size_t n = b->size - at < PIECE ? (size_t)(b->size - at) : PIECE;
    ok = read_at(fd, at, piece, n, e) &&
         (EVP_DigestUpdate(sum, piece, n) == 1 || err_set(e, ERR_NOMEM, "no memory for a sum"));
    at += n;
  }
  ok = ok && (EVP_DigestFinal_ex(sum, b->sha256, NULL) == 1 ||
              err_set(e, ERR_NOMEM, "no memory for a sum"));
  EVP_MD_CTX_free(sum);
  free(piece);
  return ok;
}

bool bundle_check(struct bundle *out, const char *path, const char *keyring, struct err *e) {
  struct stat st;
  memset(out, 0, sizeof *out);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return err_errno(e, errno, "%s", path);
  bool ok = (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) || err_set(e, ERR_IO, "no file");
  if (ok)
    out->size = (uint64_t)st.st_size;
  ok = ok && read_manifest(out, fd, keyring, e) && sum_up(out, fd, e);
  (void)close(fd); // only read
  return ok || err_prefix(e, "%s", path);
}
