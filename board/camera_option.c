// SPDX-License-Identifier: Apache-2.0
#include "board/camera_option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool set_number(const struct camera_option *o, const char *value, struct err *e) {
  char *end = NULL;
  errno = 0;
  double number = strtod(value, &end);
  bool whole = number >= -1e9 && number <= 1e9 && number == (double)(int)number;
  if (end == value || *end != '\0' || errno != 0 || !(number >= o->min && number <= o->max) ||
      (o->kind == CAMERA_INT && !whole))
    return err_set(e, ERR_ARG, "camera source: %s=%s is not a%s number from %g to %g", o->key,
                   value, o->kind == CAMERA_INT ? " whole" : "", o->min, o->max);
  if (o->kind == CAMERA_INT)
    *(int *)o->to = (int)number;
  else
    *(double *)o->to = number;
  return true;
}

static bool set_word(const struct camera_option *o, const char *value, struct err *e) {
  size_t len = strlen(value);
  if (len == 0 || len >= CAMERA_WORD_MAX)
    return err_set(e, ERR_ARG, "camera source: %s=%s is not a word it may have", o->key, value);
  memcpy(o->to, value, len + 1);
  return true;
}

static bool set(const char *pair, const struct camera_option *options, size_t n, struct err *e) {
  size_t key = strcspn(pair, "=");
  if (pair[key] != '=')
    return err_set(e, ERR_ARG, "camera source: \"%s\" is not key=value", pair);
  for (size_t i = 0; i < n; i++) {
    if (strlen(options[i].key) == key && strncmp(options[i].key, pair, key) == 0)
      return options[i].kind == CAMERA_WORD ? set_word(&options[i], pair + key + 1, e)
                                            : set_number(&options[i], pair + key + 1, e);
  }
  return err_set(e, ERR_ARG, "camera source: unknown option \"%.*s\"", (int)key, pair);
}

bool camera_option_parse(const char *source, char path[CAMERA_SOURCE_MAX],
                         const struct camera_option *options, size_t n, struct err *e) {
  const char *rest = strchr(source, ':');
  rest = rest ? rest + 1 : source;
  size_t len = strlen(rest);
  if (len >= CAMERA_SOURCE_MAX)
    return err_set(e, ERR_LIMIT, "camera source: longer than %d bytes", CAMERA_SOURCE_MAX - 1);
  memcpy(path, rest, len + 1);
  char *at = strrchr(path, '?');
  if (!at)
    return true;
  *at++ = '\0';
  while (at && *at) {
    char *next = strchr(at, '&');
    if (next)
      *next++ = '\0';
    if (!set(at, options, n, e))
      return false;
    at = next;
  }
  return true;
}
