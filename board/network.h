// SPDX-License-Identifier: Apache-2.0
// The machine's network interfaces, as a technician wants to see them.
#ifndef BAYPLATE_BOARD_NETWORK_H
#define BAYPLATE_BOARD_NETWORK_H

#include "board/err.h"

#include <stddef.h>

#define NETWORK_NAME_MAX 16
#define NETWORK_ADDRESS_MAX 64

struct network_address {
  char name[NETWORK_NAME_MAX];
  char address[NETWORK_ADDRESS_MAX]; // IPv4 or IPv6 text; "": the interface has none
  bool running;                      // there is a carrier
};

// Every address of every interface but the loopback and link-local IPv6 ones, at most `max`; an
// interface without any is told once with an empty address.
BP_CHECK bool network_list(struct network_address *out, size_t max, size_t *n, struct err *e);

#endif
