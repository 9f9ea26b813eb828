// SPDX-License-Identifier: Apache-2.0
#ifndef BAYPLATE_NET_LWIP_LINUX_LWIP_CLOCK_H
#define BAYPLATE_NET_LWIP_LINUX_LWIP_CLOCK_H

// Tests only: makes lwIP's clock run `factor` times as fast (1 to 100), its waits shorter to match.
// To be called before anything of lwIP.
void lwip_clock_speed(unsigned factor);

// Fuzzing only: from the first call on the clock stands still at `ms`.
void lwip_clock_stand(unsigned ms);

#endif
