// SPDX-License-Identifier: Apache-2.0
// power-run: the work once, written down; or the look, folder by folder. Used by tools/power-cut.
#include "board/log.h"
#include "tools/power/record.h"
#include "tools/power/world.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int usage(FILE *to, int status) {
  (void)fputs(
      "usage: power-run --record FOLDER LOG VISITS   does the work in FOLDER, its calls go to LOG\n"
      "       power-run --marks FOLDER DISK VISITS   does the work in FOLDER, its marks go onto "
      "DISK\n"
      "                                              itself, between partition table and "
      "partitions\n"
      "       power-run --look VISITS                looks at each folder named on stdin, one "
      "JSON line each\n"
      "Used by tools/power-cut, which tells more.\n"
      "exit status: 0 done, 1 failed, 2 wrong use\n",
      to);
  return status;
}

static int record(const char *folder, const char *log, int visits) {
  struct err e;
  if (!record_begin(folder, &e) || !power_work(folder, visits, &e) || !record_end(log, &e)) {
    (void)fprintf(stderr, "power-run: %s\n", e.text);
    return 1;
  }
  return 0;
}

static int marks(const char *folder, const char *disk, int visits) {
  struct err e;
  if (!record_marks_to(disk, &e) || !power_work(folder, visits, &e)) {
    (void)fprintf(stderr, "power-run: %s\n", e.text);
    return 1;
  }
  return 0;
}

static int look(int visits) {
  char line[4096];
  log_set_level(LOG_LEVEL_ERROR);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    power_look(line, visits, stdout);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (sodium_init() < 0 || setenv("TZ", "Asia/Shanghai", 1) != 0)
    return 1;
  tzset();
  if (argc == 2 && strcmp(argv[1], "--help") == 0)
    return usage(stdout, 0);
  if (argc < 3)
    return usage(stderr, 2);
  long visits = strtol(argv[argc - 1], NULL, 10);
  if (visits < 1 || visits > 10000)
    return usage(stderr, 2);
  if (argc == 5 && strcmp(argv[1], "--record") == 0)
    return record(argv[2], argv[3], (int)visits);
  if (argc == 5 && strcmp(argv[1], "--marks") == 0)
    return marks(argv[2], argv[3], (int)visits);
  if (argc == 3 && strcmp(argv[1], "--look") == 0)
    return look((int)visits);
  return usage(stderr, 2);
}
