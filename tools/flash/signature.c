// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/signature.h"

#include "tools/flash/crypto.h"
#include "tools/flash/words.h"

#include <stdlib.h>
#include <string.h>

// The last words of OpenSSL's chain of errors: the nearest to the cause.
static const char *reason(void) {
  static char text[200];
  unsigned long code = ERR_peek_last_error();
  const char *data = NULL;
  int flags = 0;
  (void)ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
  const char *why = ERR_reason_error_string(code);
  bool more = data && (flags & ERR_TXT_STRING) && data[0];
  (void)snprintf(text, sizeof text, "%s%s%s", why ? why : "?", more ? ": " : "", more ? data : "");
  return text;
}

static X509_STORE *load_keyring(const char *path, struct err *e) {
  X509_STORE *store = X509_STORE_new();
  BIO *file = BIO_new_file(path, "r");
  STACK_OF(X509_INFO) *all = file ? PEM_X509_INFO_read_bio(file, NULL, NULL, NULL) : NULL;
  int certificates = 0, lists = 0;
  bool ok = store && all;
  for (int i = 0; ok && i < sk_X509_INFO_num(all); i++) {
    const X509_INFO *info = sk_X509_INFO_value(all, i);
    if (info->x509) {
      certificates++;
      ok = X509_STORE_add_cert(store, info->x509) == 1;
    }
    if (ok && info->crl) {
      lists++;
      ok = X509_STORE_add_crl(store, info->crl) == 1;
    }
  }
  if (ok && lists > 0)
    ok = X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
  // What a certificate is for is looked at below; OpenSSL's own default would be mail.
  ok = ok && certificates > 0 && X509_STORE_set_purpose(store, X509_PURPOSE_ANY) == 1;
  sk_X509_INFO_pop_free(all, X509_INFO_free);
  if (!ok) {
    (void)err_set(e, file ? ERR_FORMAT : ERR_IO, "%s: %s", path,
                  file ? "holds no certificate" : "the keyring cannot be read");
    X509_STORE_free(store);
    store = NULL;
  }
  (void)BIO_free(file);
  return store;
}

// No extended key usage: for everything (as RAUC's own examples make them).
static bool may_sign_code(X509 *x) {
  if (!(X509_get_extension_flags(x) & EXFLAG_XKUSAGE))
    return true;
  return (X509_get_extended_key_usage(x) & (XKU_CODE_SIGN | XKU_ANYEKU)) != 0;
}

static bool judge_signers(CMS_ContentInfo *cms, char signer[SIGNATURE_NAME_MAX], struct err *e) {
  STACK_OF(X509) *signers = CMS_get0_signers(cms);
  bool ok = signers && sk_X509_num(signers) > 0;
  if (!ok)
    (void)err_set(e, ERR_DENIED, "%s", words("签名里没有签名人", "the signature has no signer"));
  for (int i = 0; ok && i < sk_X509_num(signers); i++) {
    X509 *x = sk_X509_value(signers, i);
    signer[0] = '\0';
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, signer,
                                    SIGNATURE_NAME_MAX); // "" where it has none
    if (!may_sign_code(x))
      ok = err_set(
          e, ERR_DENIED,
          words("证书“%s”不是用于代码签名的", "the certificate \"%s\" is not for signing code"),
          signer);
  }
  sk_X509_free(signers);
  return ok;
}

static bool check(const char *keyring, const void *sig, size_t sig_n, BIO *content, BIO *out,
                  char signer[SIGNATURE_NAME_MAX], struct err *e) {
  signer[0] = '\0';
  X509_STORE *store = load_keyring(keyring, e);
  if (!store)
    return false;
  ERR_clear_error();
  BIO *in = sig_n <= SIGNATURE_MAX ? BIO_new_mem_buf(sig, (int)sig_n) : NULL;
  CMS_ContentInfo *cms = in ? d2i_CMS_bio(in, NULL) : NULL;
  bool ok = cms != NULL;
  if (!ok)
    (void)err_set(e, ERR_DENIED, "%s", words("没有可读的签名", "there is no readable signature"));
  if (ok && CMS_verify(cms, NULL, store, content, out, CMS_BINARY) != 1)
    ok = err_set(e, ERR_DENIED, words("签名不被接受：%s", "the signature is not accepted: %s"),
                 reason());
  ok = ok && judge_signers(cms, signer, e);
  CMS_ContentInfo_free(cms);
  (void)BIO_free(in);
  X509_STORE_free(store);
  return ok;
}

bool signature_check(const char *keyring, const void *sig, size_t sig_n, const void *content,
                     size_t n, char signer[SIGNATURE_NAME_MAX], struct err *e) {
  if (n > SIGNATURE_CONTENT_MAX)
    return err_set(e, ERR_LIMIT, "a signed text of %zu bytes; at most %u", n,
                   SIGNATURE_CONTENT_MAX);
  BIO *in = BIO_new_mem_buf(content, (int)n);
  if (!in)
    return err_set(e, ERR_NOMEM, "no memory for the signature");
  bool ok = check(keyring, sig, sig_n, in, NULL, signer, e);
  (void)BIO_free(in);
  return ok;
}

bool signature_open(const char *keyring, const void *sig, size_t sig_n, char **content, size_t *n,
                    char signer[SIGNATURE_NAME_MAX], struct err *e) {
  BIO *out = BIO_new(BIO_s_mem());
  if (!out)
    return err_set(e, ERR_NOMEM, "no memory for the signature");
  *content = NULL;
  bool ok = check(keyring, sig, sig_n, NULL, out, signer, e);
  char *bytes = NULL;
  long have = ok ? BIO_get_mem_data(out, &bytes) : 0;
  if (ok && (have <= 0 || have > (long)SIGNATURE_CONTENT_MAX))
    ok = err_set(e, ERR_DENIED, "%s", words("签名里没有内容", "the signature holds no content"));
  if (ok && !(*content = malloc((size_t)have + 1)))
    ok = err_set(e, ERR_NOMEM, "no memory for the signature");
  if (ok) {
    memcpy(*content, bytes, (size_t)have);
    (*content)[have] = '\0';
    *n = (size_t)have;
  }
  (void)BIO_free(out);
  return ok;
}
