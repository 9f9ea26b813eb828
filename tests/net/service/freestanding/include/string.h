// SPDX-License-Identifier: Apache-2.0
// The part of string.h that a board without a C library must bring.
#ifndef BAYPLATE_TESTS_FREESTANDING_STRING_H
#define BAYPLATE_TESTS_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *in, int byte, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

#endif
