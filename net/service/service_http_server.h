// SPDX-License-Identifier: Apache-2.0
// HTTP over lwIP: takes connections on port 80 and hands each to one of a few worker threads.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_HTTP_SERVER_H
#define BAYPLATE_NET_SERVICE_SERVICE_HTTP_SERVER_H

#include "net/service/service.h"

#define SERVICE_WORKERS 3 // connections served at once; as many again wait, the rest are closed

// After tcpip_init(). Starts threads that never end. False without memory.
bool service_http_server_start(const struct service_config *config);

#endif
