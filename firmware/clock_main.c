// SPDX-License-Identifier: Apache-2.0
// bayplate-clock: at boot, before anything looks at the time, lifts a clock that stands before the
// last time that was kept. It alone may set the clock, and does nothing else.
#include "board/careful.h"
#include "board/clock_kept.h"
#include "board/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void usage(FILE *f) {
  (void)fputs("usage: bayplate-clock --file FILE [--mark FILE] [--dry-run | --ask]\n"
              "For boards without a battery clock: when the machine's time is before the one that "
              "bayplated\n"
              "kept in FILE (or before this program was built), sets it to that. NTP makes it "
              "right later.\n"
              "  --file FILE   bayplated's [device] time_file\n"
              "  --mark FILE   made when the clock had to be set: until NTP has set it, bayplated "
              "then shows\n"
              "                no days left ([device] time_mark)\n"
              "  --dry-run     tells what it would do\n"
              "  --ask         sets nothing: ends with 0 when the time can be believed, with 1 "
              "while it is\n"
              "                only a guess that NTP has not made right in this boot\n"
              "example:\n"
              "  bayplate-clock --file /data/bayplate/clock --mark /run/bayplate-clock/restored\n"
              "exit status: 0 right or set, 1 it could not be set or is a guess, 2 wrong use\n",
              f);
}

static bool set_machine(void *ctx, int64_t wall_s, struct err *e) {
  (void)ctx;
  const struct timespec to = {.tv_sec = (time_t)wall_s};
  return clock_settime(CLOCK_REALTIME, &to) == 0 || err_errno(e, errno, "setting the clock");
}

static bool set_nothing(void *ctx, int64_t wall_s, struct err *e) {
  (void)ctx;
  (void)wall_s;
  (void)e;
  return true;
}

// As clock_kept.h says it: what NTP set in this boot stays believed; else it must not have been
// lifted, nor stand before this program.
static bool believed(const char *file, const char *mark) {
  struct clock_kept_file kept = {0};
  struct err e = {0};
  char boot[CLOCK_BOOT_ID_MAX];
  clock_boot_id(boot);
  if (!clock_kept_read(file, &kept, &e))
    log_warn("clock", "%s", e.text);
  const struct bp_clock *c = clock_system();
  if (c->ops->synchronised(c->ctx) || (kept.trusted && boot[0] && strcmp(kept.boot, boot) == 0))
    return true;
  return (!mark || access(mark, F_OK) != 0) && clock_trusted(c, false);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
      {"file", required_argument, NULL, 'f'}, {"mark", required_argument, NULL, 'm'},
      {"dry-run", no_argument, NULL, 'n'},    {"ask", no_argument, NULL, 'a'},
      {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
  const char *file = NULL, *mark = NULL;
  bool dry = false, ask = false;
  int o;
  while ((o = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
    if (o == 'h') {
      usage(stdout);
      return 0;
    }
    if (o == 'f')
      file = optarg;
    else if (o == 'm')
      mark = optarg;
    else if (o == 'n')
      dry = true;
    else if (o == 'a')
      ask = true;
    else
      return 2;
  }
  if (!file || optind != argc) {
    usage(stderr);
    return 2;
  }
  if (ask)
    return believed(file, mark) ? 0 : 1;
  struct err e = {0};
  int64_t wall_s = 0;
  bool lifted = false;
  bool ok = clock_kept_restore(file, clock_system(), dry ? set_nothing : set_machine, NULL, &lifted,
                               &wall_s, &e);
  if (e.code != ERR_NONE)
    log_warn("clock", "%s", e.text);
  if (ok && lifted)
    log_info("clock", "%s to the kept time seconds=%lld", dry ? "would be set" : "set",
             (long long)wall_s);
  // An empty note; /run forgets it with the boot.
  if (ok && lifted && mark && !dry && !careful_write(mark, "", 0, &e)) {
    log_error("clock", "%s", e.text);
    ok = false;
  }
  return ok ? 0 : 1;
}
