// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/auth_memory.h"

#include <string.h>

static bool broken(const struct auth_memory *m, struct err *e) {
  if (m->failing) {
    err_set(e, ERR_IO, "disk on fire");
  }
  return m->failing;
}

static bool usable(void *ctx) {
  return !((struct auth_memory *)ctx)->unusable;
}

static bool user_count(void *ctx, int64_t *n, struct err *e) {
  struct auth_memory *m = ctx;
  *n = (int64_t)m->users;
  return !broken(m, e);
}

static bool user_has_role(void *ctx, const char *role, bool *yes, struct err *e) {
  struct auth_memory *m = ctx;
  *yes = false;
  for (size_t i = 0; i < m->users; i++)
    *yes = *yes || strcmp(m->user[i].role, role) == 0;
  return !broken(m, e);
}

static bool user_by_name(void *ctx, const char *name, struct store_user *out, struct err *e) {
  struct auth_memory *m = ctx;
  for (size_t i = 0; i < m->users && !m->failing; i++) {
    if (strcmp(m->user[i].name, name) == 0) {
      *out = m->user[i];
      return true;
    }
  }
  return broken(m, e) ? false : err_set(e, ERR_NOT_FOUND, "nobody of that name");
}

static bool user_add(void *ctx, struct store_user *u, struct err *e) {
  struct auth_memory *m = ctx;
  struct store_user same;
  struct err none;
  if (broken(m, e)) {
    return false;
  }
  if (user_by_name(m, u->name, &same, &none)) {
    return err_set(e, ERR_STATE, "the name is taken");
  }
  if (m->users == AUTH_MEMORY_MAX) {
    return err_set(e, ERR_LIMIT, "full");
  }
  u->id = (int64_t)m->users + 1;
  m->user[m->users++] = *u;
  return true;
}

static bool user_add_first(void *ctx, struct store_user *u, struct err *e) {
  struct auth_memory *m = ctx;
  return m->users ? err_set(e, ERR_STATE, "not the first") : user_add(ctx, u, e);
}

static bool user_by_id(void *ctx, int64_t id, struct store_user *out, struct err *e) {
  struct auth_memory *m = ctx;
  if (broken(m, e) || id < 1 || (size_t)id > m->users) {
    return false;
  }
  *out = m->user[id - 1];
  return true;
}

static bool user_set_failures(void *ctx, int64_t id, unsigned failed, int64_t until,
                              struct err *e) {
  struct auth_memory *m = ctx;
  if (broken(m, e)) {
    return false;
  }
  m->user[id - 1].failed = failed;
  m->user[id - 1].locked_until_ms = until;
  return true;
}

static struct store_session *find(struct auth_memory *m, const char *hash) {
  for (size_t i = 0; i < m->sessions; i++) {
    if (strcmp(m->session[i].token_hash, hash) == 0) {
      return &m->session[i];
    }
  }
  return NULL;
}

static bool session_put(void *ctx, const struct store_session *s, struct err *e) {
  struct auth_memory *m = ctx;
  if (broken(m, e) || m->sessions == AUTH_MEMORY_MAX) {
    return false;
  }
  m->session[m->sessions++] = *s;
  return true;
}

static bool session_get(void *ctx, const char *hash, struct store_session *out, struct err *e) {
  struct auth_memory *m = ctx;
  struct store_session *s = find(m, hash);
  if (broken(m, e)) {
    return false;
  }
  if (!s) {
    return err_set(e, ERR_NOT_FOUND, "no session");
  }
  *out = *s;
  return true;
}

static bool session_touch(void *ctx, const char *hash, int64_t used, int64_t expires,
                          struct err *e) {
  struct store_session *s = find(ctx, hash);
  if (!s) {
    return err_set(e, ERR_NOT_FOUND, "no session");
  }
  s->last_used_ms = used;
  s->expires_ms = expires;
  return true;
}

static bool session_delete(void *ctx, const char *hash, struct err *e) {
  struct auth_memory *m = ctx;
  struct store_session *s = find(m, hash);
  if (broken(m, e)) {
    return false;
  }
  if (s) {
    *s = m->session[--m->sessions];
  }
  return true;
}

static bool session_expire(void *ctx, int64_t now_ms, struct err *e) {
  struct auth_memory *m = ctx;
  for (size_t i = m->sessions; i-- > 0;) {
    if (m->session[i].expires_ms <= now_ms) {
      m->session[i] = m->session[--m->sessions];
    }
  }
  return !broken(m, e);
}

const struct auth_store_ops auth_memory_ops = {
    usable,        user_count,     user_has_role,     user_add,    user_add_first,
    user_by_name,  user_by_id,     user_set_failures, session_put, session_get,
    session_touch, session_delete, session_expire,
};
