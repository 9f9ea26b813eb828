// SPDX-License-Identifier: Apache-2.0
// Walks the fields of one protocol buffers message, without copying. Wire format:
// protobuf.dev/programming-guides/encoding.
#ifndef BAYPLATE_VISION_PROTOBUF_H
#define BAYPLATE_VISION_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

// What is left of a message, of packed numbers, or of a text.
struct pb {
  const uint8_t *at, *end;
};

struct pb_field {
  uint32_t number;
  enum pb_wire wire;
  uint64_t value;  // PB_VARINT; the bits of PB_FIXED32 and PB_FIXED64
  struct pb bytes; // PB_BYTES: lies inside the message
};

enum pb_step { PB_DAMAGED = -1, PB_END = 0, PB_FIELD = 1 };

// Takes the next field off the front of *p.
enum pb_step pb_next(struct pb *p, struct pb_field *out);

// Takes a bare number off the front of *p: the elements of a packed field. false: damaged or none
// left.
bool pb_varint(struct pb *p, uint64_t *out);

#endif
