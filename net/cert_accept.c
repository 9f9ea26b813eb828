// SPDX-License-Identifier: Apache-2.0
#include "net/cert_internal.h"

#include <gnutls/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *cert_refusal_name(enum cert_refusal r) {
  static const char *const names[] = {
      [CERT_NONE] = "",
      [CERT_UNREADABLE] = "unreadable",
      [CERT_PRIVATE_KEY] = "private-key",
      [CERT_TOO_MANY] = "too-many",
      [CERT_OTHER_KEY] = "other-key",
      [CERT_CHAIN] = "chain",
      [CERT_WEAK] = "weak",
      [CERT_USAGE] = "usage",
      [CERT_NAMES] = "names",
      [CERT_EXPIRED] = "expired",
      [CERT_NOT_YET] = "not-yet",
  };
  return (size_t)r < sizeof names / sizeof names[0] && names[r] ? names[r] : "";
}

// The authority's clock may be ahead of this one; who opens the page goes by a third.
#define SLACK_S 3600

struct judge {
  const struct cert_demand *d;
  struct cert_list list;                   // as it came
  gnutls_x509_crt_t chain[CERT_CHAIN_MAX]; // of the list, in order
  unsigned length;
  enum cert_refusal why;
  struct err *e;
};

#define REFUSE(j, r, ...) ((j)->why = (r), err_set((j)->e, ERR_ARG, __VA_ARGS__))

static bool has(const void *bytes, size_t n, const char *word) {
  return memmem(bytes, n, word, strlen(word)) != NULL;
}

static bool add_der(struct cert_list *l, const gnutls_datum_t *der) {
  gnutls_x509_crt_t crt = NULL;
  if (gnutls_x509_crt_init(&crt) < 0)
    return false;
  if (gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0) {
    l->at[l->count++] = crt;
    return true;
  }
  gnutls_x509_crt_deinit(crt);
  return false;
}

// What Windows' authorities hand out as .p7b.
static bool read_pkcs7(struct judge *j, const gnutls_datum_t *in, gnutls_x509_crt_fmt_t format) {
  gnutls_pkcs7_t p = NULL;
  if (gnutls_pkcs7_init(&p) < 0)
    return REFUSE(j, CERT_UNREADABLE, "no memory");
  bool ok = gnutls_pkcs7_import(p, in, format) >= 0;
  const int count = ok ? gnutls_pkcs7_get_crt_count(p) : 0;
  if (count > CERT_CHAIN_MAX) {
    gnutls_pkcs7_deinit(p);
    return REFUSE(j, CERT_TOO_MANY, "more than %d certificates in it", CERT_CHAIN_MAX);
  }
  for (int i = 0; ok && i < count; i++) {
    gnutls_datum_t der = {0};
    ok = gnutls_pkcs7_get_crt_raw2(p, (unsigned)i, &der) >= 0 && add_der(&j->list, &der);
    gnutls_free(der.data);
  }
  gnutls_pkcs7_deinit(p);
  return (ok && j->list.count > 0) || REFUSE(j, CERT_UNREADABLE, "there is no certificate in it");
}

static bool read_all(struct judge *j, const void *bytes, size_t n) {
  const gnutls_datum_t in = {(unsigned char *)(uintptr_t)bytes, (unsigned)n};
  if (n == 0 || n > CERT_BYTES_MAX)
    return REFUSE(j, CERT_UNREADABLE, n ? "larger than %u bytes" : "it is empty", CERT_BYTES_MAX);
  if (has(bytes, n, "PRIVATE KEY-----"))
    return REFUSE(j, CERT_PRIVATE_KEY,
                  "there is a private key in it: the device keeps its own, and whoever made this "
                  "one should not have sent it anywhere; send the certificate alone");
  if (has(bytes, n, "-----BEGIN CERTIFICATE") || has(bytes, n, "-----BEGIN X509 CERT")) {
    const int rc =
        gnutls_x509_crt_list_import2(&j->list.at, &j->list.count, &in, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0) {
      j->list = (struct cert_list){0};
      return REFUSE(j, CERT_UNREADABLE, "it cannot be read: %s", gnutls_strerror(rc));
    }
    return j->list.count <= CERT_CHAIN_MAX ||
           REFUSE(j, CERT_TOO_MANY, "more than %d certificates in it", CERT_CHAIN_MAX);
  }
  j->list.at = gnutls_calloc(CERT_CHAIN_MAX, sizeof *j->list.at);
  if (!j->list.at)
    return REFUSE(j, CERT_UNREADABLE, "no memory");
  if (has(bytes, n, "-----BEGIN "))
    return read_pkcs7(j, &in, GNUTLS_X509_FMT_PEM);
  return add_der(&j->list, &in) || read_pkcs7(j, &in, GNUTLS_X509_FMT_DER);
}

// The key's own first, then each one's issuer; every one must have its place.
static bool put_in_order(struct judge *j) {
  gnutls_x509_privkey_t key = NULL;
  bool used[CERT_CHAIN_MAX] = {false};
  struct err e;
  if (!cert_load_key(&key, j->d->key, &e))
    return REFUSE(j, CERT_OTHER_KEY, "%s", e.text);
  for (unsigned i = 0; i < j->list.count && j->length == 0; i++) {
    used[i] = cert_is_of(j->list.at[i], key);
    if (used[i])
      j->chain[j->length++] = j->list.at[i];
  }
  gnutls_x509_privkey_deinit(key);
  if (j->length == 0)
    return REFUSE(j, CERT_OTHER_KEY,
                  "it is for another key: have this device's present request signed");
  for (unsigned i = 0; i < j->list.count;) {
    const bool next =
        !used[i] && gnutls_x509_crt_check_issuer(j->chain[j->length - 1], j->list.at[i]) == 1;
    if (next) {
      used[i] = true;
      j->chain[j->length++] = j->list.at[i];
    }
    i = next ? 0 : i + 1; // whose issuer may stand anywhere
  }
  return j->length == j->list.count ||
         REFUSE(j, CERT_CHAIN, "%u of its %u certificates do not belong to the chain",
                j->list.count - j->length, j->list.count);
}

static bool links_hold(struct judge *j) {
  for (unsigned i = 0; i < j->length; i++) {
    const bool root = gnutls_x509_crt_check_issuer(j->chain[i], j->chain[i]) == 1;
    const int alg = gnutls_x509_crt_get_signature_algorithm(j->chain[i]);
    unsigned status = 0;
    // A root's own signature says nothing.
    if (!(root && i > 0) && (alg < 0 || !gnutls_sign_is_secure2((gnutls_sign_algorithm_t)alg,
                                                                GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS)))
      return REFUSE(j, CERT_WEAK, "it is signed with %s, which browsers refuse; SHA-256 is needed",
                    alg < 0 ? "something unknown"
                            : gnutls_sign_get_name((gnutls_sign_algorithm_t)alg));
    if (i + 1 < j->length && (gnutls_x509_crt_verify(j->chain[i], &j->chain[i + 1], 1,
                                                     GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                                                         GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS,
                                                     &status) < 0 ||
                              status != 0))
      return REFUSE(j, CERT_CHAIN, "certificate %u is not signed by the next one in the file",
                    i + 1);
  }
  return true;
}

static bool is_for_servers(struct judge *j) {
  gnutls_x509_crt_t crt = j->chain[0];
  unsigned usage = 0, critical = 0, ca = 0;
  char oid[64];
  size_t n = sizeof oid;
  if (gnutls_x509_crt_get_basic_constraints(crt, &critical, &ca, NULL) >= 0 && ca)
    return REFUSE(j, CERT_USAGE, "it is the certificate of an authority, not of a server");
  if (gnutls_x509_crt_get_key_usage(crt, &usage, &critical) >= 0 &&
      !(usage & GNUTLS_KEY_DIGITAL_SIGNATURE))
    return REFUSE(j, CERT_USAGE, "its key usage lacks digitalSignature");
  int rc = gnutls_x509_crt_get_key_purpose_oid(crt, 0, oid, &n, &critical);
  if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
    return true; // for everything
  for (unsigned i = 1; rc >= 0; i++) {
    if (strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) == 0 || strcmp(oid, GNUTLS_KP_ANY) == 0)
      return true;
    n = sizeof oid;
    rc = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &n, &critical);
  }
  return REFUSE(j, CERT_USAGE, "its extended key usage lacks serverAuth");
}

static bool has_a_name(struct judge *j) {
  struct cert_names names;
  cert_san(j->chain[0], &names);
  if (names.count == 0)
    return REFUSE(j, CERT_NAMES,
                  "it has no subjectAltName: browsers do not look at the common name");
  for (size_t i = 0; i < j->d->names->count; i++) {
    if (cert_names_have(&names, j->d->names->name[i]))
      return true;
  }
  return REFUSE(j, CERT_NAMES,
                "it is for \"%s\"%s, not for a name of the device's request (\"%s\")",
                names.name[0], names.count > 1 ? " and others" : "", j->d->names->name[0]);
}

static bool is_in_time(struct judge *j) {
  for (unsigned i = 0; i < j->length; i++) {
    const int64_t from = gnutls_x509_crt_get_activation_time(j->chain[i]);
    const int64_t until = cert_until(j->chain[i]);
    const char *which = i == 0 ? "it" : "a certificate of its chain";
    char day[16] = "?";
    struct tm tm;
    const time_t at = (time_t)(until < j->d->now_s ? until : from);
    if (gmtime_r(&at, &tm))
      (void)strftime(day, sizeof day, "%Y-%m-%d", &tm);
    if (until < j->d->now_s)
      return REFUSE(j, CERT_EXPIRED, "%s has expired on %s", which, day);
    if (j->d->clock_trusted && from > j->d->now_s + SLACK_S)
      return REFUSE(j, CERT_NOT_YET, "%s is valid from %s only; is the device's clock right?",
                    which, day);
  }
  return true;
}

bool cert_accept(char **chain, const void *bytes, size_t n, const struct cert_demand *d,
                 enum cert_refusal *why, struct err *e) {
  struct judge j = {.d = d, .e = e};
  bool ok = read_all(&j, bytes, n) && put_in_order(&j) && links_hold(&j) && is_for_servers(&j) &&
            has_a_name(&j) && is_in_time(&j);
  if (ok) {
    const struct cert_list ordered = {j.chain, j.length};
    ok = cert_list_text(&ordered, chain, e);
    j.why = ok ? CERT_NONE : CERT_UNREADABLE;
  }
  *why = j.why;
  cert_list_free(&j.list);
  return ok;
}
