// SPDX-License-Identifier: Apache-2.0
#include "net/policy_map_value.h"

#include "net/policy_map.h"
#include "net/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MONEY_MAX 1e8 // of the currency's unit

static enum policy_fault fail(struct err *e, enum policy_fault fault, enum err_code code,
                              const char *where, const char *what) {
  err_set(e, code, "%s: %s", where[0] ? where : "(top)", what);
  return fault;
}

// Counts nesting and values before the parser builds anything: a parser's memory is a hundred times
// its text when the text is "[[],[],[],...". Brackets inside strings do not count.
static enum policy_fault check_size(const char *p, size_t len, struct err *e) {
  int depth = 0, values = 0;
  bool in_string = false;
  for (size_t i = 0; i < len; i++) {
    char c = p[i];
    if (in_string) {
      if (c == '\\')
        i++;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"')
      in_string = true;
    else if (c == '[' || c == '{')
      depth++;
    else if (c == ']' || c == '}')
      depth--;
    if (c == '[' || c == '{' || c == ',')
      values++;
    if (depth > POLICY_MAP_DEPTH_MAX) {
      err_set(e, ERR_LIMIT, "policy answer: nested deeper than %d at byte %zu",
              POLICY_MAP_DEPTH_MAX, i);
      return POLICY_FAULT_MALFORMED;
    }
    if (values > POLICY_MAP_VALUES_MAX) {
      err_set(e, ERR_LIMIT, "policy answer: more than %d values", POLICY_MAP_VALUES_MAX);
      return POLICY_FAULT_TOO_LARGE;
    }
  }
  return POLICY_FAULT_NONE;
}

// Names what the bytes look like, to save the reader a guess.
static const char *guess_encoding(const char *data, size_t len) {
  if (len >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0))
    return "it looks like UTF-16";
  if (len >= 2 && memcmp(data, "\x1f\x8b", 2) == 0)
    return "it looks like gzip";
  return "it may be GBK";
}

enum policy_fault map_value_parse(const char *data, size_t len, json_t **root, struct err *e) {
  if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { // a byte order mark is harmless
    data += 3;
    len -= 3;
  }
  size_t good = utf8_valid_prefix(data, len);
  if (good < len) {
    err_set(e, ERR_FORMAT,
            "policy answer: not UTF-8 at byte %zu (%s); set the gateway to answer in UTF-8", good,
            guess_encoding(data, len));
    return POLICY_FAULT_ENCODING;
  }
  if (memchr(data, '\0', len)) {
    err_set(e, ERR_FORMAT,
            "policy answer: holds NUL bytes (it may be UTF-16); set the gateway to "
            "answer in UTF-8");
    return POLICY_FAULT_ENCODING;
  }
  enum policy_fault fault = check_size(data, len, e);
  if (fault != POLICY_FAULT_NONE)
    return fault;
  json_error_t why;
  // Two members of one name leave open which one counts: refused.
  *root = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
  if (*root)
    return POLICY_FAULT_NONE;
  // Not why.text: it repeats what stands near, which may be a person's name.
  err_set(e, ERR_FORMAT, "policy answer: not JSON at line %d, column %d (%s)", why.line, why.column,
          len == 0                                                     ? "it is empty"
          : data[0] == '<'                                             ? "it looks like HTML or XML"
          : json_error_code(&why) == json_error_premature_end_of_input ? "it ends too early"
          : json_error_code(&why) == json_error_duplicate_key          ? "a name stands twice"
                                                                       : "wrong syntax");
  return POLICY_FAULT_MALFORMED;
}

enum policy_fault map_value_text(const json_t *v, const char *where, bool cut, char *out,
                                 size_t size, struct err *e) {
  char number[32];
  const char *text = json_string_value(v);
  if (json_is_integer(v)) {
    int n = snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    if (n < 0 || (size_t)n >= sizeof number)
      return fail(e, POLICY_FAULT_SHAPE, ERR_FORMAT, where, "number out of range");
    text = number;
  }
  if (!text)
    return fail(e, POLICY_FAULT_SHAPE, ERR_FORMAT, where, "must be a text");
  if (!utf8_copy(out, size, text) && !cut) {
    err_set(e, ERR_LIMIT, "%s: longer than %zu bytes", where, size - 1);
    return POLICY_FAULT_SHAPE;
  }
  return POLICY_FAULT_NONE;
}

enum policy_fault map_value_date(const json_t *v, const char *where, struct policy_date *out,
                                 struct err *e) {
  char text[48];
  enum policy_fault fault = map_value_text(v, where, false, text, sizeof text, e);
  if (fault != POLICY_FAULT_NONE)
    return fault;
  if (text[0] == '\0') // "" is how some gateways write null
    return POLICY_FAULT_NONE;
  if (policy_date_parse(text, out, e))
    return POLICY_FAULT_NONE;
  err_prefix(e, "%s", where);
  return POLICY_FAULT_DATE;
}

// "3250.50": digits with at most one point and nothing else.
static bool decimal(const char *text, double *out) {
  double v = 0, unit = 1;
  bool point = false, digit = false;
  for (const char *p = text; *p; p++) {
    if (*p == '.' && !point) {
      point = true;
    } else if (*p >= '0' && *p <= '9') {
      digit = true;
      v = v * 10 + (*p - '0');
      unit *= point ? 10 : 1;
    } else {
      return false;
    }
    if (p - text > 20)
      return false;
  }
  *out = v / unit;
  return digit;
}

enum policy_fault map_value_money(const json_t *v, const char *where, int64_t *fen, struct err *e) {
  double amount = json_number_value(v);
  if (json_is_string(v)) {
    if (json_string_length(v) == 0)
      return POLICY_FAULT_NONE;
    if (!decimal(json_string_value(v), &amount))
      return fail(e, POLICY_FAULT_SHAPE, ERR_FORMAT, where, "must be an amount like 3250.50");
  } else if (!json_is_number(v)) {
    return fail(e, POLICY_FAULT_SHAPE, ERR_FORMAT, where, "must be a number");
  }
  if (!(amount >= 0 && amount <= MONEY_MAX))
    return fail(e, POLICY_FAULT_SHAPE, ERR_LIMIT, where, "amount below 0 or impossibly high");
  *fen = llround(amount * 100);
  return POLICY_FAULT_NONE;
}

enum policy_fault map_value_count(const json_t *v, const char *where, int *out, struct err *e) {
  json_int_t n = json_is_array(v) ? (json_int_t)json_array_size(v) : json_integer_value(v);
  if (!json_is_array(v) && !json_is_integer(v))
    return fail(e, POLICY_FAULT_SHAPE, ERR_FORMAT, where, "must be a whole number");
  if (n < 0 || n > 999)
    return fail(e, POLICY_FAULT_SHAPE, ERR_LIMIT, where, "count below 0 or above 999");
  *out = (int)n;
  return POLICY_FAULT_NONE;
}
