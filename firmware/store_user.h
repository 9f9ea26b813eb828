// SPDX-License-Identifier: Apache-2.0
// Users of the page and their sessions. The store keeps hashes only; making and checking them is
// the caller's.
#ifndef BAYPLATE_FIRMWARE_STORE_USER_H
#define BAYPLATE_FIRMWARE_STORE_USER_H

#include "firmware/store.h"

#define STORE_USER_NAME_MAX 64
#define STORE_ROLE_MAX 24
#define STORE_PIN_HASH_MAX 256
#define STORE_TOKEN_HASH_MAX 80 // hex text of a hash of the cookie
#define STORE_CSRF_MAX 80
#define STORE_USERS_MAX 200

struct store_user {
  int64_t id;
  char name[STORE_USER_NAME_MAX]; // unique
  char role[STORE_ROLE_MAX];
  char pin_hash[STORE_PIN_HASH_MAX];
  unsigned failed;         // wrong PINs in a row
  int64_t locked_until_ms; // wall; 0 not locked
  int64_t created_ms;
};

struct store_session {
  char token_hash[STORE_TOKEN_HASH_MAX];
  int64_t user_id;
  char csrf[STORE_CSRF_MAX];
  int64_t created_ms, last_used_ms, expires_ms;
};

BP_CHECK bool store_user_count(struct store *s, int64_t *n, struct err *e);
// Sets u->id. ERR_STATE: the name is taken. ERR_LIMIT: STORE_USERS_MAX. ERR_ARG: empty name, role
// or hash.
// Is there anybody with this role?
BP_CHECK bool store_user_has_role(struct store *s, const char *role, bool *yes, struct err *e);
BP_CHECK bool store_user_add(struct store *s, struct store_user *u, struct err *e);
// Adds only when there is no user at all, else ERR_STATE: two first starts cannot race.
BP_CHECK bool store_user_add_first(struct store *s, struct store_user *u, struct err *e);
BP_CHECK bool store_user_by_name(struct store *s, const char *name, struct store_user *out,
                                 struct err *e);
BP_CHECK bool store_user_by_id(struct store *s, int64_t id, struct store_user *out, struct err *e);
// By name, at most `max`.
BP_CHECK bool store_user_list(struct store *s, struct store_user *out, size_t max, size_t *n,
                              struct err *e);
BP_CHECK bool store_user_set_pin(struct store *s, int64_t id, const char *pin_hash, struct err *e);
BP_CHECK bool store_user_set_failures(struct store *s, int64_t id, unsigned failed,
                                      int64_t locked_until_ms, struct err *e);
// With the user's sessions.
BP_CHECK bool store_user_delete(struct store *s, int64_t id, struct err *e);

BP_CHECK bool store_session_put(struct store *s, const struct store_session *session,
                                struct err *e);
BP_CHECK bool store_session_get(struct store *s, const char *token_hash, struct store_session *out,
                                struct err *e);
// Moves last_used and expires.
BP_CHECK bool store_session_touch(struct store *s, const char *token_hash, int64_t last_used_ms,
                                  int64_t expires_ms, struct err *e);
// Deleting what is not there is fine.
BP_CHECK bool store_session_delete(struct store *s, const char *token_hash, struct err *e);
BP_CHECK bool store_session_delete_user(struct store *s, int64_t user_id, struct err *e);
BP_CHECK bool store_session_expire(struct store *s, int64_t now_ms, struct err *e);

#endif
