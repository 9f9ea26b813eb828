// SPDX-License-Identifier: Apache-2.0
// A UNIX socket on which a program of the same device (bayplate-port) asks how the terminal is. One
// line in ("state", "logs", "snapshot" or "identity"), one answer out: "ok LENGTH\n" and so many
// bytes, or "no WHY\n". Then the connection is closed.
#ifndef BAYPLATE_FIRMWARE_DEVICE_SOCKET_H
#define BAYPLATE_FIRMWARE_DEVICE_SOCKET_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define DEVICE_SOCKET_WAIT_MS 2000 // for a peer's line, and for it to take the answer

// Each gives malloc'ed bytes; called on the socket's thread.
struct device_socket_ops {
  bool (*state)(void *ctx, uint8_t **bytes, size_t *len, struct err *e);
  bool (*logs)(void *ctx, uint8_t **bytes, size_t *len, struct err *e);
  bool (*snapshot)(void *ctx, uint8_t **bytes, size_t *len, struct err *e);
  // SHA-256 of the page's certificate, 64 hexadecimal digits.
  bool (*identity)(void *ctx, uint8_t **bytes, size_t *len, struct err *e);
};

struct device_socket;

// Listens at `path` (mode 0660; a socket left there by an earlier run is replaced, anything else is
// not: ERR_IO) and answers one peer at a time on a thread of its own. `group` may use it, too; "":
// the process's own. ERR_NOT_FOUND: no such group.
BP_CHECK bool device_socket_new(struct device_socket **out, const char *path, const char *group,
                                const struct device_socket_ops *ops, void *ctx, struct err *e);
void device_socket_free(struct device_socket *s); // waits for the answer in hand. NULL is fine

#endif
