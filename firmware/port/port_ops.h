// SPDX-License-Identifier: Apache-2.0
// The service port's ops table on Linux: bayplated's socket, the spool, the folder of recovery
// files, the claim code's file, the log.
#ifndef BAYPLATE_FIRMWARE_PORT_PORT_OPS_H
#define BAYPLATE_FIRMWARE_PORT_PORT_OPS_H

#include "firmware/port/port_spool.h"
#include "net/service/service_ops.h"

#define PORT_CLAIM_MIN 8 // letters and digits; a shorter code is as good as none
#define PORT_CLAIM_MAX 64

struct port_device {
  const char *socket;        // bayplated's, "" for none
  const char *claim_file;    // read at each try, so that a new code counts at once; "" for none
  const char *claim_hash;    // of a flashed board (firmware/device_id.h), "" for none
  const char *recovery;      // folder, "" for none
  const char *reset;         // file that is the wish for factory state, "" for none
  const char *export_socket; // of firmware/export/, "" for none
  struct port_spool *spool;
};

// The ctx of these ops is a struct port_device.
const struct service_ops *port_ops(void);

#endif
