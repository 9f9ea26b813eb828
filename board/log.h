// SPDX-License-Identifier: Apache-2.0
// One line an event on stderr: "level module: text key=value ...". journald adds the time.
#ifndef BAYPLATE_BOARD_LOG_H
#define BAYPLATE_BOARD_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LINE_MAX 1024

// Events less urgent than `level` are dropped. Default info. Personal data only at debug.
void log_set_level(enum log_level level);
// "error" "warn" "info" "debug"; false if the word is none of them.
bool log_level_parse(const char *word, enum log_level *out);
bool log_enabled(enum log_level level);

// Writes one line (cut at LOG_LINE_MAX, control characters replaced by '?'); safe from any thread.
// With journald on stderr the line is prefixed with its priority "<3>".
void log_event(enum log_level level, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// The newest whole lines that were written by this process, each with its time (UTC) before it; at
// most LOG_TAIL_MAX bytes and size - 1. Ends with NUL; returns the length.
#define LOG_TAIL_MAX 65536
size_t log_tail(char *out, size_t size);

#define log_error(module, ...) log_event(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warn(module, ...) log_event(LOG_LEVEL_WARN, module, __VA_ARGS__)
#define log_info(module, ...) log_event(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...) log_event(LOG_LEVEL_DEBUG, module, __VA_ARGS__)

#endif
