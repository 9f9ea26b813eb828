// SPDX-License-Identifier: Apache-2.0
// A device in memory for the fuzz targets of the service port, which checks what it is asked.
#ifndef BAYPLATE_TESTS_FUZZ_SERVICE_DEVICE_H
#define BAYPLATE_TESTS_FUZZ_SERVICE_DEVICE_H

#include "net/service/service_ops.h"

// Claim code "code", one recovery file "a" of 3000 bytes. Aborts when a call breaks what
// service_ops.h promises: a wrong offset, more bytes than announced, a name that may not be.
const struct service_ops *service_device_ops(void);
void service_device_reset(void);
void service_device_check(void); // all that was opened has been closed

#endif
