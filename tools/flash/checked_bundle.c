// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/checked_bundle.h"

#include "tools/flash/crypto.h"
#include "tools/flash/words.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (1u << 20)

static bool check_shape(struct checked_bundle *out, const char *path, struct err *e) {
  struct err detail = {0};
  const enum bundle_shape shape = bundle_open(path, &out->bundle, &detail);
  if (shape == BUNDLE_WHOLE)
    return true;
  if (shape == BUNDLE_UNREADABLE)
    return err_set(e, ERR_IO, "%s", detail.text);
  const char *format =
      shape == BUNDLE_UNSIGNED ? words("升级包没有签名：%s", "this bundle is not signed: %s")
      : shape == BUNDLE_TRUNCATED
          ? words("升级包不完整，请重新获取：%s", "this bundle is cut off; fetch it again: %s")
          : words("不是 RAUC 的 verity 格式升级包：%s",
                  "this is no RAUC bundle of the verity format: %s");
  return err_set(e, ERR_FORMAT, format, detail.text);
}

static bool check_signature(struct checked_bundle *out, FILE *f, const char *keyring,
                            struct err *e) {
  const size_t n = (size_t)out->bundle.signature;
  const uint64_t at = out->bundle.payload + out->bundle.tree;
  uint8_t *sig = malloc(n);
  char *text = NULL;
  size_t text_n = 0;
  bool ok = sig || err_set(e, ERR_NOMEM, "no memory for the signature");
  ok = ok && ((fseeko(f, (off_t)at, SEEK_SET) == 0 && fread(sig, 1, n, f) == n) ||
              err_set(e, ERR_IO, "its signature cannot be read"));
  ok = ok && signature_open(keyring, sig, n, &text, &text_n, out->signer, e);
  free(text); // what bundle_open() read its fields from
  free(sig);
  return ok;
}

static bool sum_up(struct checked_bundle *out, FILE *f, struct err *e) {
  uint8_t *piece = malloc(PIECE);
  EVP_MD_CTX *sum = EVP_MD_CTX_new();
  bool ok = (piece && sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1) ||
            err_set(e, ERR_NOMEM, "no memory for a sum");
  ok = ok && (fseeko(f, 0, SEEK_SET) == 0 || err_set(e, ERR_IO, "it cannot be read"));
  for (size_t n = PIECE; ok && n == PIECE;) {
    n = fread(piece, 1, PIECE, f);
    ok = (!ferror(f) || err_set(e, ERR_IO, "it cannot be read")) &&
         (EVP_DigestUpdate(sum, piece, n) == 1 || err_set(e, ERR_NOMEM, "no memory for a sum"));
    out->size += n;
  }
  ok = ok && (EVP_DigestFinal_ex(sum, out->sha256, NULL) == 1 ||
              err_set(e, ERR_NOMEM, "no memory for a sum"));
  EVP_MD_CTX_free(sum);
  free(piece);
  return ok;
}

bool checked_bundle_open(struct checked_bundle *out, const char *path, const char *keyring,
                         struct err *e) {
  memset(out, 0, sizeof *out);
  if (!check_shape(out, path, e))
    return err_prefix(e, "%s", path);
  FILE *f = fopen(path, "rbe");
  if (!f)
    return err_set(e, ERR_IO, "%s", path);
  bool ok = check_signature(out, f, keyring, e) &&
            bundle_check_body(path, &out->bundle, NULL, NULL, e) && sum_up(out, f, e);
  (void)fclose(f); // only read
  return ok || err_prefix(e, "%s", path);
}
