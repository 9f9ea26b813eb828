// SPDX-License-Identifier: Apache-2.0
// On a virtual link (veth, virtio) the kernel hands over frames whose TCP or UDP check sum the
// hardware that is not there should have filled in.
#ifndef BAYPLATE_BOARD_WIRE_CHECKSUM_H
#define BAYPLATE_BOARD_WIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// Fills in the check sum of an unfragmented TCP or UDP packet over IPv4, or over IPv6 without
// extension headers; leaves everything else, and what contradicts itself, as it is.
void wire_finish_checksum(uint8_t *frame, size_t n);

#endif
