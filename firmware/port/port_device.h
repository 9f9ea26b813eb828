// SPDX-License-Identifier: Apache-2.0
// Asks bayplated over its device socket (firmware/device_socket.h): one word, one answer.
#ifndef BAYPLATE_FIRMWARE_PORT_PORT_DEVICE_H
#define BAYPLATE_FIRMWARE_PORT_PORT_DEVICE_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define PORT_DEVICE_MAX (8u << 20) // bytes of an answer
#define PORT_DEVICE_WAIT_MS 3000   // for each piece of it

// "state", "logs", "snapshot" or "identity". *bytes is malloc'ed. ERR_STATE: bayplated does not
// answer; ERR_NOT_FOUND: it says that it has none; ERR_LIMIT; ERR_NOMEM.
BP_CHECK bool port_device_ask(const char *socket_path, const char *what, uint8_t **bytes,
                              size_t *len, struct err *e);

#endif
