// SPDX-License-Identifier: Apache-2.0
// Ethernet frames in and out, past the kernel's own network: an interface by AF_PACKET, a TAP
// device, any descriptor that keeps frames apart, and for tests one that loses, doubles and swaps
// them.
#ifndef BAYPLATE_BOARD_WIRE_H
#define BAYPLATE_BOARD_WIRE_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define WIRE_FRAME_MAX 1514

struct wire;

// One kind of wire. All entries needed.
struct wire_ops {
  bool (*send)(struct wire *w, const uint8_t *frame, size_t n);
  int (*recv)(struct wire *w, uint8_t *frame, size_t size, int timeout_ms);
  bool (*link)(struct wire *w);
  void (*free)(struct wire *w);
};

// Every kind begins with this.
struct wire {
  const struct wire_ops *ops;
};

// Opens `interface` for frames (needs CAP_NET_RAW). Refuses (ERR_STATE) unless the kernel leaves it
// alone: neither it nor any other interface of this network namespace may have an address, for
// Linux answers on every interface for all its addresses. The interface must be up.
BP_CHECK bool wire_open_packet(struct wire **out, const char *interface, struct err *e);

// Makes (or takes) the TAP device `name`; the kernel's end is the laptop (needs CAP_NET_ADMIN).
BP_CHECK bool wire_open_tap(struct wire **out, const char *name, struct err *e);

// Takes over a descriptor on which one read or write is one frame, such as one of a
// SOCK_SEQPACKET pair. ERR_NOMEM; the descriptor is closed then, too.
BP_CHECK bool wire_open_fd(struct wire **out, int fd, struct err *e);

// Puts a frame out; false when it was dropped. Never waits. From any thread.
bool wire_send(struct wire *w, const uint8_t *frame, size_t n);
// Waits for a frame: its bytes, 0 when none came in time (or one beyond `size` was dropped), -1
// when the wire is gone. One thread at a time.
int wire_recv(struct wire *w, uint8_t *frame, size_t size, int timeout_ms);
// Is a cable plugged in (a carrier there)?
bool wire_link(struct wire *w);
void wire_free(struct wire *w); // NULL is fine

// The hardware address of an interface. False when there is no such interface.
BP_CHECK bool wire_interface_mac(const char *interface, uint8_t mac[6], struct err *e);

// Of 100 frames in each direction, how many are lost, come twice, or come after the next one.
struct wire_faults {
  unsigned lost, doubled, swapped;
  uint64_t seed; // the same seed and frames give the same faults
};
// Takes over `inner`. Tests only.
BP_CHECK bool wire_open_lossy(struct wire **out, struct wire *inner, const struct wire_faults *f,
                              struct err *e);

#endif
