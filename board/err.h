// SPDX-License-Identifier: Apache-2.0
// The one error type: a code for programs, a text for people; each layer puts its own prefix before
// it.
#ifndef BAYPLATE_BOARD_ERR_H
#define BAYPLATE_BOARD_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define BP_CHECK __attribute__((warn_unused_result))
#define ERR_TEXT_MAX 480

enum err_code {
  ERR_NONE = 0,
  ERR_ARG,       // the caller gave something impossible
  ERR_IO,        // file, device or disk
  ERR_FULL,      // no space left
  ERR_NOMEM,     // memory
  ERR_FORMAT,    // data not as its format says
  ERR_LIMIT,     // larger than a stated bound
  ERR_STATE,     // not possible now
  ERR_NET,       // transport: connect, TLS, cut
  ERR_TIMEOUT,   // took longer than allowed
  ERR_DENIED,    // not allowed
  ERR_NOT_FOUND, // no such thing
  ERR_BUSY,      // come back later
};

struct err {
  enum err_code code;
  char text[ERR_TEXT_MAX];
};

// Sets code and text (printf form, cut at ERR_TEXT_MAX). `e` may be NULL. Always returns false, so
// that a failing function can `return err_set(e, ...)`.
bool err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Puts "prefix: " before the text that is there; keeps the code. `e` may be NULL. Always returns
// false.
bool err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Sets code from errno (ENOSPC, EDQUOT, EFBIG → ERR_FULL, ENOENT → ERR_NOT_FOUND, ENOMEM →
// ERR_NOMEM, EACCES/EPERM → ERR_DENIED, else ERR_IO) and appends ": " and the system's words.
// Always returns false.
bool err_errno(struct err *e, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// The functions above always return false; said here in a form that compilers and analysers see.
static inline bool err_false(bool told) {
  (void)told;
  return false;
}
#define err_set(...) err_false(err_set(__VA_ARGS__))
#define err_prefix(...) err_false(err_prefix(__VA_ARGS__))
#define err_errno(...) err_false(err_errno(__VA_ARGS__))

// Clears: code ERR_NONE, empty text.
void err_clear(struct err *e);

// A short stable name of a code ("io", "full", ...), for logs and metrics. Never NULL.
const char *err_name(enum err_code code);

#endif
