// SPDX-License-Identifier: Apache-2.0
#include "board/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
  ssize_t n = write(STDERR_FILENO, line, len); // one write: lines of threads do not mix
  (void)n;                                     // nowhere left to complain
}
