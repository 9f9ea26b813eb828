// SPDX-License-Identifier: Apache-2.0
// Between service_http.c, service_upload.c and service_export.c.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_HTTP_PRIVATE_H
#define BAYPLATE_NET_SERVICE_SERVICE_HTTP_PRIVATE_H

#include "net/service/service_http.h"
#include "net/service/service_text.h"

// The whole answer: head and a body of n bytes. `extra`: further header lines, each with \r\n, or
// NULL.
void service_reply(struct service_worker *w, int status, const char *type, const char *extra,
                   const char *body, size_t n);
// The head alone; `length` of the body, or SERVICE_UNKNOWN: it comes in chunks. False: nobody is
// there.
bool service_send_head(struct service_worker *w, int status, const char *type, const char *extra,
                       uint64_t length);
// {"error":"text"}
void service_refuse(struct service_worker *w, int status, const char *text);

// Bytes of the body: what came with the head first. As service_io's read.
int service_body(struct service_worker *w, uint8_t *buf, size_t n);

void service_upload_put(struct service_worker *w);
void service_upload_get(struct service_worker *w);
void service_upload_delete(struct service_worker *w);
void service_export_get(struct service_worker *w);

#endif
