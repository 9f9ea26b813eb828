// SPDX-License-Identifier: Apache-2.0
#include "board/slots.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAIL_MAX 300 // of what a program said, for the error
#define ARGS_MAX 8

extern char **environ;

// "  40% Checking ..." is how rauc tells how far it is; each on a line of its own.
struct telling {
  void (*told)(void *to, int percent); // NULL: nobody listens
  void *to;
  char line[64];
  size_t n;
};

static void hear(struct telling *t, char c) {
  if (!t->told)
    return;
  if (c != '\n' && c != '\r') {
    if (t->n + 1 < sizeof t->line)
      t->line[t->n++] = c;
    return;
  }
  t->line[t->n] = '\0';
  t->n = 0;
  char *end = NULL;
  const long percent = strtol(t->line, &end, 10);
  if (end != t->line && *end == '%' && percent >= 0 && percent <= 100)
    t->told(t->to, (int)percent);
}

// Reads all a program says and keeps the end of it.
static void read_tail(int fd, struct telling *t, char *tail, size_t size) {
  char piece[512];
  size_t have = 0;
  tail[0] = '\0';
  for (;;) {
    ssize_t n = read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    for (ssize_t i = 0; i < n; i++) {
      hear(t, piece[i]);
      if (have + 1 == size) {
        memmove(tail, tail + 1, --have);
      }
      tail[have++] = piece[i] == '\n' ? ' ' : piece[i];
      tail[have] = '\0';
    }
  }
}

// Runs a program to its end. *status: its exit status, 128 when a signal ended it.
static bool run(const char *const *args, struct telling *t, int *status, char *tail, size_t size,
                struct err *e) {
  int ends[2];
  if (pipe(ends) != 0)
    return err_errno(e, errno, "pipe");
  posix_spawn_file_actions_t actions;
  pid_t pid = 0;
  int failed = posix_spawn_file_actions_init(&actions);
  if (failed == 0) {
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    for (int to = 1; to <= 2 && failed == 0; to++)
      failed = posix_spawn_file_actions_adddup2(&actions, ends[1], to);
    for (int i = 0; i < 2 && failed == 0; i++)
      failed = posix_spawn_file_actions_addclose(&actions, ends[i]);
    // posix_spawnp does not write to the words; its type is older than const.
    if (failed == 0)
      failed =
          posix_spawnp(&pid, args[0], &actions, NULL, (char *const *)(const void *)args, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
  }
  (void)close(ends[1]);
  if (failed == 0)
    read_tail(ends[0], t, tail, size);
  (void)close(ends[0]);
  if (failed != 0)
    return err_errno(e, failed, "%s", args[0]);
  int how = 0;
  while (waitpid(pid, &how, 0) < 0)
    if (errno != EINTR)
      return err_errno(e, errno, "waiting for %s", args[0]);
  *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128;
  return true;
}

static bool trusts(void *ctx, const char *path, struct err *e) {
  const struct slots_rauc *s = ctx;
  char file[320], tail[TAIL_MAX];
  int status = 0;
  const char *args[ARGS_MAX] = {s->program ? s->program : "rauc", "info"};
  int n = 2;
  if (s->conf) {
    (void)snprintf(file, sizeof file, "--conf=%s", s->conf);
    args[n++] = file;
  }
  args[n] = path;
  struct telling nobody = {0};
  if (!run(args, &nobody, &status, tail, sizeof tail, e))
    return false;
  if (status == 127)
    return err_set(e, ERR_IO, "%s cannot be run", args[0]);
  return status == 0 || err_set(e, ERR_DENIED, "%s", tail);
}

static bool install(void *ctx, const char *path, void (*told)(void *to, int percent), void *to,
                    struct err *e) {
  const struct slots_rauc *s = ctx;
  char tail[TAIL_MAX];
  int status = 0;
  const char *const args[] = {s->program ? s->program : "rauc", "install", path, NULL};
  struct telling t = {.told = told, .to = to};
  if (!run(args, &t, &status, tail, sizeof tail, e))
    return false;
  return status == 0 || err_set(e, ERR_IO, "%s", tail);
}

static bool restart(void *ctx, struct err *e) {
  const struct slots_rauc *s = ctx;
  char tail[TAIL_MAX];
  int status = 0;
  const char *const usual[] = {"systemctl", "--no-block",    "--job-mode=replace-irreversibly",
                               "start",     "reboot.target", NULL};
  const char *const other[] = {s->restart, NULL};
  struct telling nobody = {0};
  if (!run(s->restart ? other : usual, &nobody, &status, tail, sizeof tail, e))
    return false;
  return status == 0 || err_set(e, ERR_IO, "%s", tail);
}

const struct slots_ops slots_rauc_ops = {trusts, install, restart};
