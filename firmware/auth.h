// SPDX-License-Identifier: Apache-2.0
// Who may see the page: people with a role and a PIN, sessions, lock-out. There is no default
// password: the first person is made by whoever has the first password of the board's label, or, on
// a machine that was not flashed, a one-time code printed on the console.
#ifndef BAYPLATE_FIRMWARE_AUTH_H
#define BAYPLATE_FIRMWARE_AUTH_H

#include "board/clock.h"
#include "firmware/store_user.h"

#define AUTH_PIN_MIN 6
#define AUTH_PIN_MAX 12
#define AUTH_TOKEN_MAX 72                                // hex of 256 random bits, and NUL
#define AUTH_SETUP_CODE_MAX 12                           // "ABCD-EFGH"
#define AUTH_SETUP_TRIES 20                              // wrong codes before a new one is made
#define AUTH_FREE_TRIES 5                                // wrong PINs in a row without a pause
#define AUTH_FIRST_PAUSE_MS 30000                        // then this, doubling
#define AUTH_PAUSE_MAX_MS (3600 * 1000)                  // up to this
#define AUTH_ADDRESSES 256                               // addresses remembered for lock-out
#define AUTH_IDLE_MS (INT64_C(12) * 3600 * 1000)         // a session ends after so long without use
#define AUTH_SESSION_MS (INT64_C(30) * 24 * 3600 * 1000) // and after so long in any case
#define AUTH_PASSWORD_OPS 2 // Argon2id, OWASP's second setting: t=2, m=19 MiB
#define AUTH_PASSWORD_BYTES (19u << 20)

enum auth_role { AUTH_ADVISOR, AUTH_SPECIALIST, AUTH_MANAGER, AUTH_TECHNICIAN };
// "advisor" "specialist" "manager" "technician". Never NULL.
const char *auth_role_name(enum auth_role r);
bool auth_role_parse(const char *word, enum auth_role *out);

// Where people and sessions are kept; see firmware/store_user.h for each function's words.
struct auth_store_ops {
  bool (*usable)(
      void *ctx); // false: people may exist that cannot be read now: no set-up, no sign-in
  bool (*user_count)(void *ctx, int64_t *n, struct err *e);
  bool (*user_has_role)(void *ctx, const char *role, bool *yes, struct err *e);
  bool (*user_add)(void *ctx, struct store_user *u, struct err *e);
  bool (*user_add_first)(void *ctx, struct store_user *u, struct err *e);
  bool (*user_by_name)(void *ctx, const char *name, struct store_user *out, struct err *e);
  bool (*user_by_id)(void *ctx, int64_t id, struct store_user *out, struct err *e);
  bool (*user_set_failures)(void *ctx, int64_t id, unsigned failed, int64_t locked_until_ms,
                            struct err *e);
  bool (*session_put)(void *ctx, const struct store_session *s, struct err *e);
  bool (*session_get)(void *ctx, const char *token_hash, struct store_session *out, struct err *e);
  bool (*session_touch)(void *ctx, const char *token_hash, int64_t last_used_ms, int64_t expires_ms,
                        struct err *e);
  bool (*session_delete)(void *ctx, const char *token_hash, struct err *e);
  bool (*session_expire)(void *ctx, int64_t now_ms, struct err *e);
};

// The ops on a real store (its writer); ctx is the struct store.
extern const struct auth_store_ops auth_on_store;

struct auth;
struct auth_options {
  const struct bp_clock *clock;
  const struct auth_store_ops *ops;
  void *store; // ctx of the ops
  // A new set-up code is valid: show it where only the owner of the device looks. NULL: it is
  // logged.
  void (*show_code)(void *ctx, const char *code);
  void *ctx;
  // Of the first password on the board's label (firmware/device_id.h); NULL or "": there is none,
  // and a set-up code is made. Must outlive the call.
  const char *first_password_hash;
};

BP_CHECK bool auth_new(struct auth **out, const struct auth_options *o, struct err *e);
void auth_free(struct auth *a); // NULL is fine

// Is there nobody yet, so that the set-up is open?
bool auth_needs_setup(struct auth *a);
// Does the set-up ask for the label's first password (else for the code in the log)?
bool auth_setup_by_label(const struct auth *a);

struct auth_person {
  int64_t id;
  char name[STORE_USER_NAME_MAX];
  enum auth_role role;
  char csrf[STORE_CSRF_MAX]; // to be sent back with every change
  uint64_t session;          // names the session's streams; not secret
};

// What a refusal is about, for the page's words.
enum auth_refusal {
  AUTH_OK,
  AUTH_WRONG,   // code, name or PIN
  AUTH_LOCKED,  // try again after *wait_ms
  AUTH_BAD_PIN, // too short, too long, not digits, easily guessed
  AUTH_BAD_NAME,
  AUTH_TAKEN,   // the name, or the set-up was done by another
  AUTH_TROUBLE, // the store does not answer; see the error
};
// A stable word: "ok" "wrong" "locked" "pin" "name" "taken" "trouble". Never NULL.
const char *auth_refusal_name(enum auth_refusal r);

// Makes the first person and signs them in. token gets the cookie's value. `peer` is the client's
// address.
BP_CHECK enum auth_refusal auth_setup(struct auth *a, const char *peer, const char *code,
                                      const char *name, enum auth_role role, const char *pin,
                                      char token[AUTH_TOKEN_MAX], struct auth_person *out,
                                      int64_t *wait_ms, struct err *e);
// Signs in. An unknown name and a wrong PIN look and take the same.
BP_CHECK enum auth_refusal auth_login(struct auth *a, const char *peer, const char *name,
                                      const char *pin, char token[AUTH_TOKEN_MAX],
                                      struct auth_person *out, int64_t *wait_ms, struct err *e);
// A manager or technician adds a person.
BP_CHECK enum auth_refusal auth_add(struct auth *a, const char *name, enum auth_role role,
                                    const char *pin, struct err *e);
// A technician who set a flashed board up must not make himself a manager later, but the shop needs
// its first one: whoever has the label's first password adds it, as long as there is none.
bool auth_lacks_manager(struct auth *a); // is that open?
BP_CHECK enum auth_refusal auth_add_first_manager(struct auth *a, const char *peer,
                                                  const char *code, const char *name,
                                                  const char *pin, int64_t *wait_ms, struct err *e);
// Whose cookie is it? False: nobody's, or its time is over. Keeps the session alive.
bool auth_check(struct auth *a, const char *token, struct auth_person *out);
// Ends the session.
void auth_logout(struct auth *a, const char *token);
// Is `sent` the person's CSRF token? Takes the same time whatever differs.
bool auth_csrf_ok(const struct auth_person *p, const char *sent);

// Six to twelve digits that are not the first to be tried: not one digit repeated, a run up or
// down, a repeated group, pairs, or a pattern of the keypad.
bool auth_pin_acceptable(const char *pin);

#endif
