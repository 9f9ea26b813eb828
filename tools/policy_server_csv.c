// SPDX-License-Identifier: Apache-2.0
#include "net/policy.h"
#include "net/utf8.h"
#include "tools/policy_server_seed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32
#define LINE_MAX_BYTES 8192

enum column {
  PLATE,
  OWNER_NAME,
  OWNER_PHONE,
  MODEL,
  VIN,
  COLOR,
  FIRST_REGISTERED,
  KIND,
  INSURER,
  NUMBER,
  START,
  END,
  PREMIUM,
  CLAIMS,
  COVERS,
  COLUMN_COUNT
};

static const char *const names[COLUMN_COUNT] = {
    "plate", "owner_name", "owner_phone", "model", "vin", "color",   "first_registered",
    "kind",  "insurer",    "number",      "start", "end", "premium", "claims",
    "covers"};

// Splits a line in place (RFC 4180: "quoted, with ""quotes"""). Returns the fields, -1 when wrong.
static int split(char *line, char *fields[COLUMNS_MAX]) {
  int n = 0;
  for (char *p = line;;) {
    if (n == COLUMNS_MAX)
      return -1;
    char *out = p;
    fields[n++] = out;
    if (*p == '"') {
      p++;
      while (*p && (*p != '"' || p[1] == '"')) {
        p += *p == '"';
        *out++ = *p++;
      }
      if (*p++ != '"' || (*p && *p != ','))
        return -1;
    } else {
      while (*p && *p != ',')
        *out++ = *p++;
    }
    bool more = *p == ',';
    p++;
    *out = '\0';
    if (!more)
      return n;
  }
}

static bool number_of(const char *text, double *out) {
  char *end = NULL;
  errno = 0;
  *out = text[0] ? strtod(text, &end) : 0;
  return !text[0] || (errno == 0 && *end == '\0' && *out >= 0 && *out < 1e8);
}

static bool put_line(struct ps_db *db, const char *const c[COLUMN_COUNT], struct err *e) {
  struct ps_vehicle v = {c[PLATE], c[OWNER_NAME], c[OWNER_PHONE],     c[MODEL],
                         c[VIN],   c[COLOR],      c[FIRST_REGISTERED]};
  if (!c[PLATE] || !c[PLATE][0])
    return err_set(e, ERR_FORMAT, "no plate");
  if (!ps_db_put_vehicle(db, &v, e))
    return false;
  if (!c[KIND] || !c[KIND][0])
    return true;
  enum policy_kind kind;
  struct policy_date start, end;
  if (!policy_kind_parse(c[KIND], &kind))
    return err_set(e, ERR_FORMAT, "kind: must be compulsory or commercial");
  if (!c[START] || !policy_date_parse(c[START], &start, e))
    return err_prefix(e, "start");
  if (!c[END] || !policy_date_parse(c[END], &end, e))
    return err_prefix(e, "end");
  char start_text[POLICY_DATE_TEXT], end_text[POLICY_DATE_TEXT];
  policy_date_text(&start, start_text);
  policy_date_text(&end, end_text);
  double premium, claims;
  if (!number_of(c[PREMIUM] ? c[PREMIUM] : "", &premium) ||
      !number_of(c[CLAIMS] ? c[CLAIMS] : "", &claims) || claims > 999)
    return err_set(e, ERR_FORMAT, "premium or claims: not a number");
  struct ps_policy p = {c[PLATE],   policy_kind_name(kind),
                        c[INSURER], c[NUMBER],
                        start_text, end_text,
                        premium,    (int)claims,
                        c[COVERS]};
  return ps_db_put_policy(db, &p, e);
}

static bool read_head(char *line, int at[COLUMNS_MAX], int *count, struct err *e) {
  char *fields[COLUMNS_MAX];
  char *text = strncmp(line, "\xef\xbb\xbf", 3) == 0 ? line + 3 : line;
  *count = split(text, fields);
  bool plate = false;
  for (int i = 0; i < *count; i++) {
    at[i] = -1;
    for (int k = 0; k < COLUMN_COUNT; k++)
      at[i] = strcmp(fields[i], names[k]) == 0 ? k : at[i];
    plate = plate || at[i] == PLATE;
  }
  return plate || err_set(e, ERR_FORMAT, "1: the header names no column \"plate\"");
}

static bool read_lines(struct ps_db *db, FILE *f, int *lines, struct err *e) {
  char line[LINE_MAX_BYTES];
  int at[COLUMNS_MAX], count = 0, number = 0;
  while (fgets(line, sizeof line, f)) {
    size_t n = strlen(line);
    number++;
    if (n + 1 == sizeof line)
      return err_set(e, ERR_LIMIT, "%d: line longer than %d bytes", number, LINE_MAX_BYTES - 2);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
      line[--n] = '\0';
    if (utf8_valid_prefix(line, n) != n)
      return err_set(e, ERR_FORMAT, "%d: not UTF-8", number);
    if (number == 1) {
      if (!read_head(line, at, &count, e))
        return false;
      continue;
    }
    if (n == 0)
      continue;
    char *fields[COLUMNS_MAX];
    const char *known[COLUMN_COUNT] = {NULL};
    if (split(line, fields) != count)
      return err_set(e, ERR_FORMAT, "%d: not as many fields as the header (%d)", number, count);
    for (int i = 0; i < count; i++) {
      if (at[i] >= 0)
        known[at[i]] = fields[i];
    }
    if (!put_line(db, known, e))
      return err_prefix(e, "%d", number);
    (*lines)++;
  }
  return !ferror(f) || err_set(e, ERR_IO, "read error");
}

bool ps_import_csv(struct ps_db *db, const char *path, int *lines, struct err *e) {
  *lines = 0;
  FILE *f = fopen(path, "r");
  if (!f)
    return err_errno(e, errno, "%s", path);
  bool ok = ps_db_begin(db, e);
  if (ok && !read_lines(db, f, lines, e))
    ok = err_prefix(e, "%s", path);
  (void)fclose(f); // only read
  return ok && ps_db_commit(db, e);
}
