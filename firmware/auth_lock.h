// SPDX-License-Identifier: Apache-2.0
// Growing pauses after wrong tries, per address. Used by auth.c under its lock.
#ifndef BAYPLATE_FIRMWARE_AUTH_LOCK_H
#define BAYPLATE_FIRMWARE_AUTH_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define AUTH_ADDRESS_MAX 64
#define AUTH_LOCK_ADDRESSES 256
#define AUTH_ADDRESS_FREE_TRIES 10 // several people may share a tablet

struct auth_lock {
  struct {
    char address[AUTH_ADDRESS_MAX]; // IPv6: its /64, one household holds all of it
    unsigned failed;
    int64_t until_ms, last_ms; // monotonic
  } entry[AUTH_LOCK_ADDRESSES];
};

// The pause after `failed` wrong tries in a row of which `free_tries` cost nothing; 0: none.
int64_t auth_pause_ms(unsigned failed, unsigned free_tries);
// How long this address must still wait; 0: it may try.
int64_t auth_lock_wait(const struct auth_lock *l, const char *peer, int64_t now_ms);
void auth_lock_failed(struct auth_lock *l, const char *peer, int64_t now_ms);
void auth_lock_good(struct auth_lock *l, const char *peer);

#endif
