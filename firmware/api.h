// SPDX-License-Identifier: Apache-2.0
// The HTTP interface of bayplated: the page, its JSON and its event stream, health and metrics.
// main gives the functions that know the terminal; api knows HTTP, sign-in and who may see what.
#ifndef BAYPLATE_FIRMWARE_API_H
#define BAYPLATE_FIRMWARE_API_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/auth.h"
#include "net/sse.h"

struct commission;
struct device_page;
struct tls_identity;

#define API_STATUS_MS 5000 // the status event comes at least so often: the page's "last contact"
#define API_PAGE_DEFAULT 50
#define API_PAGE_MAX 200

// What api asks of the rest of the terminal. All may be called from the server's thread and must be
// quick; JSON texts are malloc'ed, api frees them. firmware/api_store.h has the first four on a
// store.
struct api_deps {
  void *ctx;
  // {"rev":N,"cards":[card, ...]}: cars at hand and recent ones; N: nothing newer than rev N is
  // missing.
  bool (*cards_json)(void *ctx, char **json, struct err *e);
  // {"cards":[...],"next":"<before of the next page>"|null}. query and before may be NULL. ERR_ARG:
  // bad query.
  bool (*history_json)(void *ctx, const char *query, const char *before, unsigned limit,
                       char **json, struct err *e);
  // Calls emit for each card with rev > since, in order, until it returns false.
  bool (*replay)(void *ctx, uint64_t since, bool (*emit)(void *to, uint64_t rev, const char *json),
                 void *to, struct err *e);
  // The evidence crop of a visit as JPEG; malloc'ed. ERR_NOT_FOUND.
  bool (*evidence)(void *ctx, uint64_t visit, void **jpeg, size_t *len, struct err *e);
  // {"cameras":[{"name","state","last_frame","error"}],"store":{"ok","error"},"clock_trusted":b,"now":"..."}
  bool (*status_json)(void *ctx, char **json, struct err *e);
  // {"ok":b,...}; *ok: answer 200, else 503. No personal data: it is open to all.
  bool (*health_json)(void *ctx, bool *ok, char **json, struct err *e);
  // A person (auth_person.id) says what stands on a visit's plate (canonical, valid): it becomes
  // the visit's text, and is kept with its crop, where there is one, for the eval and the training.
  // ERR_NOT_FOUND: no such visit. NULL: not offered here.
  bool (*correct)(void *ctx, uint64_t visit, const char *plate, int64_t by, struct err *e);
};

struct api_options {
  const struct bp_clock *clock;
  struct auth *auth;
  struct api_deps deps; // copied
  const char *address;
  int port;                      // of plain HTTP; HTTP_NO_PORT: none
  int tls_port;                  // of HTTPS, when there is an identity
  bool redirect;                 // plain HTTP sends people on to HTTPS
  struct tls_identity *identity; // by which HTTPS is known; NULL: no HTTPS
  const char *shop_name;         // shown in the page's head; NULL or "": none
  uint64_t newest_rev;           // store_visit_rev at start
  struct commission *commission; // NULL: no commissioning page
  struct device_page *device;    // NULL: no device page
};

struct api;
// Starts the server. Errors as http_server_new.
BP_CHECK bool api_new(struct api **out, const struct api_options *o, struct err *e);
// The ports that are really bound; HTTP_NO_PORT: none.
int api_port(const struct api *a);
int api_tls_port(const struct api *a);
// The identity changed: HTTPS shows the new one from now on. Any thread.
void api_identity_changed(struct api *a);
// A card is new: to all pages. Any thread. `json` is copied; it must be durable.
void api_publish_card(struct api *a, uint64_t rev, const char *json);
// The status changed: asks status_json soon instead of at the next API_STATUS_MS. Any thread.
void api_status_changed(struct api *a);
void api_free(struct api *a); // NULL is fine

#endif
