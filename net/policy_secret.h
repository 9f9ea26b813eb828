// SPDX-License-Identifier: Apache-2.0
// Files that hold a secret: only their owner may read them.
#ifndef BAYPLATE_NET_POLICY_SECRET_H
#define BAYPLATE_NET_POLICY_SECRET_H

#include "board/err.h"

#include <stddef.h>

// Is this a plain file that group and others cannot read (mode 0600)? ERR_DENIED when they can.
BP_CHECK bool policy_secret_check(const char *path, struct err *e);

// Reads a token of one line into out[size], without the line's end. ERR_DENIED as above, ERR_FORMAT
// when it is empty or holds blanks or control characters, ERR_LIMIT when it does not fit.
BP_CHECK bool policy_secret_read(const char *path, char *out, size_t size, struct err *e);

#endif
