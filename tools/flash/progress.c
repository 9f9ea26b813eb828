// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/progress.h"

#include "tools/flash/words.h"

#include <string.h>
#include <time.h>

#define BAR_CELLS 24
#define SHOW_EVERY_NS INT64_C(150000000)
#define NS_PER_S 1e9

static int64_t now_ns(void) {
  struct timespec ts;
  if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
    return 0; // no clock, no rate
  return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

const char *progress_name(enum progress_phase phase) {
  static const char *const names[] = {"check", "write", "verify", "send"};
  return names[phase];
}

// Both languages, so that the technician and whoever helps on the telephone mean the same thing.
static const char *title(enum progress_phase phase) {
  static const char *const titles[] = {"1/3 检查 check ", "2/3 写入 write ", "3/3 校核 verify",
                                       "2/3 上传 send  "};
  return titles[phase];
}

static double rate(const struct progress *p, int64_t now) {
  double s = (double)(now - p->begun_ns) / NS_PER_S;
  return s > 0 ? (double)p->done / s : 0;
}

void progress_line(const struct progress *p, int64_t now, char out[PROGRESS_LINE_MAX]) {
  double part = p->total ? (double)p->done / (double)p->total : 0;
  double bytes_s = rate(p, now);
  int cells = (int)(part * BAR_CELLS), at = 0;
  char bar[BAR_CELLS + 1];
  for (; at < BAR_CELLS; at++)
    bar[at] = at < cells ? '#' : '.';
  bar[at] = '\0';
  long left = bytes_s > 0 ? (long)((double)(p->total - p->done) / bytes_s + 0.5) : 0;
  (void)snprintf(out, PROGRESS_LINE_MAX, "%s [%s] %3d %%  %llu/%llu MB  %.1f MB/s  %s %ld:%02ld",
                 title(p->phase), bar, (int)(part * 100), (unsigned long long)(p->done / 1000000),
                 (unsigned long long)(p->total / 1000000), bytes_s / 1e6, words("还剩", "left"),
                 left / 60, left % 60);
}

static void show_json(const struct progress *p, int64_t now, const char *state) {
  (void)fprintf(p->to,
                "{\"phase\":\"%s\",\"state\":\"%s\",\"bytes\":%llu,\"total\":%llu,\"mb_s\":%.1f}\n",
                progress_name(p->phase), state, (unsigned long long)p->done,
                (unsigned long long)p->total, rate(p, now) / 1e6);
}

static void show(struct progress *p, int64_t now) {
  char line[PROGRESS_LINE_MAX];
  if (p->style == PROGRESS_JSON) {
    show_json(p, now, "running");
  } else {
    progress_line(p, now, line);
    (void)fprintf(p->to, p->style == PROGRESS_BAR ? "\r%s  " : "%s\n", line);
  }
  (void)fflush(p->to); // a display that is gone stops nothing
  p->shown_ns = now;
}

void progress_begin(struct progress *p, enum progress_phase phase, uint64_t total) {
  p->phase = phase;
  p->total = total;
  p->done = 0;
  p->shown_step = 0;
  p->begun_ns = p->shown_ns = now_ns();
  if (p->style == PROGRESS_BAR)
    show(p, p->begun_ns);
}

void progress_at(struct progress *p, uint64_t done) {
  int64_t now = now_ns();
  p->done = done;
  if (p->style == PROGRESS_BAR) {
    if (now - p->shown_ns >= SHOW_EVERY_NS)
      show(p, now);
    return;
  }
  const uint64_t parts = p->style == PROGRESS_JSON ? 20 : 10;
  int step = p->total ? (int)((double)done / (double)p->total * (double)parts) : 0;
  if (step > p->shown_step && done < p->total) {
    p->shown_step = step;
    show(p, now);
  }
}

void progress_end(struct progress *p, bool ok) {
  int64_t now = now_ns();
  p->seconds[p->phase] = (double)(now - p->begun_ns) / NS_PER_S;
  if (p->style == PROGRESS_JSON)
    show_json(p, now, ok ? "done" : "failed");
  else if (ok)
    show(p, now);
  if (p->style == PROGRESS_BAR)
    (void)fputs("\n", p->to);
  (void)fflush(p->to);
}
