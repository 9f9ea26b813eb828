// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_state.h"

#include "board/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define STATE_BYTES 768 // its longest words and numbers fit
#define LOCK_TRIES 20   // of 50 ms: who only asks whether it is held, holds it for a moment

static const char *const names[] = {"none", "runs", "done", "failed", "gone"};
#define PHASES (int)(sizeof names / sizeof *names)

const char *export_phase_name(enum export_phase p) {
  return names[p];
}

bool export_state_write(const char *path, const struct export_state *s, struct err *e) {
  char text[STATE_BYTES];
  (void)snprintf(
      text, sizeof text,
      "[export]\nphase = %s\nwhat = %s\nread = %" PRIu64 "\nsize = %" PRIu64 "\nsent = %" PRIu64
      "\nfiles = %" PRIu64 "\nbad = %" PRIu64 "\nsha256 = %s\nerror = %s\n",
      names[s->phase], s->what, s->read, s->size, s->sent, s->files, s->bad, s->sha256, s->error);
  return file_show(path, text, e);
}

static bool number(const char *value, uint64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoull(value, &end, 10);
  return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0;
}

static int on_key(void *ctx, const char *section, const char *key, const char *value) {
  struct export_state *s = ctx;
  const struct {
    const char *key;
    uint64_t *to;
  } numbers[] = {{"read", &s->read},
                 {"size", &s->size},
                 {"sent", &s->sent},
                 {"files", &s->files},
                 {"bad", &s->bad}};
  if (strcmp(section, "export") != 0)
    return 1;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(key, numbers[i].key) == 0)
      return number(value, numbers[i].to);
  if (strcmp(key, "phase") == 0) {
    for (int p = 0; p < PHASES; p++)
      if (strcmp(names[p], value) == 0)
        s->phase = (enum export_phase)p;
  } else if (strcmp(key, "what") == 0) {
    (void)snprintf(s->what, sizeof s->what, "%s", value);
  } else if (strcmp(key, "sha256") == 0) {
    (void)snprintf(s->sha256, sizeof s->sha256, "%s", value);
  } else if (strcmp(key, "error") == 0) {
    (void)snprintf(s->error, sizeof s->error, "%s", value);
  }
  return 1;
}

bool export_state_load(struct export_state *out, const char *path, struct err *e) {
  *out = (struct export_state){0};
  if (!path || path[0] == '\0')
    return true;
  FILE *f = fopen(path, "re");
  if (!f)
    return errno == ENOENT || errno == ENOTDIR || err_errno(e, errno, "%s", path);
  const int line = ini_parse_file(f, on_key, out);
  (void)fclose(f); // only read
  if (line == 0)
    return true;
  *out = (struct export_state){0};
  return err_set(e, ERR_FORMAT, "%s:%d: not how far an export is", path, line);
}

bool export_lock(int *fd, const char *lock_file, struct err *e) {
  const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
  *fd = open(lock_file, O_RDONLY | O_CLOEXEC);
  if (*fd < 0)
    return err_errno(e, errno, "%s", lock_file);
  for (int i = 0; i < LOCK_TRIES; i++) {
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
      return true;
    (void)nanosleep(&pause, NULL);
  }
  (void)close(*fd);
  *fd = -1;
  return err_set(e, ERR_BUSY, "an export is going on");
}

bool export_running(const char *lock_file) {
  const int fd = open(lock_file, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
  (void)close(fd); // gives it back, too
  return held;
}
