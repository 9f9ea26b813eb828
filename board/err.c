// SPDX-License-Identifier: Apache-2.0
#include "board/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool(err_set)(struct err *e, enum err_code code, const char *fmt, ...) {
  if (!e)
    return false;
  e->code = code;
  va_list ap;
  va_start(ap, fmt);
  (void)vsnprintf(e->text, sizeof e->text, fmt, ap); // cutting a text too long is the wish
  va_end(ap);
  return false;
}

// Appends ": tail" after the first `used` bytes, cut at the end of the text.
static void append(struct err *e, size_t used, const char *tail) {
  const size_t last = sizeof e->text - 1;
  if (used > last)
    used = last;
  const char *const parts[] = {": ", tail};
  for (int i = 0; i < 2; i++) {
    size_t n = strnlen(parts[i], last - used);
    memcpy(e->text + used, parts[i], n);
    used += n;
  }
  e->text[used] = '\0';
}

bool(err_prefix)(struct err *e, const char *fmt, ...) {
  if (!e)
    return false;
  char old[ERR_TEXT_MAX];
  memcpy(old, e->text, sizeof old);
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
  va_end(ap);
  if (n < 0)
    n = 0;
  append(e, (size_t)n, old);
  return false;
}

static enum err_code code_of_errno(int errnum) {
  switch (errnum) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG: // a quota or a file size limit is a full disk to its user
    return ERR_FULL;
  case ENOENT:
    return ERR_NOT_FOUND;
  case ENOMEM:
    return ERR_NOMEM;
  case EACCES:
  case EPERM:
  case EROFS:
    return ERR_DENIED;
  default:
    return ERR_IO;
  }
}

bool(err_errno)(struct err *e, int errnum, const char *fmt, ...) {
  if (!e)
    return false;
  e->code = code_of_errno(errnum);
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
  va_end(ap);
  if (n < 0)
    n = 0;
  char words[128];
  append(e, (size_t)n, strerror_r(errnum, words, sizeof words));
  return false;
}

void err_clear(struct err *e) {
  if (!e)
    return;
  e->code = ERR_NONE;
  e->text[0] = '\0';
}

const char *err_name(enum err_code code) {
  static const char *const names[] = {
      [ERR_NONE] = "none",       [ERR_ARG] = "argument",  [ERR_IO] = "io",
      [ERR_FULL] = "full",       [ERR_NOMEM] = "memory",  [ERR_FORMAT] = "format",
      [ERR_LIMIT] = "limit",     [ERR_STATE] = "state",   [ERR_NET] = "net",
      [ERR_TIMEOUT] = "timeout", [ERR_DENIED] = "denied", [ERR_NOT_FOUND] = "not_found",
      [ERR_BUSY] = "busy",
  };
  unsigned i = (unsigned)code;
  return i < sizeof names / sizeof names[0] ? names[i] : "unknown";
}
