// SPDX-License-Identifier: Apache-2.0
// Is this UTF-8, and where can it be cut?
#ifndef BAYPLATE_NET_UTF8_H
#define BAYPLATE_NET_UTF8_H

#include <stdbool.h>
#include <stddef.h>

// Offset of the first byte that is not part of well-formed UTF-8 (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF), or `len` when all of it is.
size_t utf8_valid_prefix(const char *data, size_t len);

// Copies `text` into out[size] (size at least 1) with its NUL, cut before the character that does
// not fit; control characters become spaces. True when nothing was cut.
bool utf8_copy(char *out, size_t size, const char *text);

#endif
