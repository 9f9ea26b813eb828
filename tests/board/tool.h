// SPDX-License-Identifier: Apache-2.0
// What the board's tests share: temporary folders, files and helper programs.
#ifndef BAYPLATE_TESTS_BOARD_TOOL_H
#define BAYPLATE_TESTS_BOARD_TOOL_H

#include <stddef.h>
#include <sys/types.h>

#define TOOL_PATH_MAX 300

// A new empty folder below TMPDIR; tool_remove deletes it with all in it. Failures end the test
// program.
void tool_folder(char dir[TOOL_PATH_MAX]);
void tool_remove(const char *dir);
void tool_path(char out[TOOL_PATH_MAX], const char *dir, const char *name);

void tool_write(const char *path, const void *data, size_t len);
size_t tool_size(const char *path);
void tool_cut(const char *path, size_t len); // keeps the first `len` bytes

// Runs a program to its end; exit status.
int tool_run(const char *const argv[]);

// Starts a program that prints a port on its first line of stdout; the port. Its stderr is dropped.
int tool_serve(const char *const argv[], pid_t *pid);
void tool_stop(pid_t pid); // SIGSTOP: it is there and does nothing
void tool_kill(pid_t pid); // SIGKILL and wait

#endif
