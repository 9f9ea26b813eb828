// SPDX-License-Identifier: Apache-2.0
#include "firmware/device_id.h"

#include <errno.h>
#include <ini.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SALT_BYTES 16
#define HASH_BYTES 32

static const struct {
  const char *key;
  size_t at, size;
} keys[] = {
#define KEY(name, member)                                                                          \
  { name, offsetof(struct device_id, member), sizeof(((struct device_id *)0)->member) }
    KEY("serial", serial), KEY("model", model),           KEY("board", board),
    KEY("mac", mac),       KEY("claim_hash", claim_hash), KEY("first_password_hash", password_hash),
#undef KEY
};

static int on_key(void *ctx, const char *section, const char *key, const char *value) {
  if (strcmp(section, "device") != 0)
    return 1; // room for later versions, as are other keys
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    char *at = (char *)ctx + keys[i].at;
    size_t n = strlen(value);
    if (strcmp(key, keys[i].key) != 0)
      continue;
    if (n >= keys[i].size || at[0])
      return 0; // too long, or twice
    memcpy(at, value, n + 1);
  }
  return 1;
}

// A serial stands in host names and on the page.
static bool serial_ok(const char *s) {
  size_t n = strlen(s);
  return n > 0 && n <= 32 &&
         strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

bool device_id_load(struct device_id *out, const char *path, struct err *e) {
  struct device_id id = {0};
  memset(out, 0, sizeof *out);
  if (path[0] == '\0')
    return true;
  FILE *f = fopen(path, "re");
  if (!f)
    return errno == ENOENT || errno == ENOTDIR || err_errno(e, errno, "%s", path);
  int line = ini_parse_file(f, on_key, &id);
  (void)fclose(f); // only read
  if (line != 0)
    return err_set(e, ERR_FORMAT, "%s:%d: wrong, too long, or there twice", path, line);
  if (!serial_ok(id.serial))
    return err_set(e, ERR_FORMAT, "%s: [device] serial is missing or impossible", path);
  *out = id;
  return true;
}

void device_id_mac(const char *serial, uint8_t mac[6]) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (const char *c = serial; *c; c++)
    h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
  for (int i = 0; i < 6; i++)
    mac[i] = (uint8_t)(h >> (8 * i));
  mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}

size_t device_id_code(char *out, size_t size, const char *code, size_t n) {
  size_t m = 0;
  memset(out, 0, size);
  for (size_t i = 0; i < n && m < size; i++) {
    char c = code[i];
    if (c >= 'a' && c <= 'z')
      out[m++] = (char)(c - 'a' + 'A');
    else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      out[m++] = c;
  }
  return m;
}

bool device_id_password_ok(const char *password_hash, const char *code) {
  char text[DEVICE_ID_CODE_MAX];
  size_t n = device_id_code(text, sizeof text, code, strlen(code));
  bool ok = password_hash[0] && n > 0 && crypto_pwhash_str_verify(password_hash, text, n) == 0;
  sodium_memzero(text, sizeof text);
  return ok;
}

bool device_id_claim_ok(const char *claim_hash, const char *code, size_t n) {
  unsigned char salt[SALT_BYTES], want[HASH_BYTES], got[HASH_BYTES];
  char text[DEVICE_ID_CODE_MAX];
  size_t salt_n = 0, want_n = 0;
  const char *end = NULL;
  static const char kind[] = "blake2b$";
  if (strncmp(claim_hash, kind, sizeof kind - 1) != 0 ||
      sodium_hex2bin(salt, sizeof salt, claim_hash + sizeof kind - 1, strlen(claim_hash), NULL,
                     &salt_n, &end) != 0 ||
      salt_n != sizeof salt || *end != '$' ||
      sodium_hex2bin(want, sizeof want, end + 1, strlen(end + 1), NULL, &want_n, NULL) != 0 ||
      want_n != sizeof want)
    return false;
  size_t m = device_id_code(text, sizeof text, code, n);
  (void)crypto_generichash(got, sizeof got, (const unsigned char *)text, m, salt, sizeof salt);
  sodium_memzero(text, sizeof text);
  return sodium_memcmp(want, got, sizeof got) == 0;
}
