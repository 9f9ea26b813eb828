// SPDX-License-Identifier: Apache-2.0
// Asks for an export and passes it on. The request is "files\n" or "image\n". The answer is
// "ok\n" and frames (their length in four bytes, highest first; the frame of length 0 is the end),
// or "no WORD TEXT\n" with WORD busy (another one is going on), none (nothing to export),
// unreadable (no files can be found: the image is left) or failed.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_CLIENT_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_CLIENT_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

struct export_client {
  int fd;
  bool answered, over;
  uint32_t left;   // bytes of the frame at hand
  uint8_t head[4]; // of the next one
  size_t head_len;
  char line[256]; // the answer
  size_t line_len;
};

// Connects and asks; `what` is "files" or "image". ERR_NOT_FOUND: nobody serves exports here.
// ERR_ARG; ERR_IO.
BP_CHECK bool export_client_open(struct export_client *c, const char *socket_path, const char *what,
                                 struct err *e);

#define EXPORT_END 0     // all of it has come
#define EXPORT_BROKEN -1 // it ended in the middle, or was refused; *e says why
#define EXPORT_WAIT -2   // nothing there now, of a descriptor that does not block

// The answer's line: 1 when it is "ok", else EXPORT_BROKEN or EXPORT_WAIT. Called until then; later
// calls say 1 again. ERR_BUSY, ERR_NOT_FOUND, ERR_FORMAT (unreadable), ERR_IO, ERR_TIMEOUT.
int export_client_begin(struct export_client *c, struct err *e);
// Bytes put into buf, at most n (n > 0), or one of the above.
int export_client_read(struct export_client *c, void *buf, size_t n, struct err *e);
void export_client_close(struct export_client *c); // may be called twice

#endif
