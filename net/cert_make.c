// SPDX-License-Identifier: Apache-2.0
#include "net/cert_internal.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <string.h>

#define SERIAL_BYTES 16

bool cert_make_key(char **key, struct err *e) {
  gnutls_x509_privkey_t k = NULL;
  gnutls_datum_t d = {0};
  int rc = gnutls_x509_privkey_init(&k);
  if (rc < 0)
    return cert_fault(e, rc, "key");
  rc = gnutls_x509_privkey_generate(k, GNUTLS_PK_EC,
                                    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
  if (rc >= 0)
    rc = gnutls_x509_privkey_export2_pkcs8(k, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &d);
  gnutls_x509_privkey_deinit(k);
  if (rc < 0)
    return cert_fault(e, rc, "a key cannot be made");
  *key = cert_text(&d);
  return *key || err_set(e, ERR_NOMEM, "no memory for a key");
}

// What certificate and request have in common, so that both say the same.
static int name_certificate(gnutls_x509_crt_t crt, const struct cert_names *names) {
  int rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, names->name[0],
                                         (unsigned)strlen(names->name[0]));
  for (size_t i = 0; rc >= 0 && i < names->count; i++) {
    unsigned char address[16];
    const size_t n = cert_address(names->name[i], address);
    rc = gnutls_x509_crt_set_subject_alt_name(crt, n ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                              n ? (const void *)address : names->name[i],
                                              (unsigned)(n ? n : strlen(names->name[i])),
                                              GNUTLS_FSAN_APPEND);
  }
  return rc;
}

static int name_request(gnutls_x509_crq_t crq, const struct cert_names *names) {
  int rc = gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, names->name[0],
                                         (unsigned)strlen(names->name[0]));
  for (size_t i = 0; rc >= 0 && i < names->count; i++) {
    unsigned char address[16];
    const size_t n = cert_address(names->name[i], address);
    rc = gnutls_x509_crq_set_subject_alt_name(crq, n ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                              n ? (const void *)address : names->name[i],
                                              (unsigned)(n ? n : strlen(names->name[i])),
                                              GNUTLS_FSAN_APPEND);
  }
  return rc;
}

// At most 20 bytes and above zero (RFC 5280 4.1.2.2).
static int set_serial(gnutls_x509_crt_t crt) {
  unsigned char serial[SERIAL_BYTES];
  const int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
  serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
  return rc < 0 ? rc : gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
}

static int set_key_id(gnutls_x509_crt_t crt) {
  unsigned char id[64];
  size_t n = sizeof id;
  const int rc = gnutls_x509_crt_get_key_id(crt, 0, id, &n);
  return rc < 0 ? rc : gnutls_x509_crt_set_subject_key_id(crt, id, n);
}

bool cert_make_self(char **cert, const char *key, const struct cert_names *names, int64_t from_s,
                    struct err *e) {
  gnutls_x509_privkey_t k = NULL;
  gnutls_x509_crt_t crt = NULL;
  gnutls_datum_t d = {0};
  if (names->count == 0)
    return err_set(e, ERR_ARG, "a certificate needs a name");
  if (!cert_load_key(&k, key, e))
    return false;
  int rc = gnutls_x509_crt_init(&crt);
  // Each step only when the one before went well.
  rc = rc < 0 ? rc : gnutls_x509_crt_set_version(crt, 3);
  rc = rc < 0 ? rc : set_serial(crt);
  rc = rc < 0 ? rc : gnutls_x509_crt_set_activation_time(crt, (time_t)from_s);
  rc = rc < 0 ? rc : gnutls_x509_crt_set_expiration_time(crt, (time_t)CERT_FOREVER);
  rc = rc < 0 ? rc : name_certificate(crt, names);
  rc = rc < 0 ? rc : gnutls_x509_crt_set_key(crt, k);
  // No authority: who trusts this certificate trusts this one device, not what it might sign.
  rc = rc < 0 ? rc : gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
  rc = rc < 0 ? rc : gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
  rc = rc < 0 ? rc : gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
  rc = rc < 0 ? rc : set_key_id(crt);
  rc = rc < 0 ? rc : gnutls_x509_crt_sign2(crt, crt, k, GNUTLS_DIG_SHA256, 0);
  rc = rc < 0 ? rc : gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &d);
  if (crt)
    gnutls_x509_crt_deinit(crt);
  gnutls_x509_privkey_deinit(k);
  if (rc < 0)
    return cert_fault(e, rc, "a certificate cannot be made");
  *cert = cert_text(&d);
  return *cert || err_set(e, ERR_NOMEM, "no memory for a certificate");
}

bool cert_make_request(char **request, const char *key, const struct cert_names *names,
                       struct err *e) {
  gnutls_x509_privkey_t k = NULL;
  gnutls_x509_crq_t crq = NULL;
  gnutls_datum_t d = {0};
  if (names->count == 0)
    return err_set(e, ERR_ARG, "a request needs a name");
  if (!cert_load_key(&k, key, e))
    return false;
  int rc = gnutls_x509_crq_init(&crq);
  rc = rc < 0 ? rc : gnutls_x509_crq_set_version(crq, 1);
  rc = rc < 0 ? rc : name_request(crq, names);
  rc = rc < 0 ? rc : gnutls_x509_crq_set_key(crq, k);
  rc = rc < 0 ? rc : gnutls_x509_crq_set_key_usage(crq, GNUTLS_KEY_DIGITAL_SIGNATURE);
  rc = rc < 0 ? rc : gnutls_x509_crq_set_key_purpose_oid(crq, GNUTLS_KP_TLS_WWW_SERVER, 0);
  rc = rc < 0 ? rc : gnutls_x509_crq_sign2(crq, k, GNUTLS_DIG_SHA256, 0);
  rc = rc < 0 ? rc : gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &d);
  if (crq)
    gnutls_x509_crq_deinit(crq);
  gnutls_x509_privkey_deinit(k);
  if (rc < 0)
    return cert_fault(e, rc, "a request cannot be made");
  *request = cert_text(&d);
  return *request || err_set(e, ERR_NOMEM, "no memory for a request");
}

static void request_san(gnutls_x509_crq_t crq, struct cert_names *out) {
  out->count = 0;
  for (unsigned i = 0; out->count < CERT_NAMES_MAX; i++) {
    char raw[CERT_NAME_MAX], *to = out->name[out->count];
    size_t n = sizeof raw - 1;
    unsigned type = 0, critical = 0;
    const int rc = gnutls_x509_crq_get_subject_alt_name(crq, i, raw, &n, &type, &critical);
    if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
      return;
    if (rc >= 0 && type == GNUTLS_SAN_DNSNAME && n < CERT_NAME_MAX) {
      memcpy(to, raw, n);
      to[n] = '\0';
      out->count++;
    } else if (rc >= 0 && type == GNUTLS_SAN_IPADDRESS && (n == 4 || n == 16)) {
      out->count += inet_ntop(n == 4 ? AF_INET : AF_INET6, raw, to, CERT_NAME_MAX) != NULL;
    }
  }
}

bool cert_request_names(const char *request, const char *key, struct cert_names *out,
                        struct err *e) {
  gnutls_x509_privkey_t k = NULL;
  gnutls_x509_crq_t crq = NULL;
  const gnutls_datum_t in = {(unsigned char *)(uintptr_t)request, (unsigned)strlen(request)};
  unsigned char a[64], b[64];
  size_t n = sizeof a, m = sizeof b;
  if (!cert_load_key(&k, key, e))
    return false;
  int rc = gnutls_x509_crq_init(&crq);
  rc = rc < 0 ? rc : gnutls_x509_crq_import(crq, &in, GNUTLS_X509_FMT_PEM);
  rc = rc < 0 ? rc : gnutls_x509_crq_get_key_id(crq, GNUTLS_KEYID_USE_SHA256, a, &n);
  rc = rc < 0 ? rc : gnutls_x509_privkey_get_key_id(k, GNUTLS_KEYID_USE_SHA256, b, &m);
  const bool same = rc >= 0 && n == m && memcmp(a, b, n) == 0;
  if (same)
    request_san(crq, out);
  if (crq)
    gnutls_x509_crq_deinit(crq);
  gnutls_x509_privkey_deinit(k);
  if (rc < 0)
    return cert_fault(e, rc, "the request cannot be read");
  return same || err_set(e, ERR_FORMAT, "the request is of another key");
}
