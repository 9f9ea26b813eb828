// SPDX-License-Identifier: Apache-2.0
// lwIP includes it; our configuration uses only this of it.
#ifndef BAYPLATE_TESTS_FREESTANDING_STDLIB_H
#define BAYPLATE_TESTS_FREESTANDING_STDLIB_H

int(atoi)(const char *text); // in brackets: check-source knows no exceptions for headers

#endif
