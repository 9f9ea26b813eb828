// SPDX-License-Identifier: Apache-2.0
#include "firmware/update_report.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int on_key(void *ctx, const char *section, const char *key, const char *value) {
  struct update_report *r = ctx;
  if (strcmp(section, "update") != 0)
    return 1;
  if (strcmp(key, "result") == 0)
    (void)snprintf(r->result, sizeof r->result, "%s", value);
  else if (strcmp(key, "version") == 0)
    (void)snprintf(r->version, sizeof r->version, "%s", value);
  else if (strcmp(key, "code") == 0)
    (void)snprintf(r->code, sizeof r->code, "%s", value);
  else if (strcmp(key, "time") == 0)
    r->time_s = strtoll(value, NULL, 10); // nonsense: 0, not known
  else if (strcmp(key, "what") == 0)
    (void)snprintf(r->what, sizeof r->what, "%s", value);
  return 1;
}

bool update_report_load(struct update_report *out, const char *path, struct err *e) {
  *out = (struct update_report){0};
  if (path[0] == '\0')
    return true;
  FILE *f = fopen(path, "re");
  if (!f)
    return errno == ENOENT || errno == ENOTDIR || err_errno(e, errno, "%s", path);
  int line = ini_parse_file(f, on_key, out);
  (void)fclose(f); // only read
  if (line == 0)
    return true;
  *out = (struct update_report){0};
  return err_set(e, ERR_FORMAT, "%s:%d: no report of an update", path, line);
}

bool update_report_fine(const struct update_report *r) {
  static const char *const fine[] = {"", "good", "installed", "fine"};
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
    if (strcmp(r->result, fine[i]) == 0)
      return true;
  return false;
}
