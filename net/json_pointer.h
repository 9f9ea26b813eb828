// SPDX-License-Identifier: Apache-2.0
// JSON pointers (RFC 6901): "/policies/0/end" names a value inside a document.
#ifndef BAYPLATE_NET_JSON_POINTER_H
#define BAYPLATE_NET_JSON_POINTER_H

#include "board/err.h"

#include <jansson.h>

#define JSON_POINTER_TOKEN_MAX 128 // bytes of one step after its escapes are undone

// Is this a pointer: empty (the whole document), or steps that each begin with '/', with '~' only
// as ~0 or ~1? ERR_FORMAT says where not.
BP_CHECK bool json_pointer_check(const char *pointer, struct err *e);

// The value, borrowed from `root`, or NULL when there is none (or the pointer is none). A step into
// an array is a decimal index without leading zeros; "-" (behind the end) never finds anything.
const json_t *json_pointer_get(const json_t *root, const char *pointer);

#endif
