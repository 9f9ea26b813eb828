// SPDX-License-Identifier: Apache-2.0
// The ops of auth on the real store.
#include "firmware/auth.h"

static bool usable(void *ctx) {
  struct store_status st;
  store_state(ctx, &st);
  return st.condition != STORE_MEMORY;
}

static bool user_count(void *ctx, int64_t *n, struct err *e) {
  return store_user_count(ctx, n, e);
}

static bool user_has_role(void *ctx, const char *role, bool *yes, struct err *e) {
  return store_user_has_role(ctx, role, yes, e);
}

static bool user_add(void *ctx, struct store_user *u, struct err *e) {
  return store_user_add(ctx, u, e);
}

static bool user_add_first(void *ctx, struct store_user *u, struct err *e) {
  return store_user_add_first(ctx, u, e);
}

static bool user_by_name(void *ctx, const char *name, struct store_user *out, struct err *e) {
  return store_user_by_name(ctx, name, out, e);
}

static bool user_by_id(void *ctx, int64_t id, struct store_user *out, struct err *e) {
  return store_user_by_id(ctx, id, out, e);
}

static bool user_set_failures(void *ctx, int64_t id, unsigned failed, int64_t until,
                              struct err *e) {
  return store_user_set_failures(ctx, id, failed, until, e);
}

static bool session_put(void *ctx, const struct store_session *s, struct err *e) {
  return store_session_put(ctx, s, e);
}

static bool session_get(void *ctx, const char *hash, struct store_session *out, struct err *e) {
  return store_session_get(ctx, hash, out, e);
}

static bool session_touch(void *ctx, const char *hash, int64_t used, int64_t expires,
                          struct err *e) {
  return store_session_touch(ctx, hash, used, expires, e);
}

static bool session_delete(void *ctx, const char *hash, struct err *e) {
  return store_session_delete(ctx, hash, e);
}

static bool session_expire(void *ctx, int64_t now_ms, struct err *e) {
  return store_session_expire(ctx, now_ms, e);
}

const struct auth_store_ops auth_on_store = {
    .usable = usable,
    .user_count = user_count,
    .user_has_role = user_has_role,
    .user_add = user_add,
    .user_add_first = user_add_first,
    .user_by_name = user_by_name,
    .user_by_id = user_by_id,
    .user_set_failures = user_set_failures,
    .session_put = session_put,
    .session_get = session_get,
    .session_touch = session_touch,
    .session_delete = session_delete,
    .session_expire = session_expire,
};
