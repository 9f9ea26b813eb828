// SPDX-License-Identifier: Apache-2.0
#include "firmware/tls_identity.h"

#include "board/careful.h"
#include "board/file.h"
#include "board/log.h"
#include "board/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// 2024-01-01: before any of these programs, so that a clock that is wrong does not make it "not
// valid yet" for others.
#define FROM_S INT64_C(1704067200)

struct tls_identity {
  struct tls_identity_options o;
  pthread_mutex_t lock; // guards what follows
  char *key, *chain;
  struct cert_facts facts;
  struct cert_names own, asked; // asked: of the last request
  char trouble[ERR_TEXT_MAX];   // why it is not on the disk; ""
  struct metric *until;
};

static bool by_files(const struct tls_identity *i) {
  return i->o.cert_file[0] != '\0';
}

void tls_identity_wipe(char *key) {
  if (key)
    explicit_bzero(key, strlen(key));
  free(key);
}

static const char *at(const struct tls_identity *i, const char *name, char path[FILE_PATH_MAX]) {
  (void)snprintf(path, FILE_PATH_MAX, "%s/%s", i->o.dir, name);
  return path;
}

// Takes key and chain over.
static void show(struct tls_identity *i, char *key, char *chain, const struct cert_facts *facts) {
  (void)pthread_mutex_lock(&i->lock);
  char *old_key = i->key, *old_chain = i->chain;
  i->key = key;
  i->chain = chain;
  i->facts = *facts;
  metric_set(i->until, facts->until_s);
  (void)pthread_mutex_unlock(&i->lock);
  tls_identity_wipe(old_key);
  free(old_chain);
}

// --- the configuration's files

static bool get(const char *path, char **text, struct err *e) {
  char *real = realpath(path, NULL); // a link is how others renew them
  void *bytes = NULL;
  size_t n = 0;
  bool ok = real ? file_get(real, CERT_BYTES_MAX, &bytes, &n, e) : err_errno(e, errno, "%s", path);
  free(real);
  if (ok && !strstr(bytes, "-----BEGIN ")) {
    tls_identity_wipe(bytes);
    return err_set(e, ERR_FORMAT, "%s: not a PEM file (no \"-----BEGIN\")", path);
  }
  *text = bytes;
  return ok;
}

static bool load_files(struct tls_identity *i, struct err *e) {
  char *cert_in = NULL, *key_in = NULL, *key = NULL, *chain = NULL;
  struct cert_facts facts;
  bool ok = get(i->o.cert_file, &cert_in, e) && get(i->o.key_file, &key_in, e) &&
            (cert_read(key_in, cert_in, &key, &chain, &facts, e) ||
             err_prefix(e, "%s and %s", i->o.cert_file, i->o.key_file));
  free(cert_in);
  tls_identity_wipe(key_in);
  if (ok)
    show(i, key, chain, &facts);
  return ok;
}

// --- its own

static bool keep(struct tls_identity *i, const char *key, const char *chain, struct err *e) {
  char path[FILE_PATH_MAX];
  const size_t n = strlen(key) + strlen(chain);
  char *both = malloc(n + 1);
  if (!both)
    return err_set(e, ERR_NOMEM, "no memory for the identity");
  (void)snprintf(both, n + 1, "%s%s", key, chain);
  const bool ok = file_put(at(i, TLS_IDENTITY_FILE, path), both, n, e);
  tls_identity_wipe(both);
  return ok;
}

static bool make(struct tls_identity *i, struct err *e) {
  char *key = NULL, *chain = NULL;
  struct cert_facts facts;
  struct err disk = {0};
  bool ok = cert_make_key(&key, e) && cert_make_self(&chain, key, &i->own, FROM_S, e) &&
            cert_read(key, chain, NULL, NULL, &facts, e);
  if (!ok) {
    tls_identity_wipe(key);
    free(chain);
    return err_prefix(e, "the board's own certificate");
  }
  if (!keep(i, key, chain, &disk)) {
    log_error("identity", "%s; the new certificate lasts until the next start", disk.text);
    (void)snprintf(i->trouble, sizeof i->trouble, "%s", disk.text);
  }
  log_info("identity", "made a key and a certificate for %s, SHA-256 %s", i->own.name[0],
           facts.print);
  show(i, key, chain, &facts);
  return true;
}

static bool put_aside(struct tls_identity *i, const char *why, struct err *e) {
  char path[FILE_PATH_MAX], aside[FILE_PATH_MAX];
  log_error("identity",
            "%s/" TLS_IDENTITY_FILE ": %s; put aside as " TLS_IDENTITY_ASIDE ", made anew",
            i->o.dir, why);
  struct err ignored;
  if (rename(at(i, TLS_IDENTITY_FILE, path), at(i, TLS_IDENTITY_ASIDE, aside)) != 0)
    log_warn("identity", "%s: %s", path, strerror(errno));
  else if (!careful_sync_folder(i->o.dir, &ignored))
    log_warn("identity", "%s", ignored.text);
  return make(i, e);
}

static bool load_own(struct tls_identity *i, struct err *e) {
  char path[FILE_PATH_MAX];
  void *text = NULL;
  size_t n = 0;
  char *key = NULL, *chain = NULL;
  struct cert_facts facts;
  struct err why = {0};
  if (!careful_make_folder(i->o.dir, &why))
    log_error("identity", "%s", why.text); // writing fails, too, and says so
  if (!file_get(at(i, TLS_IDENTITY_FILE, path), CERT_BYTES_MAX, &text, &n, &why)) {
    if (why.code == ERR_NOMEM)
      return err_set(e, ERR_NOMEM, "%s", why.text);
    // A folder that is not there was told above.
    return why.code == ERR_NOT_FOUND ? make(i, e) : put_aside(i, why.text, e);
  }
  bool ok = cert_read(text, text, &key, &chain, &facts, &why);
  tls_identity_wipe(text);
  if (!ok)
    return why.code == ERR_NOMEM ? err_set(e, ERR_NOMEM, "%s", why.text)
                                 : put_aside(i, why.text, e);
  if (facts.self_signed && !cert_names_have(&facts.names, i->own.name[0])) {
    tls_identity_wipe(key);
    free(chain);
    return put_aside(i, "it was made for another name", e);
  }
  show(i, key, chain, &facts);
  return true;
}

// What the last request asked for; one of an older key, or none, is as good as an empty one.
static void load_asked(struct tls_identity *i) {
  char path[FILE_PATH_MAX];
  void *text = NULL;
  size_t n = 0;
  struct err why;
  i->asked = i->own;
  if (!file_get(at(i, TLS_IDENTITY_REQUEST, path), CERT_BYTES_MAX, &text, &n, &why))
    return;
  if (!cert_request_names(text, i->key, &i->asked, &why)) {
    i->asked = i->own;
    log_info("identity", "%s: %s", path, why.text);
  }
  free(text);
}

static bool name_it(struct tls_identity *i, struct err *e) {
  char local[CERT_NAME_MAX];
  (void)snprintf(local, sizeof local, "%s.local", i->o.name);
  return cert_names_add(&i->own, local, e) && cert_names_add(&i->own, i->o.name, e);
}

bool tls_identity_new(struct tls_identity **out, const struct tls_identity_options *o,
                      struct err *e) {
  struct tls_identity *i = calloc(1, sizeof *i);
  if (!i || pthread_mutex_init(&i->lock, NULL) != 0) {
    free(i);
    return err_set(e, ERR_NOMEM, "no memory for the identity");
  }
  i->o = *o;
  i->until = metric_gauge("bayplate_tls_certificate_until_seconds", NULL,
                          "When the certificate of HTTPS ends, seconds since 1970.");
  if (!name_it(i, e) || !(by_files(i) ? load_files(i, e) : load_own(i, e))) {
    tls_identity_free(i);
    return false;
  }
  if (!by_files(i))
    load_asked(i);
  log_info("identity", "HTTPS is known by \"%s\", SHA-256 %s", i->facts.subject, i->facts.print);
  *out = i;
  return true;
}

void tls_identity_free(struct tls_identity *i) {
  if (!i)
    return;
  tls_identity_wipe(i->key);
  free(i->chain);
  (void)pthread_mutex_destroy(&i->lock);
  free(i);
}

// --- asked for

bool tls_identity_pair(struct tls_identity *i, char **chain, char **key, struct err *e) {
  (void)pthread_mutex_lock(&i->lock);
  *chain = strdup(i->chain);
  *key = strdup(i->key);
  (void)pthread_mutex_unlock(&i->lock);
  if (*chain && *key)
    return true;
  free(*chain);
  tls_identity_wipe(*key);
  return err_set(e, ERR_NOMEM, "no memory for a certificate");
}

void tls_identity_print(struct tls_identity *i, char out[CERT_PRINT_MAX]) {
  (void)pthread_mutex_lock(&i->lock);
  memcpy(out, i->facts.print, CERT_PRINT_MAX);
  (void)pthread_mutex_unlock(&i->lock);
}

void tls_identity_state(struct tls_identity *i, struct tls_identity_state *out) {
  (void)pthread_mutex_lock(&i->lock);
  *out = (struct tls_identity_state){.source = by_files(i)            ? TLS_IDENTITY_FILES
                                               : i->facts.self_signed ? TLS_IDENTITY_OWN
                                                                      : TLS_IDENTITY_SIGNED,
                                     .name = i->own.name[0], // never changes
                                     .facts = i->facts,
                                     .asked = i->asked};
  memcpy(out->trouble, i->trouble, sizeof out->trouble);
  (void)pthread_mutex_unlock(&i->lock);
}

bool tls_identity_certificate(struct tls_identity *i, char **pem, struct err *e) {
  (void)pthread_mutex_lock(&i->lock);
  *pem = strdup(i->chain);
  (void)pthread_mutex_unlock(&i->lock);
  return *pem || err_set(e, ERR_NOMEM, "no memory for a certificate");
}

static bool own_only(const struct tls_identity *i, struct err *e) {
  return !by_files(i) ||
         err_set(e, ERR_STATE, "the configuration names its own certificate (http.tls_cert)");
}

bool tls_identity_request(struct tls_identity *i, const struct cert_names *more, char **pem,
                          struct err *e) {
  char path[FILE_PATH_MAX];
  if (!own_only(i, e))
    return false;
  (void)pthread_mutex_lock(&i->lock);
  struct cert_names names = more ? i->own : i->asked;
  bool ok = true;
  for (size_t n = 0; ok && more && n < more->count; n++)
    ok = cert_names_add(&names, more->name[n], e);
  ok = ok && cert_make_request(pem, i->key, &names, e);
  if (ok && !file_put(at(i, TLS_IDENTITY_REQUEST, path), *pem, strlen(*pem), e)) {
    free(*pem);
    *pem = NULL;
    ok = false;
  }
  if (ok)
    i->asked = names;
  (void)pthread_mutex_unlock(&i->lock);
  return ok;
}

bool tls_identity_install(struct tls_identity *i, const void *bytes, size_t n,
                          enum cert_refusal *why, struct err *e) {
  *why = CERT_NONE;
  if (!own_only(i, e))
    return false;
  char *key = NULL, *chain = NULL, *clean = NULL;
  struct cert_facts facts;
  (void)pthread_mutex_lock(&i->lock);
  struct cert_names names = i->asked;
  key = strdup(i->key);
  (void)pthread_mutex_unlock(&i->lock);
  if (!key)
    return err_set(e, ERR_NOMEM, "no memory for a certificate");
  const struct cert_demand demand = {.key = key,
                                     .names = &names,
                                     .now_s = clock_wall_ns(i->o.clock) / CLOCK_NS_PER_S,
                                     .clock_trusted =
                                         clock_trusted(i->o.clock, i->o.clock_need_sync)};
  bool ok = cert_accept(&chain, bytes, n, &demand, why, e) &&
            cert_read(key, chain, NULL, &clean, &facts, e) && keep(i, key, chain, e);
  free(chain);
  if (!ok) {
    tls_identity_wipe(key);
    free(clean);
    return false;
  }
  log_info("identity", "a certificate of \"%s\" was installed, SHA-256 %s", facts.issuer,
           facts.print);
  (void)pthread_mutex_lock(&i->lock);
  i->trouble[0] = '\0';
  (void)pthread_mutex_unlock(&i->lock);
  show(i, key, clean, &facts);
  return true;
}

bool tls_identity_reload(struct tls_identity *i, struct err *e) {
  return !by_files(i) || load_files(i, e);
}
