// SPDX-License-Identifier: Apache-2.0
// The service port: an isolated link to one technician's laptop. Addresses (AutoIP, IPv6
// link-local, DHCP for the laptop), the name bayplate-SERIAL.local, HTTP for state, logs, a picture
// for aiming and uploads, TFTP for recovery. docs/service-port.md says how it is used.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_H
#define BAYPLATE_NET_SERVICE_SERVICE_H

#include "net/service/service_ops.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_WORD_MAX 32                  // bytes of serial, model, version, slot with the NUL
#define SERVICE_FRAME_MAX 1514               // an Ethernet frame without its check sum
#define SERVICE_NETWORK UINT32_C(0x0ad54d00) // 10.213.77.0/29, see service_dhcp.h

struct service_config {
  char serial[SERVICE_WORD_MAX]; // letters, digits and '-' only: it is part of the name
  char model[SERVICE_WORD_MAX];
  char version[SERVICE_WORD_MAX];
  char slot[SERVICE_WORD_MAX]; // of the running system, "A" or "B"; "" where there are none
  uint8_t mac[6];
  uint32_t network;    // leased to the laptop, host byte order; 0: SERVICE_NETWORK
  uint64_t upload_max; // bytes
  const struct service_ops *ops;
  void *ctx; // of the ops
  // Puts one frame of n bytes on the wire, from lwIP's thread; may drop it. Must not wait.
  void (*send)(void *wire, const uint8_t *frame, size_t n);
  void *wire;
};

// Starts lwIP and everything above, once in a program's life. `config` must be valid for ever.
// Returns SERVICE_OK, or SERVICE_INVALID for a serial that is no name; fails hard (lwIP's
// assertions) when there is no memory even to start.
int service_start(const struct service_config *config);

// Hands over a frame from the wire, from any thread; frames beyond SERVICE_FRAME_MAX or under 14
// bytes, and those for which there is no memory just now, are dropped.
void service_input(const uint8_t *frame, size_t n);

// Tells whether a cable is plugged in. At the start it counts as plugged.
void service_link(bool up);

// The present IPv4 address in host byte order, 0 while there is none.
uint32_t service_address(void);

#endif
