// SPDX-License-Identifier: Apache-2.0
// bayplate-update: takes an update bundle from a file, however it came to the device, checks it and
// installs it.
#include "board/bundle.h"
#include "firmware/release.h"
#include "firmware/update/update.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_ 256
#define RESERVE (UINT64_C(8) << 20)
#define CAR_POLL_MS 5000
#define CAR_PATIENCE_MS (12U * 3600 * 1000) // over night at the latest, the bay is empty
#define KNOWN_MAX 16
#define ANNOUNCE_MS 30000U // time to finish a sentence at the desk

struct settings {
  const char *release, *state, *conf, *rauc, *busy, *progress, *reboot;
  unsigned announce_ms;
  const char *known[KNOWN_MAX + 1]; // ended by NULL
  int knowns;
  bool check_only, restart, json;
  char version[BUNDLE_TEXT_MAX]; // once it is known
  enum update_phase phase;       // told last
  int percent;
};

static void usage(FILE *f) {
  fputs("usage: bayplate-update [OPTION]... FILE\n"
        "Checks a signed update bundle as a whole, waits until no car is in the bay, writes the "
        "spare slot.\n"
        "  --check         only check\n"
        "  --restart       restart into the new slot when it is written and no car is in the bay\n"
        "  --not VERSION   leaves this version alone, without a report; up to 16 times\n"
        "  --announce S    tell it so many seconds before (default 30)\n"
        "  --progress FILE how far it is, for the page (default /run/bayplate-boot/update.ini)\n"
        "  --json          one JSON object: result, version, text\n"
        "  --release FILE  what this device is (default /etc/bayplate-release)\n"
        "  --state DIR     where how it went is noted (default /data/bayplate/update)\n"
        "  --conf FILE     rauc's configuration, whose keyring counts (default "
        "/etc/rauc/system.conf)\n"
        "  --rauc PROGRAM  in place of rauc; --reboot PROGRAM in place of systemctl reboot\n"
        "  --busy FILE     a file that is there while a car is in the bay (default "
        "/run/bayplate/car)\n"
        "  -h, --help      this text\n"
        "Older than the device's minimum: the maker of the bundle allows it with `bayplate-bundle "
        "make --rollback`.\n"
        "examples:\n"
        "  bayplate-update --check new.raucb\n"
        "  bayplate-update --restart /data/bayplate/private/bayplate-port/spool/upload.bundle\n"
        "exit status: 0 installed or right, 1 refused or failed, 2 wrong use\n",
        f);
}

static bool car(void *ctx) {
  return access(((const struct settings *)ctx)->busy, F_OK) == 0;
}

// Tells only what is new: a percent or a phase. Nobody looking is no reason not to update.
static void told(void *ctx, enum update_phase phase, int percent, unsigned left_ms) {
  struct settings *s = ctx;
  struct err e;
  if (s->check_only || (phase == s->phase && percent == s->percent && left_ms == 0))
    return;
  s->phase = phase;
  s->percent = percent;
  struct update_state st = {.phase = phase, .percent = percent};
  struct timespec now;
  (void)snprintf(st.version, sizeof st.version, "%s", s->version);
  if (left_ms > 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0)
    st.restart_mono_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + left_ms;
  if (!update_state_write(s->progress, &st, &e))
    fprintf(stderr, "bayplate-update: %s\n", e.text);
}

static void rest(void *ctx, unsigned ms) {
  (void)ctx;
  struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&t, &t) != 0 && errno == EINTR)
    ;
}

// For the page: written aside and renamed, so that it is never half. A report that cannot be
// written is said, no more.
static void report(const struct settings *s, enum update_result r, const char *version,
                   const char *text) {
  char path[LINE_MAX_], aside[LINE_MAX_ + 8];
  (void)snprintf(path, sizeof path, "%s/report.ini", s->state);
  (void)snprintf(aside, sizeof aside, "%s.new", path);
  FILE *f = fopen(aside, "we");
  // Its reader takes lines of at most 200 bytes.
  bool ok = f && fprintf(f, "[update]\nresult = %s\nversion = %s\nwhat = %.150s\ntime = %lld\n",
                         update_result_name(r), version, text, (long long)time(NULL)) > 0;
  ok = f && fflush(f) == 0 && fsync(fileno(f)) == 0 && ok;
  if (f)
    ok = fclose(f) == 0 && ok;
  if (!ok || rename(aside, path) != 0)
    fprintf(stderr, "bayplate-update: %s: %s\n", path, strerror(errno));
}

static void print_json(enum update_result r, const char *version, const char *text) {
  printf("{\"result\":\"%s\",\"version\":\"", update_result_name(r));
  for (const char *parts[] = {version, "\",\"text\":\"", text}, **p = parts; p < parts + 3; p++)
    for (const char *c = *p; *c; c++) {
      bool quote = p != parts + 1 && (*c == '"' || *c == '\\');
      printf("%s%c", quote ? "\\" : "", (unsigned char)*c < 0x20 ? ' ' : *c);
    }
  printf("\"}\n");
}

static int run(const struct settings *s, const char *path) {
  struct release release;
  struct err e;
  if (!release_load(&release, s->release, &e) || !release.compatible[0]) {
    fprintf(stderr, "bayplate-update: %s names no COMPATIBLE: this is no bayplate system image\n",
            s->release);
    return 1;
  }
  struct slots_rauc slots = {.program = s->rauc, .conf = s->conf, .restart = s->reboot};
  struct settings ctx = *s;
  char *const version = ctx.version;
  const struct update_options o = {.slots = &slots_rauc_ops,
                                   .slots_ctx = &slots,
                                   .compatible = release.compatible,
                                   .minimum = release.minimum,
                                   .known = ctx.known,
                                   .state_dir = s->state,
                                   .reserve_bytes = RESERVE,
                                   .check_only = s->check_only,
                                   .car = car,
                                   .rest = rest,
                                   .ctx = &ctx,
                                   .poll_ms = CAR_POLL_MS,
                                   .patience_ms = CAR_PATIENCE_MS,
                                   .announce_ms = s->announce_ms,
                                   .told = told};
  enum update_result r = update_run(&o, path, version, &e);
  bool good = r == UPDATE_INSTALLED || r == UPDATE_FINE;
  const char *text = good ? update_result_en(r) : e.text;
  if (s->json)
    print_json(r, version, text);
  else
    fprintf(good ? stdout : stderr, "%s: %s%s%s\n", path, text, version[0] ? ", version " : "",
            version);
  if (!s->check_only && r != UPDATE_KNOWN)
    report(s, r, version, text);
  bool restarts = r == UPDATE_INSTALLED && s->restart;
  if (restarts && !update_restart(&o, &e)) {
    fprintf(stderr, "bayplate-update: the restart: %s\n", e.text);
    restarts = good = false;
  }
  // A restart that is under way stays announced.
  if (!restarts && !s->check_only &&
      !update_state_write(s->progress, &(struct update_state){.phase = UPDATE_IDLE}, &e))
    fprintf(stderr, "bayplate-update: %s\n", e.text);
  return good ? 0 : 1;
}

int main(int argc, char **argv) {
  enum {
    O_CHECK = 256,
    O_RESTART,
    O_JSON,
    O_RELEASE,
    O_STATE,
    O_CONF,
    O_RAUC,
    O_BUSY,
    O_PROGRESS,
    O_ANNOUNCE,
    O_REBOOT,
    O_NOT
  };
  static const struct option longs[] = {{"check", no_argument, NULL, O_CHECK},
                                        {"restart", no_argument, NULL, O_RESTART},
                                        {"json", no_argument, NULL, O_JSON},
                                        {"release", required_argument, NULL, O_RELEASE},
                                        {"state", required_argument, NULL, O_STATE},
                                        {"conf", required_argument, NULL, O_CONF},
                                        {"rauc", required_argument, NULL, O_RAUC},
                                        {"busy", required_argument, NULL, O_BUSY},
                                        {"progress", required_argument, NULL, O_PROGRESS},
                                        {"not", required_argument, NULL, O_NOT},
                                        {"announce", required_argument, NULL, O_ANNOUNCE},
                                        {"reboot", required_argument, NULL, O_REBOOT},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct settings s = {.release = "/etc/bayplate-release",
                       .state = "/data/bayplate/update",
                       .busy = "/run/bayplate/car",
                       .progress = "/run/bayplate-boot/update.ini",
                       .announce_ms = ANNOUNCE_MS};
  char *end = NULL;
  int o;
  while ((o = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
    switch (o) {
    case O_CHECK:
      s.check_only = true;
      break;
    case O_RESTART:
      s.restart = true;
      break;
    case O_JSON:
      s.json = true;
      break;
    case O_RELEASE:
      s.release = optarg;
      break;
    case O_STATE:
      s.state = optarg;
      break;
    case O_CONF:
      s.conf = optarg;
      break;
    case O_RAUC:
      s.rauc = optarg;
      break;
    case O_BUSY:
      s.busy = optarg;
      break;
    case O_PROGRESS:
      s.progress = optarg;
      break;
    case O_NOT:
      if (s.knowns == KNOWN_MAX) {
        fprintf(stderr, "bayplate-update: --not: at most %d\n", KNOWN_MAX);
        return 2;
      }
      s.known[s.knowns++] = optarg;
      break;
    case O_REBOOT:
      s.reboot = optarg;
      break;
    case O_ANNOUNCE:
      s.announce_ms = (unsigned)strtoul(optarg, &end, 10) * 1000U;
      if (end == optarg || *end != '\0' || s.announce_ms > CAR_PATIENCE_MS) {
        fprintf(stderr, "bayplate-update: --announce: seconds, not \"%s\"\n", optarg);
        return 2;
      }
      break;
    case 'h':
      usage(stdout);
      return 0;
    default:
      usage(stderr);
      return 2;
    }
  }
  if (optind + 1 != argc) {
    usage(stderr);
    return 2;
  }
  return run(&s, argv[optind]);
}
