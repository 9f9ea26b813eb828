// SPDX-License-Identifier: Apache-2.0
#include "tools/csv.h"

#include <string.h>

bool csv_line(FILE *f, char *line, size_t room, size_t *bytes) {
  size_t n = 0;
  int c;
  while ((c = getc(f)) != EOF && c != '\n') {
    if (n + 1 < room)
      line[n] = (char)c;
    n += n < room;
  }
  if (c == EOF && n == 0)
    return false;
  if (n < room && n > 0 && line[n - 1] == '\r')
    n--;
  line[n < room ? n : room - 1] = '\0';
  *bytes = n;
  return true;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// Takes the quotes off the field that starts at `at`; returns what comes after it, NULL: not
// closed.
static char *unquote(char *at, char **field) {
  char *to = ++at;
  *field = to;
  for (; *at; at++) {
    if (*at == '"' && at[1] != '"') {
      *to = '\0';
      return at + 1;
    }
    at += *at == '"';
    *to++ = *at;
  }
  return NULL;
}

int csv_cut(char *line, char **field, int max, struct err *e) {
  char *at = line;
  for (int n = 0; n < max; n++) {
    while (is_blank(*at))
      at++;
    char *end;
    if (*at == '"') {
      at = unquote(at, &field[n]);
      if (!at) {
        (void)err_set(e, ERR_FORMAT, "a quote is not closed");
        return -1;
      }
      end = at;
      at += strcspn(at, ",");
    } else {
      field[n] = at;
      at += strcspn(at, ",");
      for (end = at; end > field[n] && is_blank(end[-1]);)
        end--;
    }
    const bool last = !*at;
    *end = '\0';
    if (last)
      return n + 1;
    at++;
  }
  (void)err_set(e, ERR_FORMAT, "more than %d fields", max);
  return -1;
}
