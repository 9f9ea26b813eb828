// SPDX-License-Identifier: Apache-2.0
// bayplated: reads the command line and the configuration, wires the rooms, waits for signals.
#include "board/clock_kept.h"
#include "board/log.h"
#include "board/watchdog.h"
#include "board/watchdog_device.h"
#include "firmware/config.h"
#include "firmware/config_option.h"
#include "firmware/terminal.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define MAIN_TICK_MS 1000

static void usage(FILE *f) {
  fputs(
      "usage: bayplated -c FILE [--check-config]\n"
      "The bayplate terminal: sees a car, reads its plate, shows whether its insurance is due.\n"
      "  -c, --config FILE   the configuration\n"
      "      --check-config  check the configuration as a whole, list every error, exit\n"
      "      --print-config  print every key with its default, exit\n"
      "      --version       print the version, exit\n"
      "  -h, --help          this text\n"
      "signals: TERM, INT stop; HUP reads log level, calendar, look-up ages, zone, rules of visits "
      "and\n"
      "the files of the HTTPS certificate again\n"
      "examples:\n"
      "  bayplated --print-config > bayplate.ini\n"
      "  bayplated --check-config -c bayplate.ini\n"
      "  bayplated -c bayplate.ini\n"
      "exit status: 0 stopped cleanly or configuration right, 1 failed, 2 wrong use\n",
      f);
}

struct told {
  const char *path;
  int errors;
};

static void tell(void *ctx, int line, const char *field, const char *text) {
  struct told *t = ctx;
  t->errors++;
  if (line > 0)
    fprintf(stderr, "%s:%d: %s: %s\n", t->path, line, field, text);
  else
    fprintf(stderr, "%s: %s%s%s\n", t->path, field, field[0] ? ": " : "", text);
}

static bool load(struct config *c, const char *path) {
  struct told t = {path, 0};
  if (config_load(c, path, tell, &t))
    return true;
  fprintf(stderr, "%s: %d error%s; nothing was started\n", path, t.errors,
          t.errors == 1 ? "" : "s");
  return false;
}

// Before any thread: days are counted in the shop's zone everywhere.
static bool set_zone(const char *zone) {
  if (setenv("TZ", zone, 1) != 0)
    return false;
  tzset();
  return true;
}

static bool block_signals(sigset_t *set) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  if (sigaction(SIGPIPE, &ignore, NULL) != 0) // a page that went away is no reason to die
    return false;
  return sigemptyset(set) == 0 && sigaddset(set, SIGTERM) == 0 && sigaddset(set, SIGINT) == 0 &&
         sigaddset(set, SIGHUP) == 0 && pthread_sigmask(SIG_BLOCK, set, NULL) == 0;
}

static void reload(struct terminal *t, const char *path) {
  struct config c;
  if (!load(&c, path)) {
    log_error("config", "%s has errors; the running configuration stays", path);
    return;
  }
  log_set_level(c.log_level);
  terminal_reload(t, &c);
}

// Feeds the watchdog while the terminal's threads make progress; ends by signal.
static void run(struct terminal *t, struct clock_kept *clock, struct watchdog *dog,
                struct watchdog_device *device, int signals, const char *path) {
  struct err e;
  for (;;) {
    struct pollfd p = {.fd = signals, .events = POLLIN};
    int n = poll(&p, 1, MAIN_TICK_MS);
    if (n < 0 && errno != EINTR)
      return;
    if (terminal_alive(t)) {
      watchdog_feed(dog);
      watchdog_device_feed(device);
    }
    if (!clock_kept_tick(clock, &e))
      log_warn("clock", "the time is not kept: %s", e.text);
    if (n <= 0)
      continue;
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info)
      continue;
    if (info.ssi_signo != SIGHUP)
      return;
    reload(t, path);
  }
}

static bool start_clock(struct clock_kept **out, const struct config *c, struct err *e) {
  char file[CONFIG_PATH_MAX + 16];
  (void)snprintf(file, sizeof file, "%s%s", c->time.file[0] ? c->time.file : c->store.dir,
                 c->time.file[0] ? "" : "/clock");
  const struct clock_kept_options o = {.base = clock_system(),
                                       .file = file,
                                       .mark = c->time.mark,
                                       .every_s = (int64_t)c->time.every_min * 60};
  if (!clock_kept_new(out, &o, e))
    return false;
  if (e->code != ERR_NONE)
    log_warn("clock", "%s", e->text);
  if (!clock_trusted(clock_kept_clock(*out), false))
    log_warn("clock", "the time is a guess until NTP has set it; days left are not shown");
  return true;
}

static int serve(const struct config *c, const char *path) {
  sigset_t set;
  if (!set_zone(c->shop.timezone) || !block_signals(&set)) {
    log_error("main", "signals or time zone cannot be set up: %s", strerror(errno));
    return 1;
  }
  int signals = signalfd(-1, &set, SFD_CLOEXEC);
  if (signals < 0) {
    log_error("main", "signalfd: %s", strerror(errno));
    return 1;
  }
  struct err e;
  struct terminal *t = NULL;
  struct clock_kept *clock = NULL;
  if (!start_clock(&clock, c, &e) || !terminal_new(&t, c, clock_kept_clock(clock), &e)) {
    log_error("main", "not started: %s", e.text);
    clock_kept_free(clock);
    (void)close(signals);
    return 1;
  }
  struct watchdog *dog = watchdog_new();
  struct watchdog_device *device = NULL;
  if (c->watchdog.device[0] &&
      !watchdog_device_open(&device, c->watchdog.device, c->watchdog.timeout_s, NULL, &e))
    log_error("watchdog", "the board is not watched: %s", e.text);
  watchdog_ready(dog);
  log_info("main", "ready version=%s port=%d tls_port=%d", BAYPLATE_VERSION, terminal_port(t),
           terminal_tls_port(t));
  run(t, clock, dog, device, signals, path);
  watchdog_stopping(dog);
  log_info("main", "stopping");
  terminal_free(t);
  clock_kept_free(clock);
  watchdog_free(dog);
  watchdog_device_close(device);
  (void)close(signals);
  return 0;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
      {"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'k'},
      {"print-config", no_argument, NULL, 'p'}, {"version", no_argument, NULL, 'v'},
      {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
  const char *path = NULL;
  bool check = false;
  int o;
  while ((o = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
    switch (o) {
    case 'c':
      path = optarg;
      break;
    case 'k':
      check = true;
      break;
    case 'p':
      config_option_print(stdout);
      return fflush(stdout) == 0 ? 0 : 1;
    case 'v':
      return printf("bayplated %s\n", BAYPLATE_VERSION) > 0 ? 0 : 1;
    case 'h':
      usage(stdout);
      return 0;
    default:
      usage(stderr);
      return 2;
    }
  }
  if (!path || optind != argc) {
    usage(stderr);
    return 2;
  }
  static struct config c; // large, and needed as long as the process
  if (!load(&c, path))
    return 1;
  if (check) {
    printf("%s: right\n", path);
    return 0;
  }
  log_set_level(c.log_level);
  return serve(&c, path);
}
