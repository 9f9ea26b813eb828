// SPDX-License-Identifier: Apache-2.0
#include "tests/board/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int ok, const char *what) {
  if (ok)
    return;
  (void)fprintf(stderr, "test tool: %s: %s\n", what, strerror(errno));
  abort();
}

void tool_folder(char dir[TOOL_PATH_MAX]) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(dir, TOOL_PATH_MAX, "%s/bayplate-board-XXXXXX", base ? base : "/tmp");
  need(mkdtemp(dir) != NULL, dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

void tool_remove(const char *dir) {
  need(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, dir);
}

void tool_path(char out[TOOL_PATH_MAX], const char *dir, const char *name) {
  need(snprintf(out, TOOL_PATH_MAX, "%s/%s", dir, name) < TOOL_PATH_MAX, "path too long");
}

void tool_write(const char *path, const void *data, size_t len) {
  FILE *f = fopen(path, "wb");
  need(f != NULL, path);
  need(fwrite(data, 1, len, f) == len, path);
  need(fclose(f) == 0, path);
}

size_t tool_size(const char *path) {
  struct stat st;
  need(stat(path, &st) == 0, path);
  return (size_t)st.st_size;
}

void tool_cut(const char *path, size_t len) {
  need(truncate(path, (off_t)len) == 0, path);
}

extern char **environ;

// stdout goes to `out`, or nowhere when -1; stderr nowhere.
static pid_t spawn(const char *const argv[], int out) {
  posix_spawn_file_actions_t actions;
  need(posix_spawn_file_actions_init(&actions) == 0, "spawn");
  need(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0, "spawn");
  need(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) == 0, "spawn");
  if (out >= 0)
    need(posix_spawn_file_actions_adddup2(&actions, out, 1) == 0, "spawn");
  else
    need(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0, "spawn");
  pid_t pid = 0;
  errno = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(const void *)argv, environ);
  need(errno == 0, argv[0]);
  need(posix_spawn_file_actions_destroy(&actions) == 0, "spawn");
  return pid;
}

int tool_run(const char *const argv[]) {
  pid_t pid = spawn(argv, -1);
  int status = 0;
  need(waitpid(pid, &status, 0) == pid, "wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int tool_serve(const char *const argv[], pid_t *pid) {
  int ends[2];
  need(pipe2(ends, O_CLOEXEC) == 0, "pipe");
  *pid = spawn(argv, ends[1]);
  need(close(ends[1]) == 0, "close");
  FILE *in = fdopen(ends[0], "r");
  need(in != NULL, "fdopen");
  char line[32] = "";
  need(fgets(line, sizeof line, in) != NULL, argv[0]);
  (void)fclose(in); // only read from
  long port = strtol(line, NULL, 10);
  need(port > 0 && port < 65536, "no port came");
  return (int)port;
}

void tool_stop(pid_t pid) {
  need(kill(pid, SIGSTOP) == 0, "stop");
}

void tool_kill(pid_t pid) {
  need(kill(pid, SIGKILL) == 0, "kill");
  need(waitpid(pid, NULL, 0) == pid, "wait");
}
