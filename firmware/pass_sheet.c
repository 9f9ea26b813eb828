// SPDX-License-Identifier: Apache-2.0
#include "firmware/pass_sheet.h"

#include "board/careful.h"
#include "board/clock.h"
#include "board/file.h"
#include "board/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JSON_MAX (256u << 10)
#define LIST_MAX 200
#define STEP_MS 20

extern char **environ;

// "YYYYMMDD-HHMMSS" and nothing else: no other name is ever opened.
static bool id_valid(const char *id) {
  if (strlen(id) != 15 || id[8] != '-')
    return false;
  for (int i = 0; i < 15; i++) {
    if (i != 8 && (id[i] < '0' || id[i] > '9'))
      return false;
  }
  return true;
}

static void path_of(const char *dir, const char *id, const char *file, char out[FILE_PATH_MAX]) {
  (void)snprintf(out, FILE_PATH_MAX, "%s/%s/%s", dir, id, file); // a cut path opens nothing of ours
}

static bool new_folder(const char *dir, int64_t wall_ms, char id[SHEET_ID_MAX], struct err *e) {
  for (int tries = 0; tries < 100; tries++) {
    const time_t t = (time_t)(wall_ms / 1000) + tries;
    struct tm tm;
    char path[FILE_PATH_MAX];
    if (!localtime_r(&t, &tm) || strftime(id, SHEET_ID_MAX, "%Y%m%d-%H%M%S", &tm) == 0)
      return err_set(e, ERR_STATE, "the clock shows no date");
    (void)snprintf(path, sizeof path, "%s/%s", dir, id);
    if (mkdir(path, 0700) == 0) // a new one, and its name is durable
      return careful_sync_folder(dir, e);
    if (errno != EEXIST)
      return err_errno(e, errno, "%s", path);
  }
  return err_set(e, ERR_STATE, "%s: a hundred sheets of the same second", dir);
}

bool sheet_write(const char *dir, int64_t wall_ms, json_t *content,
                 const struct sheet_picture *pictures, size_t n, char id[SHEET_ID_MAX],
                 struct err *e) {
  char path[FILE_PATH_MAX];
  if (!careful_make_folder(dir, e) || !new_folder(dir, wall_ms, id, e))
    return false;
  for (size_t i = 0; i < n; i++) {
    path_of(dir, id, pictures[i].name, path);
    if (!file_put(path, pictures[i].jpeg, pictures[i].len, e))
      return false;
  }
  if (json_object_set_new(content, "id", json_string(id)) != 0)
    return err_set(e, ERR_NOMEM, "no memory for the sheet");
  char *text = json_dumps(content, JSON_INDENT(1));
  path_of(dir, id, "sheet.json", path);
  const bool ok = text ? file_put(path, text, strlen(text), e)
                       : err_set(e, ERR_NOMEM, "no memory for the sheet");
  free(text);
  return ok;
}

// The child's last words: what it wrote to the pipe, the newest 400 bytes of it.
static void listen_to(int fd, char *words, size_t size) {
  char in[256];
  size_t have = strlen(words);
  ssize_t n;
  while ((n = read(fd, in, sizeof in)) > 0) {
    const size_t room = size - 1 - have, take = (size_t)n < room ? (size_t)n : room;
    memcpy(words + have, in, take);
    have += take;
    words[have] = '\0';
  }
}

static bool start(const char *program, const char *path, int out, pid_t *pid, struct err *e) {
  posix_spawn_file_actions_t acts;
  posix_spawnattr_t attr;
  sigset_t none;
  char *const argv[] = {(char *)program, (char *)path, NULL};
  if (posix_spawn_file_actions_init(&acts) != 0)
    return err_set(e, ERR_NOMEM, "no memory to start %s", program);
  if (posix_spawnattr_init(&attr) != 0) {
    (void)posix_spawn_file_actions_destroy(&acts);
    return err_set(e, ERR_NOMEM, "no memory to start %s", program);
  }
  // The daemon blocks its signals; a child that cannot be told to end must not inherit that.
  int rc = sigemptyset(&none) == 0 ? 0 : errno;
  rc = rc ? rc : posix_spawnattr_setsigmask(&attr, &none);
  rc = rc ? rc : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
  rc = rc ? rc : posix_spawn_file_actions_adddup2(&acts, out, STDOUT_FILENO);
  rc = rc ? rc : posix_spawn_file_actions_adddup2(&acts, out, STDERR_FILENO);
  rc = rc ? rc : posix_spawn(pid, program, &acts, &attr, argv, environ);
  (void)posix_spawnattr_destroy(&attr);
  (void)posix_spawn_file_actions_destroy(&acts);
  return rc == 0 || err_errno(e, rc, "%s", program);
}

static bool wait_for(pid_t pid, int in, const char *program, struct err *e) {
  const int64_t give_up = clock_mono_ns(clock_system()) + SHEET_DRAW_S * CLOCK_NS_PER_S;
  char words[400] = "";
  int status = 0;
  for (;;) {
    struct pollfd p = {.fd = in, .events = POLLIN};
    (void)poll(&p, 1, STEP_MS); // whatever it says, the child is asked next
    listen_to(in, words, sizeof words);
    const pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == pid)
      break;
    if (got < 0 && errno != EINTR)
      return err_errno(e, errno, "%s", program);
    if (clock_mono_ns(clock_system()) > give_up) {
      (void)kill(pid, SIGKILL);
      (void)waitpid(pid, &status, 0); // it is gone
      return err_set(e, ERR_TIMEOUT, "%s: not done after %d s", program, SHEET_DRAW_S);
    }
  }
  listen_to(in, words, sizeof words);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return true;
  words[strcspn(words, "\n")] = '\0';
  return err_set(e, ERR_IO, "%s: %s", program, words[0] ? words : "ended without a word");
}

bool sheet_draw(const char *dir, const char *id, const char *program, struct err *e) {
  char path[FILE_PATH_MAX];
  int ends[2];
  pid_t pid = 0;
  if (!id_valid(id))
    return err_set(e, ERR_ARG, "no such sheet");
  (void)snprintf(path, sizeof path, "%s/%s", dir, id);
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return err_errno(e, errno, "pipe");
  bool ok = start(program, path, ends[1], &pid, e);
  (void)close(ends[1]);
  ok = ok && wait_for(pid, ends[0], program, e);
  (void)close(ends[0]);
  return ok;
}

static int newest_first(const void *a, const void *b) {
  return strcmp(b, a);
}

// The ids in a folder, newest first; how many.
static size_t ids_of(const char *dir, char (*ids)[SHEET_ID_MAX], size_t max) {
  size_t n = 0;
  DIR *d = opendir(dir);
  const struct dirent *entry;
  while (d && n < max && (entry = readdir(d))) {
    if (id_valid(entry->d_name))
      memcpy(ids[n++], entry->d_name, 16);
  }
  if (d)
    (void)closedir(d);
  qsort(ids, n, sizeof ids[0], newest_first);
  return n;
}

static void remove_sheet(const char *dir, const char *id) {
  char path[FILE_PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", dir, id);
  DIR *d = opendir(path);
  const struct dirent *entry;
  while (d && (entry = readdir(d))) {
    if (entry->d_name[0] != '.' && unlinkat(dirfd(d), entry->d_name, 0) != 0)
      log_warn("commission", "%s/%s: %s", path, entry->d_name, strerror(errno));
  }
  if (d)
    (void)closedir(d);
  (void)rmdir(path); // one that is not empty stays
}

void sheet_rotate(const char *dir, size_t max) {
  char ids[LIST_MAX][SHEET_ID_MAX];
  const size_t n = ids_of(dir, ids, LIST_MAX);
  for (size_t i = max; i < n; i++)
    remove_sheet(dir, ids[i]);
}

json_t *sheet_list(const char *dir) {
  char ids[LIST_MAX][SHEET_ID_MAX], path[FILE_PATH_MAX];
  const size_t n = ids_of(dir, ids, LIST_MAX);
  json_t *list = json_array();
  for (size_t i = 0; i < n; i++) {
    void *text = NULL;
    size_t len = 0;
    struct err e;
    struct stat st;
    path_of(dir, ids[i], "sheet.json", path);
    if (!file_get(path, JSON_MAX, &text, &len, &e))
      continue; // begun, and cut off by the power
    json_t *content = json_loadb(text, len, 0, NULL);
    free(text);
    path_of(dir, ids[i], "sheet.pdf", path);
    json_array_append_new(list, json_pack("{s:s,s:O?,s:O?,s:b}", "id", ids[i], "at",
                                          json_object_get(content, "at"), "passed",
                                          json_object_get(content, "passed"), "drawn",
                                          stat(path, &st) == 0));
    json_decref(content);
  }
  return list;
}

bool sheet_read(const char *dir, const char *name, void **data, size_t *len, const char **type,
                struct err *e) {
  static const struct {
    const char *end, *file, *type;
  } kinds[] = {{".png", "sheet.png", "image/png"},
               {".pdf", "sheet.pdf", "application/pdf"},
               {".json", "sheet.json", "application/json; charset=utf-8"}};
  const char *dot = strchr(name, '.');
  char id[SHEET_ID_MAX], path[FILE_PATH_MAX];
  for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(dot, kinds[i].end) != 0)
      continue;
    (void)snprintf(id, sizeof id, "%.*s", (int)(dot - name), name);
    if (!id_valid(id) || (size_t)(dot - name) != strlen(id))
      break;
    path_of(dir, id, kinds[i].file, path);
    *type = kinds[i].type;
    return file_get(path, SHEET_FILE_MAX, data, len, e);
  }
  return err_set(e, ERR_ARG, "no such sheet");
}
