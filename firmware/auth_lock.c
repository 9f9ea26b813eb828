// SPDX-License-Identifier: Apache-2.0
#include "firmware/auth_lock.h"

#include "firmware/auth.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

int64_t auth_pause_ms(unsigned failed, unsigned free_tries) {
  if (failed < free_tries) {
    return 0;
  }
  int64_t pause = AUTH_FIRST_PAUSE_MS;
  for (unsigned i = free_tries; i < failed && pause < AUTH_PAUSE_MAX_MS; i++) {
    pause *= 2;
  }
  return pause < AUTH_PAUSE_MAX_MS ? pause : AUTH_PAUSE_MAX_MS;
}

static void key_of(const char *peer, char out[AUTH_ADDRESS_MAX]) {
  struct in6_addr a;
  snprintf(out, AUTH_ADDRESS_MAX, "%s", peer);
  if (inet_pton(AF_INET6, peer, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a)) {
    memset(a.s6_addr + 8, 0, 8);
    if (!inet_ntop(AF_INET6, &a, out, AUTH_ADDRESS_MAX)) {
      snprintf(out, AUTH_ADDRESS_MAX, "%s", peer);
    }
  }
}

static int find(const struct auth_lock *l, const char *key) {
  for (int i = 0; i < AUTH_LOCK_ADDRESSES; i++) {
    if (strcmp(l->entry[i].address, key) == 0) {
      return i;
    }
  }
  return -1;
}

int64_t auth_lock_wait(const struct auth_lock *l, const char *peer, int64_t now_ms) {
  char key[AUTH_ADDRESS_MAX];
  key_of(peer, key);
  int i = find(l, key);
  return i >= 0 && l->entry[i].until_ms > now_ms ? l->entry[i].until_ms - now_ms : 0;
}

void auth_lock_failed(struct auth_lock *l, const char *peer, int64_t now_ms) {
  char key[AUTH_ADDRESS_MAX];
  key_of(peer, key);
  int i = find(l, key);
  if (i < 0) { // the place of the one that was quiet longest, locked ones last
    i = 0;
    for (int k = 1; k < AUTH_LOCK_ADDRESSES; k++) {
      bool locked_i = l->entry[i].until_ms > now_ms;
      bool locked_k = l->entry[k].until_ms > now_ms;
      if (locked_k < locked_i ||
          (locked_k == locked_i && l->entry[k].last_ms < l->entry[i].last_ms)) {
        i = k;
      }
    }
    memset(&l->entry[i], 0, sizeof l->entry[i]);
    memcpy(l->entry[i].address, key, sizeof key);
  }
  l->entry[i].failed++;
  l->entry[i].last_ms = now_ms;
  l->entry[i].until_ms = now_ms + auth_pause_ms(l->entry[i].failed, AUTH_ADDRESS_FREE_TRIES);
}

void auth_lock_good(struct auth_lock *l, const char *peer) {
  char key[AUTH_ADDRESS_MAX];
  key_of(peer, key);
  int i = find(l, key);
  if (i >= 0) {
    memset(&l->entry[i], 0, sizeof l->entry[i]);
  }
}
