// SPDX-License-Identifier: Apache-2.0
// Text without stdio, which small boards do not have: bounded building, and reading of numbers.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_TEXT_H
#define BAYPLATE_NET_SERVICE_SERVICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Grows in the caller's buffer and always ends with NUL. What does not fit is cut, and `cut` says
// so.
struct service_text {
  char *buf;
  size_t size, len;
  bool cut;
};

// `size` at least 1.
void service_text_init(struct service_text *t, char *buf, size_t size);
void service_text_put(struct service_text *t, const char *bytes, size_t n);
void service_text_add(struct service_text *t, const char *text); // NUL-terminated
void service_text_number(struct service_text *t, uint64_t n);    // decimal
void service_text_hex(struct service_text *t, const uint8_t *bytes, size_t n);
// "text" with quotes, escaped as JSON wants (RFC 8259 section 7). Bytes from 0x80 pass unchanged.
void service_text_json(struct service_text *t, const char *text);

// Decimal digits and nothing else; false for none, anything else or more than 64 bits.
bool service_number(const char *text, size_t n, uint64_t *out);
// Exactly 2 * n hexadecimal digits.
bool service_unhex(const char *text, size_t len, uint8_t *out, size_t n);
// Compares ASCII without case; `word` is NUL-terminated.
bool service_same(const char *text, size_t n, const char *word);

#endif
