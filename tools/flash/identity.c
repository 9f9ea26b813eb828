// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/identity.h"

#include "firmware/device_id.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SALT_BYTES 16
#define HASH_BYTES 32
// As firmware/auth.h: OWASP's second setting for Argon2id, t=2, m=19 MiB.
#define PASSWORD_OPS 2
#define PASSWORD_BYTES (19u << 20)

// No letters that look like others when read off a label; 32 of them, 5 bits each.
static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

static void random_code(char out[IDENTITY_CODE_MAX], int groups) {
  int n = 0;
  for (int g = 0; g < groups; g++) {
    if (g > 0)
      out[n++] = '-';
    for (int i = 0; i < 4; i++)
      out[n++] = letters[randombytes_uniform(32)];
  }
  out[n] = '\0';
}

static bool serial_ok(const char *s) {
  size_t n = strlen(s);
  static const char possible[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
  return n > 0 && n < IDENTITY_SERIAL_MAX && strspn(s, possible) == n && s[0] != '-' &&
         s[n - 1] != '-';
}

bool identity_make(struct identity *out, const char *serial, const char *model, const char *board,
                   const uint8_t *mac, struct err *e) {
  memset(out, 0, sizeof *out);
  if (sodium_init() < 0)
    return err_set(e, ERR_STATE, "no random numbers");
  if (serial[0] && !serial_ok(serial))
    return err_set(e, ERR_ARG, "\"%.40s\" is no serial: letters, digits and -, at most %d", serial,
                   IDENTITY_SERIAL_MAX - 1);
  if (serial[0]) {
    (void)snprintf(out->serial, sizeof out->serial, "%s", serial);
  } else {
    memcpy(out->serial, "BP-", 3);
    for (int i = 3; i < 11; i++)
      out->serial[i] = letters[randombytes_uniform(32)];
  }
  (void)snprintf(out->model, sizeof out->model, "%s", model);
  (void)snprintf(out->board, sizeof out->board, "%s", board);
  if (mac)
    memcpy(out->mac, mac, 6);
  else
    device_id_mac(out->serial, out->mac);
  random_code(out->password, 3);
  random_code(out->claim, 4);
  return true;
}

// A code as people may type it: capital letters and digits alone.
static size_t bare(const char *code, char out[IDENTITY_CODE_MAX]) {
  size_t n = 0;
  for (; *code; code++)
    if (*code != '-')
      out[n++] = *code;
  out[n] = '\0';
  return n;
}

bool identity_ini(const struct identity *i, int64_t made, char out[IDENTITY_INI_MAX],
                  struct err *e) {
  char code[IDENTITY_CODE_MAX], password_hash[crypto_pwhash_STRBYTES], time_text[32];
  unsigned char salt[SALT_BYTES], hash[HASH_BYTES];
  char salt_hex[2 * SALT_BYTES + 1], hash_hex[2 * HASH_BYTES + 1];
  size_t n = bare(i->password, code);
  if (crypto_pwhash_str(password_hash, code, n, PASSWORD_OPS, PASSWORD_BYTES) != 0)
    return err_set(e, ERR_NOMEM, "no memory for the password's hash");
  // 80 random bits need no slow hash; bayplate-port looks at it in every request.
  n = bare(i->claim, code);
  randombytes_buf(salt, sizeof salt);
  (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)code, n, salt, sizeof salt);
  sodium_memzero(code, sizeof code);
  sodium_bin2hex(salt_hex, sizeof salt_hex, salt, sizeof salt);
  sodium_bin2hex(hash_hex, sizeof hash_hex, hash, sizeof hash);
  struct tm tm;
  time_t t = (time_t)made;
  if (!gmtime_r(&t, &tm) || strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    return err_set(e, ERR_ARG, "impossible time");
  int m = snprintf(out, IDENTITY_INI_MAX,
                   "[device]\n"
                   "serial = %s\nmodel = %s\nboard = %s\n"
                   "mac = %02x:%02x:%02x:%02x:%02x:%02x\n"
                   "claim_hash = blake2b$%s$%s\n"
                   "first_password_hash = %s\n"
                   "made = %s\n",
                   i->serial, i->model, i->board, i->mac[0], i->mac[1], i->mac[2], i->mac[3],
                   i->mac[4], i->mac[5], salt_hex, hash_hex, password_hash, time_text);
  return (m > 0 && m < IDENTITY_INI_MAX) || err_set(e, ERR_LIMIT, "the identity is too long");
}

bool identity_mac_parse(const char *text, uint8_t out[6]) {
  size_t n = 0;
  if (strlen(text) != 17 || sodium_hex2bin(out, 6, text, 17, ":-", &n, NULL) != 0 || n != 6)
    return false;
  static const uint8_t none[6] = {0};
  return memcmp(out, none, 6) != 0 && (out[0] & 1) == 0;
}

void identity_wipe(struct identity *i) {
  sodium_memzero(i, sizeof *i);
}
