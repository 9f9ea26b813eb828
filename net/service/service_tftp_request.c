// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_text.h"
#include "net/service/service_tftp.h"

#include <string.h>

#define RRQ 1
#define BLOCK_MIN 8

// The next NUL-terminated word, NULL when there is none.
static const char *word(const uint8_t *bytes, size_t n, size_t *at, size_t *len) {
  const uint8_t *start = bytes + *at;
  const uint8_t *end = *at < n ? memchr(start, '\0', n - *at) : NULL;
  if (!end)
    return NULL;
  *len = (size_t)(end - start);
  *at += *len + 1;
  return (const char *)start;
}

// Letters, digits, '.', '_', '-'; no leading dot: a name, never a way out of a folder.
static bool is_name(const char *name, size_t n) {
  if (n == 0 || n > SERVICE_TFTP_NAME_MAX || name[0] == '.')
    return false;
  for (size_t i = 0; i < n; i++) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '.' && c != '_' && c != '-')
      return false;
  }
  return true;
}

int service_tftp_parse(struct service_tftp_request *r, const uint8_t *bytes, size_t n) {
  *r = (struct service_tftp_request){.block = 512};
  size_t at = 2, len = 0;
  if (n < 2 || bytes[0] != 0 || bytes[1] != RRQ)
    return 4;
  const char *name = word(bytes, n, &at, &len);
  if (!name)
    return 4;
  if (!is_name(name, len))
    return 2;
  memcpy(r->name, name, len); // the rest is zero
  const char *mode = word(bytes, n, &at, &len);
  if (!mode || !(service_same(mode, len, "octet") || service_same(mode, len, "netascii")))
    return 4;
  for (;;) {
    size_t value_len = 0;
    const char *key = word(bytes, n, &at, &len);
    const char *value = key ? word(bytes, n, &at, &value_len) : NULL;
    if (!value)
      return 0;
    uint64_t number = 0;
    if (!service_number(value, value_len, &number))
      continue;
    if (service_same(key, len, "tsize"))
      r->wants_size = true;
    if (service_same(key, len, "blksize") && number >= BLOCK_MIN) {
      r->wants_block = true;
      r->block = number < SERVICE_TFTP_BLOCK_MAX ? (uint16_t)number : SERVICE_TFTP_BLOCK_MAX;
    }
  }
}
