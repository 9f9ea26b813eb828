// SPDX-License-Identifier: Apache-2.0
#include "board/clock_kept.h"

#include "board/careful.h"
#include "board/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 128
#define NEWS_RETRY_NS (60 * CLOCK_NS_PER_S)
#define WORD "bayplate-clock 1 "

struct clock_kept {
  struct bp_clock clock;
  const struct bp_clock *base;
  char *file;
  char boot[CLOCK_BOOT_ID_MAX];
  int64_t every_ns;
  int64_t floor_ns, begun_ns; // the wall time that it was at least, at this monotonic time
  bool lifted;                // bayplate-clock had to set the machine's clock
  atomic_bool synced;         // NTP has set it in this boot
  bool told, tried;           // that has been written; was tried to be
  int64_t written_ns;         // monotonic
  int64_t kept_s;             // what the file says
};

bool clock_kept_read(const char *path, struct clock_kept_file *out, struct err *e) {
  char line[LINE_BYTES] = "";
  memset(out, 0, sizeof *out);
  FILE *f = fopen(path, "re");
  if (!f)
    return errno == ENOENT || err_errno(e, errno, "%s", path);
  size_t n = fread(line, 1, sizeof line - 1, f);
  (void)fclose(f); // only read
  line[n] = '\0';
  const size_t word = sizeof WORD - 1;
  char *end = NULL;
  errno = 0;
  long long s = strncmp(line, WORD, word) == 0 ? strtoll(line + word, &end, 10) : -1;
  const int64_t build = clock_build_s();
  bool ok = end && errno == 0 && s > 0 && s <= build + CLOCK_KEPT_AHEAD_S && end[0] == ' ' &&
            (end[1] == '0' || end[1] == '1') && end[2] == ' ';
  size_t boot = ok ? strcspn(end + 3, " \n") : 0;
  ok = ok && boot < CLOCK_BOOT_ID_MAX && end[3 + boot] == '\n' && end[4 + boot] == '\0';
  if (!ok)
    return err_set(e, ERR_FORMAT, "%s: is no kept time; it is left aside", path);
  out->wall_s = s;
  out->trusted = end[1] == '1';
  memcpy(out->boot, end + 3, boot);
  return true;
}

bool clock_kept_write(const char *path, const struct clock_kept_file *k, struct err *e) {
  char line[LINE_BYTES];
  int n = snprintf(line, sizeof line, WORD "%" PRId64 " %d %s\n", k->wall_s, k->trusted, k->boot);
  if (n < 0 || n >= (int)sizeof line)
    return err_set(e, ERR_LIMIT, "%s: too long", path);
  return careful_write(path, line, (size_t)n, e);
}

void clock_boot_id(char out[CLOCK_BOOT_ID_MAX]) {
  FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
  out[0] = '\0';
  if (!f)
    return;
  if (!fgets(out, CLOCK_BOOT_ID_MAX, f))
    out[0] = '\0';
  (void)fclose(f); // only read
  out[strcspn(out, "\n")] = '\0';
}

int64_t clock_kept_floor_s(const struct clock_kept_file *k) {
  int64_t build = clock_build_s();
  return k->wall_s > build ? k->wall_s : build;
}

bool clock_kept_restore(const char *path, const struct bp_clock *now,
                        bool (*set)(void *ctx, int64_t wall_s, struct err *e), void *ctx,
                        bool *lifted, int64_t *wall_s, struct err *e) {
  struct clock_kept_file kept;
  err_clear(e);
  if (!clock_kept_read(path, &kept, e))
    memset(&kept, 0, sizeof kept);
  *wall_s = clock_kept_floor_s(&kept);
  *lifted = clock_wall_ns(now) / CLOCK_NS_PER_S < *wall_s;
  return !*lifted || set(ctx, *wall_s, e);
}

static int64_t mono(void *ctx) {
  return clock_mono_ns(((struct clock_kept *)ctx)->base);
}

static bool synchronised(void *ctx) {
  struct clock_kept *k = ctx;
  if (!atomic_load(&k->synced) && k->base->ops->synchronised(k->base->ctx))
    atomic_store(&k->synced, true);
  return atomic_load(&k->synced);
}

static int64_t floor_now(const struct clock_kept *k) {
  return k->floor_ns + clock_mono_ns(k->base) - k->begun_ns;
}

static int64_t wall(void *ctx) {
  struct clock_kept *k = ctx;
  int64_t base = clock_wall_ns(k->base);
  if (synchronised(k)) // even back: the kept time was wrong then
    return base;
  int64_t least = floor_now(k);
  return base > least ? base : least;
}

static bool guessed(void *ctx) {
  struct clock_kept *k = ctx;
  return !synchronised(k) && (k->lifted || clock_wall_ns(k->base) < floor_now(k));
}

static const struct clock_ops ops = {mono, wall, synchronised, guessed};

bool clock_kept_new(struct clock_kept **out, const struct clock_kept_options *o, struct err *e) {
  struct clock_kept_file kept = {0};
  struct clock_kept *k = calloc(1, sizeof *k);
  err_clear(e);
  if (!k || !(k->file = strdup(o->file))) {
    free(k);
    return err_set(e, ERR_NOMEM, "no memory for the clock");
  }
  if (o->file[0] && !clock_kept_read(o->file, &kept, e))
    log_debug("clock", "nothing kept"); // the caller tells why
  if (o->boot)
    (void)snprintf(k->boot, sizeof k->boot, "%s", o->boot);
  else
    clock_boot_id(k->boot);
  k->clock = (struct bp_clock){&ops, k};
  k->base = o->base;
  k->every_ns = o->every_s * CLOCK_NS_PER_S;
  k->begun_ns = k->written_ns = clock_mono_ns(o->base);
  k->floor_ns = clock_kept_floor_s(&kept) * CLOCK_NS_PER_S;
  k->kept_s = kept.wall_s;
  k->lifted = o->mark && o->mark[0] && access(o->mark, F_OK) == 0;
  bool same_boot = k->boot[0] && strcmp(kept.boot, k->boot) == 0;
  k->told = same_boot && kept.trusted;
  atomic_init(&k->synced, k->told);
  *out = k;
  return true;
}

const struct bp_clock *clock_kept_clock(struct clock_kept *k) {
  return &k->clock;
}

static bool keep(struct clock_kept *k, struct err *e) {
  struct clock_kept_file f = {.wall_s = wall(k) / CLOCK_NS_PER_S, .trusted = synchronised(k)};
  memcpy(f.boot, k->boot, sizeof f.boot);
  if ((f.wall_s == k->kept_s && f.trusted == k->told) ||
      f.wall_s > clock_build_s() + CLOCK_KEPT_AHEAD_S) // a nonsense that would not be read again
    return true;
  k->written_ns = clock_mono_ns(k->base); // also when it fails: a full disk is not hammered
  if (!clock_kept_write(k->file, &f, e))
    return false;
  k->kept_s = f.wall_s;
  k->told = f.trusted;
  return true;
}

bool clock_kept_tick(struct clock_kept *k, struct err *e) {
  int64_t since = clock_mono_ns(k->base) - k->written_ns;
  bool due = since >= k->every_ns;
  // Tried once a minute where the disk does not take it.
  bool news = synchronised(k) && !k->told && (!k->tried || since >= NEWS_RETRY_NS);
  if (!k->file[0] || (!due && !news))
    return true;
  k->tried = k->tried || news;
  return keep(k, e);
}

void clock_kept_free(struct clock_kept *k) {
  struct err e;
  if (!k)
    return;
  if (k->file[0] && !keep(k, &e))
    log_warn("clock", "the time is not kept: %s", e.text);
  free(k->file);
  free(k);
}
