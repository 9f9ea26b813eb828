// SPDX-License-Identifier: Apache-2.0
// bayplate-port's command line.
#ifndef BAYPLATE_FIRMWARE_PORT_PORT_OPTIONS_H
#define BAYPLATE_FIRMWARE_PORT_PORT_OPTIONS_H

#include "board/wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// As port_options_usage() says; texts point into argv, or are "".
struct port_options {
  const char *interface, *tap;
  long wire_fd; // -1: none
  const char *serial, *model, *slot;
  const char *device, *claim_file, *device_ini, *spool, *recovery, *reset, *export_socket;
  uint64_t spool_mb, reserve_mb;
  long speed;
  struct wire_faults faults;
  bool faulty;
};

void port_options_usage(FILE *to);
// Fills in what is missing; false, after words on stderr, for what is not possible.
bool port_options_parse(struct port_options *o, int argc, char **argv);

#endif
