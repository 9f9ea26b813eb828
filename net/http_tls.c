// SPDX-License-Identifier: Apache-2.0
#include "net/http_internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct http_tls {
  atomic_uint holders;
  gnutls_certificate_credentials_t credentials;
};

bool http_tls_new(struct http_tls **out, const char *cert, const char *key, struct err *e) {
  const gnutls_datum_t c = {(unsigned char *)(uintptr_t)cert, (unsigned)strlen(cert)};
  const gnutls_datum_t k = {(unsigned char *)(uintptr_t)key, (unsigned)strlen(key)};
  struct http_tls *t = calloc(1, sizeof *t);
  if (!t || gnutls_certificate_allocate_credentials(&t->credentials) < 0) {
    free(t);
    return err_set(e, ERR_NOMEM, "HTTPS: out of memory");
  }
  atomic_init(&t->holders, 1);
  const int rc =
      gnutls_certificate_set_x509_key_mem2(t->credentials, &c, &k, GNUTLS_X509_FMT_PEM, NULL, 0);
  if (rc < 0) {
    http_tls_drop(t);
    return err_set(e, ERR_FORMAT, "HTTPS: certificate and key do not fit or are damaged: %s",
                   gnutls_strerror(rc));
  }
  *out = t;
  return true;
}

struct http_tls *http_tls_hold(struct http_tls *t) {
  atomic_fetch_add(&t->holders, 1);
  return t;
}

void http_tls_drop(struct http_tls *t) {
  if (t && atomic_fetch_sub(&t->holders, 1) == 1) {
    gnutls_certificate_free_credentials(t->credentials);
    free(t);
  }
}

bool http_tls_use(struct http_tls *t, gnutls_session_t session) {
  return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials) >= 0;
}
