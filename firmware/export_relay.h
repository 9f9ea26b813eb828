// SPDX-License-Identifier: Apache-2.0
// Passes an export (firmware/export/) on as the body of an answer, with nothing kept: what the peer
// does not take is not asked for.
#ifndef BAYPLATE_FIRMWARE_EXPORT_RELAY_H
#define BAYPLATE_FIRMWARE_EXPORT_RELAY_H

#include "net/http_server.h"

#include <stdatomic.h>

// Sets the answer. `what`: "files" or "image"; nobody is asked for it before the first byte is
// wanted, and an export that is refused or breaks off cuts the connection. *going: 1 meanwhile; it
// must outlive the server. Without memory: 503.
void export_relay(struct http_response *r, const char *socket_path, const char *what,
                  atomic_int *going);

#endif
