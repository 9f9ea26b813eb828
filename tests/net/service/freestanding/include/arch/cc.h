// SPDX-License-Identifier: Apache-2.0
// What an RTOS board gives lwIP: no standard library but string.h, an assertion that stops the
// board, random numbers from its hardware.
#ifndef BAYPLATE_TESTS_FREESTANDING_ARCH_CC_H
#define BAYPLATE_TESTS_FREESTANDING_ARCH_CC_H

#include <stdint.h>

_Noreturn void board_assert(const char *what, const char *file, int line);
uint32_t board_random(void);

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_PROVIDE_ERRNO 1
#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "lu"
#define S32_F "ld"
#define X32_F "lx"
#define SZT_F "u"
#define LWIP_PLATFORM_ASSERT(x) board_assert((x), __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(x)                                                                      \
  do {                                                                                             \
  } while (0)
#define LWIP_RAND() board_random()

#endif
