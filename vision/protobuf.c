// SPDX-License-Identifier: Apache-2.0
#include "vision/protobuf.h"

#define FIELD_MAX ((UINT64_C(1) << 29) - 1) // the format's own limit

bool pb_varint(struct pb *p, uint64_t *out) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 64 && p->at < p->end; shift += 7) {
    const uint8_t b = *p->at++;
    v |= (uint64_t)(b & 0x7f) << shift;
    if (b < 0x80) {
      *out = v;
      return true;
    }
  }
  return false;
}

static bool fixed(struct pb *p, size_t bytes, uint64_t *out) {
  if ((size_t)(p->end - p->at) < bytes)
    return false;
  *out = 0;
  for (size_t i = 0; i < bytes; i++)
    *out |= (uint64_t)p->at[i] << (8 * i);
  p->at += bytes;
  return true;
}

enum pb_step pb_next(struct pb *p, struct pb_field *out) {
  if (p->at == p->end)
    return PB_END;
  uint64_t tag, n;
  *out = (struct pb_field){0};
  if (!pb_varint(p, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
    return PB_DAMAGED;
  out->number = (uint32_t)(tag >> 3);
  switch (tag & 7) {
  case PB_VARINT:
    out->wire = PB_VARINT;
    return pb_varint(p, &out->value) ? PB_FIELD : PB_DAMAGED;
  case PB_FIXED64:
    out->wire = PB_FIXED64;
    return fixed(p, 8, &out->value) ? PB_FIELD : PB_DAMAGED;
  case PB_FIXED32:
    out->wire = PB_FIXED32;
    return fixed(p, 4, &out->value) ? PB_FIELD : PB_DAMAGED;
  case PB_BYTES:
    out->wire = PB_BYTES;
    if (!pb_varint(p, &n) || n > (uint64_t)(p->end - p->at))
      return PB_DAMAGED;
    out->bytes = (struct pb){p->at, p->at + n};
    p->at += n;
    return PB_FIELD;
  default: // groups, which ONNX does not use, and numbers without a meaning
    return PB_DAMAGED;
  }
}
