// SPDX-License-Identifier: Apache-2.0
#include "firmware/auth.h"

#include "board/log.h"
#include "firmware/auth_lock.h"
#include "firmware/device_id.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_BYTES 32
#define CSRF_BYTES 16
#define TOUCH_MS (60 * 1000) // a session's last use is written at most so often
#define CODE_LETTERS 8

struct auth {
  struct auth_options o;
  pthread_mutex_t lock;
  char label_hash[DEVICE_ID_HASH_MAX]; // of the first password, "" for none
  char code[AUTH_SETUP_CODE_MAX];      // "" when set up, "label" while the label's is asked for
  unsigned code_tries;
  struct auth_lock addresses;
  char dummy_hash[crypto_pwhash_STRBYTES]; // so that unknown names take as long
};

static const char *const role_names[] = {"advisor", "specialist", "manager", "technician"};

const char *auth_role_name(enum auth_role r) {
  return (unsigned)r < 4 ? role_names[r] : role_names[0];
}

bool auth_role_parse(const char *word, enum auth_role *out) {
  for (int i = 0; i < 4; i++) {
    if (strcmp(word, role_names[i]) == 0) {
      *out = (enum auth_role)i;
      return true;
    }
  }
  return false;
}

const char *auth_refusal_name(enum auth_refusal r) {
  static const char *const names[] = {"ok", "wrong", "locked", "pin", "name", "taken", "trouble"};
  return (unsigned)r < sizeof names / sizeof names[0] ? names[r] : "trouble";
}

static int64_t wall_ms(const struct auth *a) {
  return clock_wall_ns(a->o.clock) / CLOCK_NS_PER_MS;
}

static int64_t mono_ms(const struct auth *a) {
  return clock_mono_ns(a->o.clock) / CLOCK_NS_PER_MS;
}

static void random_hex(char *out, size_t bytes) {
  unsigned char raw[TOKEN_BYTES];
  randombytes_buf(raw, bytes);
  sodium_bin2hex(out, bytes * 2 + 1, raw, bytes);
  sodium_memzero(raw, sizeof raw);
}

// What the store keeps of a token: whoever reads the database cannot sign in with it.
static bool hash_token(const char *token, char out[STORE_TOKEN_HASH_MAX]) {
  unsigned char h[32];
  if (strlen(token) != TOKEN_BYTES * 2 ||
      strspn(token, "0123456789abcdef") != (size_t)TOKEN_BYTES * 2) {
    return false;
  }
  crypto_generichash(h, sizeof h, (const unsigned char *)token, strlen(token), NULL, 0);
  sodium_bin2hex(out, STORE_TOKEN_HASH_MAX, h, sizeof h);
  return true;
}

static bool hash_pin(const char *pin, char out[STORE_PIN_HASH_MAX], struct err *e) {
  _Static_assert(STORE_PIN_HASH_MAX >= crypto_pwhash_STRBYTES, "the store holds a whole hash");
  if (crypto_pwhash_str(out, pin, strlen(pin), AUTH_PASSWORD_OPS, AUTH_PASSWORD_BYTES) != 0) {
    return err_set(e, ERR_NOMEM, "PIN hash: out of memory");
  }
  return true;
}

// --- set-up code
// No letters that look like others when read off a console.
static void new_code(struct auth *a) {
  if (a->label_hash[0]) { // printed once: a guesser is slowed down by his address's pauses alone
    memcpy(a->code, "label", sizeof "label");
    if (a->code_tries == 0)
      log_warn("auth", "nobody can sign in yet; the page asks for the first password on the label");
    a->code_tries = 0;
    return;
  }
  static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  size_t n = 0;
  for (size_t i = 0; i < CODE_LETTERS; i++) {
    if (i == CODE_LETTERS / 2) {
      a->code[n++] = '-';
    }
    a->code[n++] = letters[randombytes_uniform(sizeof letters - 1)];
  }
  a->code[n] = '\0';
  a->code_tries = 0;
  if (a->o.show_code) {
    a->o.show_code(a->o.ctx, a->code);
  } else {
    log_warn("auth", "nobody can sign in yet; set-up code for the page: %s", a->code);
  }
}

// Compares without blanks, dashes and case, in constant time.
static bool code_matches(const struct auth *a, const char *sent) {
  if (a->label_hash[0])
    return device_id_password_ok(a->label_hash, sent);
  char want[CODE_LETTERS + 1] = "", got[CODE_LETTERS + 1] = "";
  size_t n = 0;
  for (const char *p = a->code; *p; p++) {
    if (*p != '-' && n < CODE_LETTERS) {
      want[n++] = *p;
    }
  }
  bool fits = n == CODE_LETTERS;
  n = 0;
  for (const char *p = sent; *p; p++) {
    char c = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    if (c == '-' || c == ' ') {
      continue;
    }
    if (n == CODE_LETTERS) {
      return false;
    }
    got[n++] = c;
  }
  return fits && sodium_memcmp(want, got, CODE_LETTERS) == 0;
}

// The lock is held. Also sees that another process or an import made people.
static bool needs_setup(struct auth *a) {
  int64_t n = 0;
  struct err e;
  if (!a->o.ops->usable(a->o.store) || !a->o.ops->user_count(a->o.store, &n, &e)) {
    return false;
  }
  if (n > 0) {
    a->code[0] = '\0';
  } else if (!a->code[0]) {
    new_code(a);
  }
  return n == 0;
}

bool auth_needs_setup(struct auth *a) {
  pthread_mutex_lock(&a->lock);
  bool yes = needs_setup(a);
  pthread_mutex_unlock(&a->lock);
  return yes;
}

bool auth_setup_by_label(const struct auth *a) {
  return a->label_hash[0] != '\0';
}

// --- people
static bool name_ok(const char *name) {
  size_t n = strnlen(name, STORE_USER_NAME_MAX);
  if (n == 0 || n == STORE_USER_NAME_MAX || name[0] == ' ' || name[n - 1] == ' ') {
    return false;
  }
  for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
    if (*p < 0x20 || *p == 0x7F) {
      return false;
    }
  }
  return true;
}

static enum auth_refusal fill_user(struct store_user *u, const struct auth *a, const char *name,
                                   enum auth_role role, const char *pin, struct err *e) {
  if (!name_ok(name)) {
    err_set(e, ERR_ARG, "the name is empty, too long, or has control characters");
    return AUTH_BAD_NAME;
  }
  if (!auth_pin_acceptable(pin)) {
    err_set(e, ERR_ARG, "the PIN must have %d to %d digits and not be easily guessed", AUTH_PIN_MIN,
            AUTH_PIN_MAX);
    return AUTH_BAD_PIN;
  }
  memset(u, 0, sizeof *u);
  snprintf(u->name, sizeof u->name, "%s", name);
  snprintf(u->role, sizeof u->role, "%s", auth_role_name(role));
  u->created_ms = wall_ms(a);
  return hash_pin(pin, u->pin_hash, e) ? AUTH_OK : AUTH_TROUBLE;
}

static void fill_person(struct auth_person *out, const struct store_user *u, const char *csrf,
                        const char *token_hash) {
  memset(out, 0, sizeof *out);
  out->id = u->id;
  snprintf(out->name, sizeof out->name, "%s", u->name);
  snprintf(out->csrf, sizeof out->csrf, "%s", csrf);
  if (!auth_role_parse(u->role, &out->role)) {
    out->role = AUTH_TECHNICIAN; // an unknown role sees least
  }
  char part[17];
  snprintf(part, sizeof part, "%.16s", token_hash);
  out->session = strtoull(part, NULL, 16);
}

static enum auth_refusal begin_session(struct auth *a, const struct store_user *u,
                                       char token[AUTH_TOKEN_MAX], struct auth_person *out,
                                       struct err *e) {
  struct store_session s;
  memset(&s, 0, sizeof s);
  random_hex(token, TOKEN_BYTES);
  random_hex(s.csrf, CSRF_BYTES);
  s.user_id = u->id;
  s.created_ms = s.last_used_ms = wall_ms(a);
  s.expires_ms = s.created_ms + AUTH_IDLE_MS;
  struct err ignored;
  if (!a->o.ops->session_expire(a->o.store, s.created_ms, &ignored)) {
    log_warn("auth", "old sessions are not cleared: %s", ignored.text);
  }
  if (!hash_token(token, s.token_hash) || !a->o.ops->session_put(a->o.store, &s, e)) {
    err_prefix(e, "session");
    return AUTH_TROUBLE;
  }
  fill_person(out, u, s.csrf, s.token_hash);
  return AUTH_OK;
}

enum auth_refusal auth_setup(struct auth *a, const char *peer, const char *code, const char *name,
                             enum auth_role role, const char *pin, char token[AUTH_TOKEN_MAX],
                             struct auth_person *out, int64_t *wait_ms, struct err *e) {
  enum auth_refusal result = AUTH_OK;
  struct store_user u;
  *wait_ms = 0;
  pthread_mutex_lock(&a->lock);
  if (!a->o.ops->usable(a->o.store)) {
    err_set(e, ERR_STATE, "the database cannot be read, so nobody can be added");
    result = AUTH_TROUBLE;
  } else if (!needs_setup(a)) {
    err_set(e, ERR_STATE, "the set-up was done already");
    result = AUTH_TAKEN;
  } else if ((*wait_ms = auth_lock_wait(&a->addresses, peer, mono_ms(a))) > 0) {
    err_set(e, ERR_BUSY, "too many wrong tries");
    result = AUTH_LOCKED;
  } else if (!code_matches(a, code)) {
    auth_lock_failed(&a->addresses, peer, mono_ms(a));
    log_warn("auth", "wrong set-up code from %s", peer);
    if (++a->code_tries >= AUTH_SETUP_TRIES) {
      new_code(a); // guessing begins anew
    }
    err_set(e, ERR_DENIED, "the set-up code is wrong");
    result = AUTH_WRONG;
  } else if ((result = fill_user(&u, a, name, role, pin, e)) == AUTH_OK) {
    if (!a->o.ops->user_add_first(a->o.store, &u, e)) {
      result = e && e->code == ERR_STATE ? AUTH_TAKEN : AUTH_TROUBLE;
    } else {
      a->code[0] = '\0';
      log_info("auth", "set-up done from %s role=%s", peer, u.role);
      result = begin_session(a, &u, token, out, e);
    }
  }
  pthread_mutex_unlock(&a->lock);
  sodium_memzero(&u, sizeof u);
  return result;
}

// A wall clock that jumps must not lock a person for years.
static int64_t person_wait(const struct auth *a, const struct store_user *u) {
  int64_t left = u->locked_until_ms - wall_ms(a);
  int64_t most = auth_pause_ms(u->failed, AUTH_FREE_TRIES);
  return left <= 0 ? 0 : left < most ? left : most;
}

enum auth_refusal auth_login(struct auth *a, const char *peer, const char *name, const char *pin,
                             char token[AUTH_TOKEN_MAX], struct auth_person *out, int64_t *wait_ms,
                             struct err *e) {
  enum auth_refusal result = AUTH_OK;
  struct store_user u;
  memset(&u, 0, sizeof u);
  *wait_ms = 0;
  pthread_mutex_lock(&a->lock);
  *wait_ms = auth_lock_wait(&a->addresses, peer, mono_ms(a));
  if (*wait_ms > 0) {
    err_set(e, ERR_BUSY, "too many wrong tries");
    result = AUTH_LOCKED;
    goto out;
  }
  struct err found = {0};
  const bool sound = name_ok(name);
  bool known = sound && a->o.ops->user_by_name(a->o.store, name, &u, &found);
  if (!known && sound && found.code != ERR_NOT_FOUND) {
    err_set(e, found.code, "sign-in: %s", found.text);
    result = AUTH_TROUBLE;
    goto out;
  }
  *wait_ms = known ? person_wait(a, &u) : 0;
  if (*wait_ms > 0) {
    err_set(e, ERR_BUSY, "too many wrong tries");
    result = AUTH_LOCKED;
    goto out;
  }
  // An absurdly long PIN would only cost time to hash.
  bool sane = strnlen(pin, AUTH_PIN_MAX + 1) <= AUTH_PIN_MAX;
  bool right = crypto_pwhash_str_verify(known ? u.pin_hash : a->dummy_hash, sane ? pin : "",
                                        sane ? strlen(pin) : 0) == 0;
  if (known && right) {
    auth_lock_good(&a->addresses, peer);
    if (u.failed != 0 && !a->o.ops->user_set_failures(a->o.store, u.id, 0, 0, e)) {
      log_warn("auth", "wrong tries are not cleared: %s", e ? e->text : "");
    }
    result = begin_session(a, &u, token, out, e);
    goto out;
  }
  auth_lock_failed(&a->addresses, peer, mono_ms(a));
  log_warn("auth", "wrong name or PIN from %s", peer);
  if (known) {
    struct err kept;
    int64_t pause = auth_pause_ms(u.failed + 1, AUTH_FREE_TRIES);
    if (!a->o.ops->user_set_failures(a->o.store, u.id, u.failed + 1, pause ? wall_ms(a) + pause : 0,
                                     &kept)) {
      log_warn("auth", "a wrong try is not counted: %s", kept.text); // the address still is
    }
  }
  err_set(e, ERR_DENIED, "the name or the PIN is wrong");
  result = AUTH_WRONG;
out:
  pthread_mutex_unlock(&a->lock);
  sodium_memzero(&u, sizeof u);
  return result;
}

// The lock is held. Not knowing is no.
static bool lacks_manager(struct auth *a, struct err *e) {
  bool there = true;
  return a->label_hash[0] && a->o.ops->usable(a->o.store) &&
         a->o.ops->user_has_role(a->o.store, auth_role_name(AUTH_MANAGER), &there, e) && !there;
}

bool auth_lacks_manager(struct auth *a) {
  struct err ignored;
  pthread_mutex_lock(&a->lock);
  bool yes = lacks_manager(a, &ignored);
  pthread_mutex_unlock(&a->lock);
  return yes;
}

enum auth_refusal auth_add_first_manager(struct auth *a, const char *peer, const char *code,
                                         const char *name, const char *pin, int64_t *wait_ms,
                                         struct err *e) {
  enum auth_refusal result = AUTH_OK;
  struct store_user u;
  memset(&u, 0, sizeof u);
  pthread_mutex_lock(&a->lock);
  *wait_ms = auth_lock_wait(&a->addresses, peer, mono_ms(a));
  if (!lacks_manager(a, e)) {
    err_set(e, ERR_STATE, "there is a manager already; managers add others");
    result = AUTH_TAKEN;
  } else if (*wait_ms > 0) {
    err_set(e, ERR_BUSY, "too many wrong tries");
    result = AUTH_LOCKED;
  } else if (!code_matches(a, code)) {
    auth_lock_failed(&a->addresses, peer, mono_ms(a));
    log_warn("auth", "wrong first password from %s", peer);
    err_set(e, ERR_DENIED, "the first password is wrong");
    result = AUTH_WRONG;
  } else if ((result = fill_user(&u, a, name, AUTH_MANAGER, pin, e)) == AUTH_OK &&
             !a->o.ops->user_add(a->o.store, &u, e)) {
    result = e && e->code == ERR_STATE ? AUTH_TAKEN : AUTH_TROUBLE;
  }
  if (result == AUTH_OK)
    log_info("auth", "first manager added from %s", peer);
  pthread_mutex_unlock(&a->lock);
  sodium_memzero(&u, sizeof u);
  return result;
}

enum auth_refusal auth_add(struct auth *a, const char *name, enum auth_role role, const char *pin,
                           struct err *e) {
  struct store_user u;
  pthread_mutex_lock(&a->lock);
  enum auth_refusal result = fill_user(&u, a, name, role, pin, e);
  if (result == AUTH_OK && !a->o.ops->user_add(a->o.store, &u, e)) {
    result = e && e->code == ERR_STATE ? AUTH_TAKEN : AUTH_TROUBLE;
  }
  pthread_mutex_unlock(&a->lock);
  sodium_memzero(&u, sizeof u);
  return result;
}

bool auth_check(struct auth *a, const char *token, struct auth_person *out) {
  char hash[STORE_TOKEN_HASH_MAX];
  struct store_session s;
  struct store_user u;
  struct err e;
  bool ok = false;
  if (!hash_token(token, hash)) {
    return false;
  }
  pthread_mutex_lock(&a->lock);
  int64_t now = wall_ms(a);
  if (a->o.ops->session_get(a->o.store, hash, &s, &e) && now < s.expires_ms &&
      now < s.created_ms + AUTH_SESSION_MS && a->o.ops->user_by_id(a->o.store, s.user_id, &u, &e)) {
    fill_person(out, &u, s.csrf, hash);
    ok = true;
    if (now - s.last_used_ms > TOUCH_MS &&
        !a->o.ops->session_touch(a->o.store, hash, now, now + AUTH_IDLE_MS, &e)) {
      log_debug("auth", "session: %s", e.text); // it then ends earlier
    }
  }
  pthread_mutex_unlock(&a->lock);
  return ok;
}

void auth_logout(struct auth *a, const char *token) {
  char hash[STORE_TOKEN_HASH_MAX];
  struct err e;
  if (!hash_token(token, hash)) {
    return;
  }
  pthread_mutex_lock(&a->lock);
  if (!a->o.ops->session_delete(a->o.store, hash, &e)) {
    log_warn("auth", "sign-out: %s", e.text);
  }
  pthread_mutex_unlock(&a->lock);
}

bool auth_csrf_ok(const struct auth_person *p, const char *sent) {
  size_t n = strlen(p->csrf);
  return sent && n == (size_t)CSRF_BYTES * 2 && strlen(sent) == n &&
         sodium_memcmp(p->csrf, sent, n) == 0;
}

bool auth_new(struct auth **out, const struct auth_options *o, struct err *e) {
  if (sodium_init() < 0) {
    return err_set(e, ERR_STATE, "sign-in: no random numbers from the system");
  }
  struct auth *a = calloc(1, sizeof *a);
  if (!a) {
    return err_set(e, ERR_NOMEM, "sign-in: out of memory");
  }
  a->o = *o;
  if (o->first_password_hash)
    (void)snprintf(a->label_hash, sizeof a->label_hash, "%s", o->first_password_hash);
  pthread_mutex_init(&a->lock, NULL);
  char nobody[17];
  random_hex(nobody, 8);
  if (crypto_pwhash_str(a->dummy_hash, nobody, strlen(nobody), AUTH_PASSWORD_OPS,
                        AUTH_PASSWORD_BYTES) != 0) {
    auth_free(a);
    return err_set(e, ERR_NOMEM, "sign-in: no memory for PIN hashes");
  }
  bool first = auth_needs_setup(a); // shows the code
  log_debug("auth", first ? "waiting for the set-up" : "people exist");
  *out = a;
  return true;
}

void auth_free(struct auth *a) {
  if (a) {
    pthread_mutex_destroy(&a->lock);
    sodium_memzero(a, sizeof *a);
    free(a);
  }
}
