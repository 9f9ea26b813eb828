// SPDX-License-Identifier: Apache-2.0
#include "board/log.h"

#include "board/clock.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int max_level = LOG_LEVEL_INFO;

static const struct {
  const char *word;
  const char *journal; // sd-daemon(3) priorities
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "<3>"},
    [LOG_LEVEL_WARN] = {"warn", "<4>"},
    [LOG_LEVEL_INFO] = {"info", "<6>"},
    [LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

void log_set_level(enum log_level level) {
  atomic_store(&max_level, (int)level);
}

bool log_level_parse(const char *word, enum log_level *out) {
  for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    if (strcmp(word, levels[i].word) == 0) {
      *out = (enum log_level)i;
      return true;
    }
  }
  return false;
}

bool log_enabled(enum log_level level) {
  return (int)level <= atomic_load(&max_level);
}

// What was written last, for log_tail(): a ring of bytes.
static struct {
  pthread_mutex_t lock;
  char bytes[LOG_TAIL_MAX];
  size_t next;
  bool full;
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void remember(const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) {
    ring.bytes[ring.next++] = bytes[i];
    if (ring.next == sizeof ring.bytes) {
      ring.next = 0;
      ring.full = true;
    }
  }
}

static void remember_line(const char *line, size_t n) {
  char stamp[32];
  struct tm tm;
  time_t now = (time_t)(clock_wall_ns(clock_system()) / CLOCK_NS_PER_S);
  size_t m = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ ", gmtime_r(&now, &tm));
  (void)pthread_mutex_lock(&ring.lock);
  remember(stamp, m);
  remember(line, n);
  (void)pthread_mutex_unlock(&ring.lock);
}

size_t log_tail(char *out, size_t size) {
  (void)pthread_mutex_lock(&ring.lock);
  size_t n = ring.full ? sizeof ring.bytes : ring.next;
  bool cut = ring.full || size - 1 < n;
  size_t room = size - 1 < n ? size - 1 : n;
  size_t at = (ring.next + sizeof ring.bytes - room) % sizeof ring.bytes;
  for (size_t i = 0; i < room; i++)
    out[i] = ring.bytes[(at + i) % sizeof ring.bytes];
  (void)pthread_mutex_unlock(&ring.lock);
  out[room] = '\0';
  const char *first = cut ? strchr(out, '\n') : NULL; // the oldest line may have lost its head
  if (!cut)
    return room;
  size_t skip = first ? (size_t)(first - out) + 1 : room;
  memmove(out, out + skip, room - skip + 1);
  return room - skip;
}

void log_event(enum log_level level, const char *module, const char *fmt, ...) {
  if (!log_enabled(level))
    return;
  char line[LOG_LINE_MAX];
  const char *prefix = getenv("JOURNAL_STREAM") ? levels[level].journal : "";
  int head = snprintf(line, sizeof line - 1, "%s%s %s: ", prefix, levels[level].word, module);
  if (head < 0)
    return;
  size_t used = (size_t)head < sizeof line - 1 ? (size_t)head : sizeof line - 2;
  va_list ap;
  va_start(ap, fmt);
  int body = vsnprintf(line + used, sizeof line - 1 - used, fmt, ap);
  va_end(ap);
  if (body < 0)
    return;
  size_t len = strlen(line);
  for (size_t i = 0; i < len; i++) {
    unsigned char ch = (unsigned char)line[i];
    if (ch < 0x20 || ch == 0x7f)
      line[i] = '?'; // an event is one line whatever a peer sent
  }
  line[len++] = '\n';
  size_t mark = strlen(prefix);
  remember_line(line + mark, len - mark);
  ssize_t n = write(STDERR_FILENO, line, len); // one write: lines of threads do not mix
  (void)n;                                     // nowhere left to complain
}
