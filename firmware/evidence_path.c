// SPDX-License-Identifier: Apache-2.0
#include "firmware/evidence_path.h"
#include "firmware/evidence.h"

#include <string.h>

static const char *number_parse(const char *p, uint64_t *out) {
  uint64_t v = 0;
  if (*p < '1' || *p > '9')
    return NULL;
  for (; *p >= '0' && *p <= '9'; p++) {
    unsigned digit = (unsigned)(*p - '0');
    if (v > (UINT64_MAX - digit) / 10)
      return NULL;
    v = v * 10 + digit;
  }
  *out = v;
  return p;
}

bool evidence_name_parse(const char *name, uint64_t *visit, uint64_t *number) {
  const char *p = number_parse(name, visit);
  if (!p || *p != '-')
    return false;
  p = number_parse(p + 1, number);
  return p && strcmp(p, ".jpg") == 0;
}

bool evidence_digits(const char *text, int n, char end) {
  for (int i = 0; i < n; i++)
    if (text[i] < '0' || text[i] > '9')
      return false;
  return text[n] == end;
}

static bool parse(const char *path, uint64_t *visit, uint64_t *number) {
  return strnlen(path, EVIDENCE_PATH_MAX) < EVIDENCE_PATH_MAX && evidence_digits(path, 4, '/') &&
         evidence_digits(path + 5, 2, '/') && evidence_digits(path + 8, 2, '/') &&
         evidence_name_parse(path + 11, visit, number);
}

bool evidence_path_valid(const char *path) {
  uint64_t visit, number;
  return parse(path, &visit, &number);
}

uint64_t evidence_path_number(const char *path) {
  uint64_t visit, number;
  return parse(path, &visit, &number) ? number : 0;
}
