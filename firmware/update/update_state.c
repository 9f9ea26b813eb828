// SPDX-License-Identifier: Apache-2.0
#include "firmware/update/update_state.h"

#include "board/file.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_BYTES 512

static const char *const names[] = {"idle", "check", "wait", "write", "restart", "prove"};
#define PHASES (int)(sizeof names / sizeof *names)

const char *update_phase_name(enum update_phase p) {
  return names[p];
}

bool update_state_write(const char *path, const struct update_state *s, struct err *e) {
  char text[STATE_BYTES];
  if (s->phase == UPDATE_IDLE)
    return unlink(path) == 0 || errno == ENOENT || err_errno(e, errno, "%s", path);
  (void)snprintf(text, sizeof text,
                 "[update]\nphase = %s\npercent = %d\nversion = %s\nrestart_ms = %" PRId64 "\n",
                 names[s->phase], s->percent, s->version, s->restart_mono_ms);
  return file_show(path, text, e);
}

static bool number(const char *value, int64_t min, int64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoll(value, &end, 10);
  return end != value && *end == '\0' && errno == 0 && *out >= min;
}

static int on_key(void *ctx, const char *section, const char *key, const char *value) {
  struct update_state *s = ctx;
  int64_t n = 0;
  if (strcmp(section, "update") != 0)
    return 1;
  if (strcmp(key, "phase") == 0) {
    for (int p = 0; p < PHASES; p++)
      if (strcmp(names[p], value) == 0)
        s->phase = (enum update_phase)p;
  } else if (strcmp(key, "percent") == 0) {
    if (!number(value, -1, &n) || n > 100)
      return 0;
    s->percent = (int)n;
  } else if (strcmp(key, "version") == 0) {
    (void)snprintf(s->version, sizeof s->version, "%s", value);
  } else if (strcmp(key, "restart_ms") == 0) {
    if (!number(value, 0, &s->restart_mono_ms))
      return 0;
  }
  return 1;
}

bool update_state_load(struct update_state *out, const char *path, struct err *e) {
  *out = (struct update_state){.percent = -1};
  if (path[0] == '\0')
    return true;
  FILE *f = fopen(path, "re");
  if (!f)
    return errno == ENOENT || errno == ENOTDIR || err_errno(e, errno, "%s", path);
  const int line = ini_parse_file(f, on_key, out);
  (void)fclose(f); // only read
  if (line == 0)
    return true;
  *out = (struct update_state){.percent = -1};
  return err_set(e, ERR_FORMAT, "%s:%d: not how far an update is", path, line);
}
