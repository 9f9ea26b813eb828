// SPDX-License-Identifier: Apache-2.0
// By what the page over HTTPS is known: a key that the board makes at its first start and a
// certificate, its own or one that the shop's authority signed. Both lie in one file, so that a
// power cut leaves an old pair or a new one. The key never leaves the board.
#ifndef BAYPLATE_FIRMWARE_TLS_IDENTITY_H
#define BAYPLATE_FIRMWARE_TLS_IDENTITY_H

#include "board/clock.h"
#include "board/err.h"
#include "net/cert.h"

struct tls_identity;

#define TLS_IDENTITY_FILE "identity.pem"        // in the folder, mode 0600: key, then certificates
#define TLS_IDENTITY_REQUEST "request.csr"      // the last request, so that its names are known
#define TLS_IDENTITY_ASIDE "identity.set-aside" // what could not be used; the one before it goes

struct tls_identity_options {
  const struct bp_clock *clock;
  bool clock_need_sync;
  const char *name; // of the host, without ".local"
  const char *dir;  // its own folder; its parent must exist
  const char *cert_file,
      *key_file; // PEM files that somebody else keeps, in place of all that; or ""
};

// Loads, or makes what is not there. What is damaged, does not match or is for another name is
// named in the log, put aside and made anew; where the disk takes nothing it lives in memory until
// the next start. Fails only for files of the configuration (ERR_FORMAT and by errno, each named),
// or without memory. Texts of the options must outlive it.
BP_CHECK bool tls_identity_new(struct tls_identity **out, const struct tls_identity_options *o,
                               struct err *e);
void tls_identity_free(struct tls_identity *i); // NULL is fine

// All of these from any thread.

// Copies of what the server needs; key: wipe and free by tls_identity_wipe().
BP_CHECK bool tls_identity_pair(struct tls_identity *i, char **chain, char **key, struct err *e);
void tls_identity_wipe(char *key); // NULL is fine

// SHA-256 of the certificate, hexadecimal.
void tls_identity_print(struct tls_identity *i, char out[CERT_PRINT_MAX]);

enum tls_identity_source { TLS_IDENTITY_OWN, TLS_IDENTITY_SIGNED, TLS_IDENTITY_FILES };

struct tls_identity_state {
  enum tls_identity_source source;
  const char *name; // as the board calls itself
  struct cert_facts facts;
  struct cert_names asked;    // of the last request, or what it would ask for
  char trouble[ERR_TEXT_MAX]; // why it is not on the disk; "" when it is
};
void tls_identity_state(struct tls_identity *i, struct tls_identity_state *out);

// The certificate with its chain.
BP_CHECK bool tls_identity_certificate(struct tls_identity *i, char **pem, struct err *e);

// A request for a certificate of the board's own names and `more` (NULL: the last one again), kept
// so that its names are known when the answer comes. ERR_STATE: files of the configuration.
BP_CHECK bool tls_identity_request(struct tls_identity *i, const struct cert_names *more,
                                   char **pem, struct err *e);

// Takes what an authority made of a request (cert_accept()); durable on true. *why: CERT_NONE when
// it is not the certificate that is wrong. ERR_STATE: files of the configuration.
BP_CHECK bool tls_identity_install(struct tls_identity *i, const void *bytes, size_t n,
                                   enum cert_refusal *why, struct err *e);

// Reads the configuration's files again; on false the pair of before stays. Nothing without files.
BP_CHECK bool tls_identity_reload(struct tls_identity *i, struct err *e);

#endif
