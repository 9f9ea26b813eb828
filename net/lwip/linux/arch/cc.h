// SPDX-License-Identifier: Apache-2.0
// What lwIP asks of the compiler and the C library, on Linux.
#ifndef BAYPLATE_NET_LWIP_LINUX_ARCH_CC_H
#define BAYPLATE_NET_LWIP_LINUX_ARCH_CC_H

#include <endian.h> // BYTE_ORDER
#include <errno.h>
#include <stdint.h>

// Prints to stderr and aborts: an assertion of lwIP that does not hold means memory that must not
// be used any longer. systemd starts the program again.
_Noreturn void sys_assert_failed(const char *what, const char *file, int line);
// From the kernel's random numbers.
uint32_t sys_random(void);

#define LWIP_PLATFORM_ASSERT(x) sys_assert_failed((x), __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(x)                                                                      \
  do {                                                                                             \
  } while (0)
#define LWIP_RAND() sys_random()

#endif
