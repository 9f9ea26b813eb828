// SPDX-License-Identifier: Apache-2.0
#include "board/wire_checksum.h"

#define ETHERNET 14
#define TCP 6
#define UDP 17

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t n) {
  for (size_t i = 0; i + 1 < n; i += 2)
    sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  if (n & 1)
    sum += (uint32_t)(bytes[n - 1] << 8);
  return sum;
}

// Over the addresses (from, to), the protocol, the length and the segment (RFC 1071, RFC 8200
// section 8.1). At most 64 KB are summed, which 32 bits hold.
static void finish(const uint8_t *addresses, size_t addresses_n, uint8_t protocol, uint8_t *segment,
                   size_t n) {
  size_t at = protocol == TCP ? 16 : 6;
  if ((protocol != TCP && protocol != UDP) || n < at + 2)
    return;
  segment[at] = segment[at + 1] = 0;
  uint32_t sum = add(add(protocol + (uint32_t)n, addresses, addresses_n), segment, n);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = ~((sum >> 16) + sum) & 0xffff;
  if (sum == 0 && protocol == UDP)
    sum = 0xffff; // 0 would say that there is none
  segment[at] = (uint8_t)(sum >> 8);
  segment[at + 1] = (uint8_t)sum;
}

void wire_finish_checksum(uint8_t *frame, size_t n) {
  if (n < ETHERNET + 20)
    return;
  uint8_t *ip = frame + ETHERNET;
  size_t have = n - ETHERNET;
  if (frame[12] == 0x08 && frame[13] == 0x00) {
    size_t head = (size_t)(ip[0] & 15) * 4, total = (size_t)(ip[2] << 8 | ip[3]);
    if (head >= 20 && total >= head && total <= have)
      finish(ip + 12, 8, ip[9], ip + head, total - head);
  } else if (frame[12] == 0x86 && frame[13] == 0xdd && have >= 40) {
    size_t payload = (size_t)(ip[4] << 8 | ip[5]);
    if (payload <= have - 40)
      finish(ip + 8, 32, ip[6], ip + 40, payload);
  }
}
