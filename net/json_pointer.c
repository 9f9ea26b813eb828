// SPDX-License-Identifier: Apache-2.0
#include "net/json_pointer.h"

#include <string.h>

// Undoes the escapes of the step at *p (behind its slash) into out and moves *p to the next slash
// or the end. RFC 6901 section 4.
static bool next_token(const char **p, char out[JSON_POINTER_TOKEN_MAX], size_t *len) {
  size_t n = 0;
  const char *s = *p;
  while (*s && *s != '/') {
    char c = *s++;
    if (c == '~') {
      if (*s != '0' && *s != '1')
        return false;
      c = *s++ == '0' ? '~' : '/';
    }
    if (n + 1 >= JSON_POINTER_TOKEN_MAX)
      return false;
    out[n++] = c;
  }
  out[n] = '\0';
  *len = n;
  *p = s;
  return true;
}

bool json_pointer_check(const char *pointer, struct err *e) {
  if (*pointer && *pointer != '/')
    return err_set(e, ERR_FORMAT, "a JSON pointer begins with '/' (or is empty)");
  const char *p = pointer;
  while (*p == '/') {
    char token[JSON_POINTER_TOKEN_MAX];
    size_t len;
    size_t at = (size_t)(p - pointer);
    p++;
    if (!next_token(&p, token, &len))
      return err_set(e, ERR_FORMAT,
                     "step at byte %zu is longer than %d bytes or has a '~' without 0 or 1", at,
                     JSON_POINTER_TOKEN_MAX - 1);
  }
  return true;
}

static const json_t *array_step(const json_t *array, const char *token, size_t len) {
  // Nine digits are more than any array here can hold, and cannot overflow.
  if (len == 0 || len > 9 || (token[0] == '0' && len > 1))
    return NULL;
  size_t index = 0;
  for (size_t i = 0; i < len; i++) {
    if (token[i] < '0' || token[i] > '9')
      return NULL;
    index = index * 10 + (size_t)(token[i] - '0');
  }
  return json_array_get(array, index);
}

const json_t *json_pointer_get(const json_t *root, const char *pointer) {
  const json_t *at = root;
  const char *p = pointer;
  while (at && *p == '/') {
    char token[JSON_POINTER_TOKEN_MAX];
    size_t len;
    p++;
    if (!next_token(&p, token, &len))
      return NULL;
    if (json_is_object(at))
      at = json_object_get(at, token);
    else if (json_is_array(at))
      at = array_step(at, token, len);
    else
      at = NULL;
  }
  return *p ? NULL : at;
}
