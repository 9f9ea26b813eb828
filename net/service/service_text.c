// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_text.h"

#include <string.h>

void service_text_init(struct service_text *t, char *buf, size_t size) {
  *t = (struct service_text){.buf = buf, .size = size};
  buf[0] = '\0';
}

void service_text_put(struct service_text *t, const char *bytes, size_t n) {
  size_t room = t->size - 1 - t->len;
  if (n > room) {
    n = room;
    t->cut = true;
  }
  memcpy(t->buf + t->len, bytes, n);
  t->len += n;
  t->buf[t->len] = '\0';
}

void service_text_add(struct service_text *t, const char *text) {
  service_text_put(t, text, strlen(text));
}

void service_text_number(struct service_text *t, uint64_t n) {
  char digits[20]; // of 2^64 - 1
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + n % 10);
    n /= 10;
  } while (n > 0);
  service_text_put(t, digits + at, sizeof digits - at);
}

void service_text_hex(struct service_text *t, const uint8_t *bytes, size_t n) {
  static const char digit[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    const char two[2] = {digit[bytes[i] >> 4], digit[bytes[i] & 15]};
    service_text_put(t, two, sizeof two);
  }
}

void service_text_json(struct service_text *t, const char *text) {
  service_text_add(t, "\"");
  for (const char *c = text; *c; c++) {
    uint8_t byte = (uint8_t)*c;
    if (byte == '"' || byte == '\\') {
      service_text_add(t, "\\");
      service_text_put(t, c, 1);
    } else if (byte < 0x20 || byte == 0x7f) {
      service_text_add(t, "\\u00");
      service_text_hex(t, &byte, 1);
    } else {
      service_text_put(t, c, 1);
    }
  }
  service_text_add(t, "\"");
}

bool service_number(const char *text, size_t n, uint64_t *out) {
  uint64_t value = 0;
  if (n == 0)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (value > (UINT64_MAX - digit) / 10)
      return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

static int nibble(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool service_unhex(const char *text, size_t len, uint8_t *out, size_t n) {
  if (len != 2 * n)
    return false;
  for (size_t i = 0; i < n; i++) {
    int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    out[i] = (uint8_t)(high * 16 + low);
  }
  return true;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool service_same(const char *text, size_t n, const char *word) {
  if (strlen(word) != n)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (lower(text[i]) != lower(word[i]))
      return false;
  }
  return true;
}
