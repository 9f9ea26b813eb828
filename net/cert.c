// SPDX-License-Identifier: Apache-2.0
#include "net/cert_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool cert_fault(struct err *e, int rc, const char *what) {
  return err_set(e, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_FORMAT, "%s: %s", what,
                 gnutls_strerror(rc));
}

char *cert_text(gnutls_datum_t *d) {
  char *out = d->data ? malloc((size_t)d->size + 1) : NULL;
  if (out) {
    memcpy(out, d->data, d->size);
    out[d->size] = '\0';
  }
  if (d->data)
    explicit_bzero(d->data, d->size); // it may be a key
  gnutls_free(d->data);
  d->data = NULL;
  return out;
}

// --- names

size_t cert_address(const char *name, unsigned char out[16]) {
  if (inet_pton(AF_INET, name, out) == 1)
    return 4;
  return inet_pton(AF_INET6, name, out) == 1 ? 16 : 0;
}

// Labels of letters, digits and inner '-' (RFC 1123); '_' is not for hosts.
static bool is_host(const char *s) {
  size_t label = 0;
  for (const char *c = s; *c; c++) {
    if (*c == '.') {
      if (label == 0 || c[-1] == '-')
        return false;
      label = 0;
      continue;
    }
    const bool plain =
        (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
    if ((!plain && !(*c == '-' && label > 0)) || ++label > 63)
      return false;
  }
  return label > 0 && s[strlen(s) - 1] != '-';
}

bool cert_names_have(const struct cert_names *names, const char *name) {
  for (size_t i = 0; i < names->count; i++) {
    if (strcasecmp(names->name[i], name) == 0)
      return true;
  }
  return false;
}

bool cert_names_add(struct cert_names *names, const char *name, struct err *e) {
  unsigned char address[16];
  const size_t n = strlen(name);
  if (n >= CERT_NAME_MAX || (!is_host(name) && cert_address(name, address) == 0))
    return err_set(e, ERR_ARG, "\"%.60s\" is neither a name nor an address of a host", name);
  if (cert_names_have(names, name))
    return true;
  if (names->count == CERT_NAMES_MAX)
    return err_set(e, ERR_LIMIT, "more than %d names", CERT_NAMES_MAX);
  memcpy(names->name[names->count++], name, n + 1);
  return true;
}

void cert_san(gnutls_x509_crt_t crt, struct cert_names *out) {
  out->count = 0;
  for (unsigned i = 0; out->count < CERT_NAMES_MAX; i++) {
    char raw[CERT_NAME_MAX], *to = out->name[out->count];
    size_t n = sizeof raw - 1;
    const int type = gnutls_x509_crt_get_subject_alt_name(crt, i, raw, &n, NULL);
    if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
      return;
    if (type == GNUTLS_SAN_DNSNAME && n < CERT_NAME_MAX) {
      memcpy(to, raw, n);
      to[n] = '\0';
      out->count++;
    } else if (type == GNUTLS_SAN_IPADDRESS && (n == 4 || n == 16)) {
      out->count += inet_ntop(n == 4 ? AF_INET : AF_INET6, raw, to, CERT_NAME_MAX) != NULL;
    }
  }
}

// --- reading

bool cert_load_key(gnutls_x509_privkey_t *out, const char *pem, struct err *e) {
  const gnutls_datum_t in = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
  int rc = gnutls_x509_privkey_init(out);
  if (rc < 0)
    return cert_fault(e, rc, "key");
  rc = gnutls_x509_privkey_import2(*out, &in, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
  if (rc >= 0)
    return true;
  gnutls_x509_privkey_deinit(*out);
  *out = NULL;
  return cert_fault(e, rc, "the private key cannot be read");
}

bool cert_load_list(struct cert_list *out, const char *pem, struct err *e) {
  const gnutls_datum_t in = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
  *out = (struct cert_list){0};
  const int rc = gnutls_x509_crt_list_import2(&out->at, &out->count, &in, GNUTLS_X509_FMT_PEM, 0);
  if (rc < 0) {
    *out = (struct cert_list){0};
    return cert_fault(e, rc, "the certificate cannot be read");
  }
  if (out->count <= CERT_CHAIN_MAX)
    return true;
  cert_list_free(out);
  return err_set(e, ERR_LIMIT, "more than %d certificates", CERT_CHAIN_MAX);
}

void cert_list_free(struct cert_list *l) {
  for (unsigned i = 0; i < l->count; i++)
    gnutls_x509_crt_deinit(l->at[i]);
  gnutls_free(l->at);
  *l = (struct cert_list){0};
}

bool cert_list_text(const struct cert_list *l, char **out, struct err *e) {
  size_t len = 0;
  char *all = calloc(1, 1);
  for (unsigned i = 0; all && i < l->count; i++) {
    gnutls_datum_t one = {0};
    const int rc = gnutls_x509_crt_export2(l->at[i], GNUTLS_X509_FMT_PEM, &one);
    char *more = rc < 0 ? NULL : realloc(all, len + one.size + 1);
    if (!more) {
      gnutls_free(one.data);
      free(all);
      return cert_fault(e, rc < 0 ? rc : GNUTLS_E_MEMORY_ERROR, "certificate");
    }
    all = more;
    memcpy(all + len, one.data, one.size);
    len += one.size;
    all[len] = '\0';
    gnutls_free(one.data);
  }
  *out = all;
  return all || err_set(e, ERR_NOMEM, "no memory for a certificate");
}

bool cert_is_of(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key) {
  unsigned char a[64], b[64];
  size_t n = sizeof a, m = sizeof b;
  return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &n) >= 0 &&
         gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, b, &m) >= 0 && n == m &&
         memcmp(a, b, n) == 0;
}

int64_t cert_until(gnutls_x509_crt_t crt) {
  const time_t t = gnutls_x509_crt_get_expiration_time(crt);
  // GnuTLS 3.7 says "no end" in either way.
  return t == (time_t)-1 || t > CERT_FOREVER ? CERT_FOREVER : t;
}

static bool name_text(int (*get)(gnutls_x509_crt_t, gnutls_datum_t *), gnutls_x509_crt_t crt,
                      char out[CERT_TEXT_MAX]) {
  gnutls_datum_t d = {0};
  out[0] = '\0';
  if (get(crt, &d) < 0)
    return false;
  (void)snprintf(out, CERT_TEXT_MAX, "%.*s", (int)d.size, (const char *)d.data);
  gnutls_free(d.data);
  return true;
}

static bool describe(const struct cert_list *l, struct cert_facts *f, struct err *e) {
  unsigned char raw[32];
  size_t n = sizeof raw;
  *f = (struct cert_facts){.chain = l->count};
  const int rc = gnutls_x509_crt_get_fingerprint(l->at[0], GNUTLS_DIG_SHA256, raw, &n);
  if (rc < 0 || n != sizeof raw)
    return cert_fault(e, rc, "fingerprint");
  for (size_t i = 0; i < n; i++)
    (void)snprintf(f->print + 2 * i, 3, "%02x", raw[i]);
  // An empty subject is allowed: then the names alone count.
  (void)name_text(gnutls_x509_crt_get_dn2, l->at[0], f->subject);
  (void)name_text(gnutls_x509_crt_get_issuer_dn2, l->at[0], f->issuer);
  f->from_s = gnutls_x509_crt_get_activation_time(l->at[0]);
  f->until_s = cert_until(l->at[0]);
  f->self_signed = gnutls_x509_crt_check_issuer(l->at[0], l->at[0]) == 1;
  cert_san(l->at[0], &f->names);
  return true;
}

static bool key_text_of(gnutls_x509_privkey_t key, char **out, struct err *e) {
  gnutls_datum_t d = {0};
  const int rc =
      gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &d);
  if (rc < 0)
    return cert_fault(e, rc, "key");
  *out = cert_text(&d);
  return *out || err_set(e, ERR_NOMEM, "no memory for a key");
}

bool cert_read(const char *key_text, const char *cert_text_in, char **key, char **chain,
               struct cert_facts *facts, struct err *e) {
  gnutls_x509_privkey_t k = NULL;
  struct cert_list list = {0};
  struct cert_facts f;
  char *key_out = NULL, *chain_out = NULL;
  bool ok = cert_load_key(&k, key_text, e) && cert_load_list(&list, cert_text_in, e);
  if (ok && !cert_is_of(list.at[0], k))
    ok = err_set(e, ERR_FORMAT, "the certificate does not belong to the key");
  ok = ok && describe(&list, &f, e) && (!key || key_text_of(k, &key_out, e)) &&
       (!chain || cert_list_text(&list, &chain_out, e));
  if (k)
    gnutls_x509_privkey_deinit(k);
  cert_list_free(&list);
  if (!ok) {
    if (key_out)
      explicit_bzero(key_out, strlen(key_out));
    free(key_out);
    free(chain_out);
    return false;
  }
  if (key)
    *key = key_out;
  if (chain)
    *chain = chain_out;
  if (facts)
    *facts = f;
  return true;
}
