// SPDX-License-Identifier: Apache-2.0
// Keys and X.509 certificates, by GnuTLS: made, described, judged. Texts are PEM, malloc'ed, with a
// NUL. No files here and no clock: the caller says what time it is.
#ifndef BAYPLATE_NET_CERT_H
#define BAYPLATE_NET_CERT_H

#include "board/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERT_BYTES_MAX (64u << 10) // of anything that is taken in
#define CERT_CHAIN_MAX 8           // certificates in one file
#define CERT_NAMES_MAX 8
#define CERT_NAME_MAX 128 // with its NUL
#define CERT_TEXT_MAX 256
#define CERT_PRINT_MAX 65                  // SHA-256 in small hexadecimal digits, with its NUL
#define CERT_FOREVER INT64_C(253402300799) // 99991231235959Z: no end (RFC 5280 4.1.2.5)

// DNS names and IP addresses, as text.
struct cert_names {
  size_t count;
  char name[CERT_NAMES_MAX][CERT_NAME_MAX];
};

// Adds a name unless it is there. ERR_ARG: neither a DNS name nor an address; ERR_LIMIT: too many.
BP_CHECK bool cert_names_add(struct cert_names *names, const char *name, struct err *e);
// Small and capital letters are the same.
bool cert_names_have(const struct cert_names *names, const char *name);

struct cert_facts {
  char print[CERT_PRINT_MAX]; // SHA-256 of the first certificate's DER form
  char subject[CERT_TEXT_MAX], issuer[CERT_TEXT_MAX];
  int64_t from_s, until_s; // since 1970
  bool self_signed;
  size_t chain; // certificates, the first among them
  struct cert_names names;
};

// A new EC key on P-256, PKCS #8. ERR_NOMEM, ERR_STATE.
BP_CHECK bool cert_make_key(char **key, struct err *e);

// A certificate that the key signs itself, for TLS servers, subject CN=names[0], valid from from_s
// without an end: a device's clock may be wrong when it makes it, and nobody renews it (IEEE
// 802.1AR-2018 8.7).
BP_CHECK bool cert_make_self(char **cert, const char *key, const struct cert_names *names,
                             int64_t from_s, struct err *e);

// A request (PKCS #10) for a certificate of these names.
BP_CHECK bool cert_make_request(char **request, const char *key, const struct cert_names *names,
                                struct err *e);
// The names in a request of this key. ERR_FORMAT: it is none, or another key's.
BP_CHECK bool cert_request_names(const char *request, const char *key, struct cert_names *out,
                                 struct err *e);

// Takes key and certificates apart that stand in one text or two (key_text may be cert_text), in
// their own clean form; the first certificate must be the key's. Any of the outputs may be NULL.
// ERR_FORMAT: not to be read, or they do not match.
BP_CHECK bool cert_read(const char *key_text, const char *cert_text, char **key, char **chain,
                        struct cert_facts *facts, struct err *e);

// Why a certificate from outside is not taken.
enum cert_refusal {
  CERT_NONE,        // it is taken
  CERT_UNREADABLE,  // no certificate in it
  CERT_PRIVATE_KEY, // a private key in it: whoever sent it has made one that nobody should have
                    // sent
  CERT_TOO_MANY,    // more than CERT_CHAIN_MAX
  CERT_OTHER_KEY,   // none of them is for this key
  CERT_CHAIN,       // they do not sign one another
  CERT_WEAK,        // signed in a way that browsers refuse
  CERT_USAGE,       // not for a TLS server
  CERT_NAMES,       // none of the wanted names is in it
  CERT_EXPIRED,
  CERT_NOT_YET,
};
// "unreadable", "private-key", ...: for programs. CERT_NONE: "".
const char *cert_refusal_name(enum cert_refusal r);

struct cert_demand {
  const char *key;
  const struct cert_names *names; // one of them at least
  int64_t now_s;
  bool clock_trusted; // false: now_s is a time that is over for certain, so only ends are judged
};

// Judges what an authority made of a request: PEM (also PKCS #7), or DER (.cer, .p7b), in any
// order. *chain: the key's own certificate first, each signed by the next. False: *why, and words.
BP_CHECK bool cert_accept(char **chain, const void *bytes, size_t n, const struct cert_demand *d,
                          enum cert_refusal *why, struct err *e);

#endif
