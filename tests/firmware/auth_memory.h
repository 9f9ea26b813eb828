// SPDX-License-Identifier: Apache-2.0
// People and sessions in memory, for tests of sign-in without a database; can be made to fail.
#ifndef BAYPLATE_TESTS_AUTH_MEMORY_H
#define BAYPLATE_TESTS_AUTH_MEMORY_H

#include "firmware/auth.h"

#define AUTH_MEMORY_MAX 16

struct auth_memory {
  struct store_user user[AUTH_MEMORY_MAX];
  struct store_session session[AUTH_MEMORY_MAX];
  size_t users, sessions;
  bool unusable; // the database cannot be read
  bool failing;  // every call fails with ERR_IO
};

extern const struct auth_store_ops auth_memory_ops; // ctx: struct auth_memory

#endif
