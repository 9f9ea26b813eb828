// SPDX-License-Identifier: Apache-2.0
// Shared by the cert*.c files only.
#ifndef BAYPLATE_NET_CERT_INTERNAL_H
#define BAYPLATE_NET_CERT_INTERNAL_H

#include "net/cert.h"

#include <gnutls/x509.h>

struct cert_list {
  gnutls_x509_crt_t *at;
  unsigned count;
};

// Sets ERR_NOMEM or ERR_FORMAT with GnuTLS's words for `rc`; false.
bool cert_fault(struct err *e, int rc, const char *what);

BP_CHECK bool cert_load_key(gnutls_x509_privkey_t *out, const char *pem, struct err *e);
// Every certificate of a PEM text. ERR_LIMIT: more than CERT_CHAIN_MAX.
BP_CHECK bool cert_load_list(struct cert_list *out, const char *pem, struct err *e);
void cert_list_free(struct cert_list *l);
// The list as one PEM text.
BP_CHECK bool cert_list_text(const struct cert_list *l, char **out, struct err *e);

// Is it the certificate of this key?
bool cert_is_of(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key);
void cert_san(gnutls_x509_crt_t crt, struct cert_names *out);
int64_t cert_until(gnutls_x509_crt_t crt);

// GnuTLS's memory as malloc'ed text, and gives GnuTLS's back (wiped). NULL: no memory.
char *cert_text(gnutls_datum_t *d);

// An IP address's bytes: 4 or 16, or 0 when it is none.
size_t cert_address(const char *name, unsigned char out[16]);

#endif
