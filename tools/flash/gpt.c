// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/gpt.h"

#include <string.h>

#define SECTOR 512u
#define NAME_UNITS 36 // of UTF-16

static uint64_t little(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--)
    v = v << 8 | p[i];
  return v;
}

static bool named(const uint8_t *entry, const char *name) {
  size_t n = strlen(name);
  if (n >= NAME_UNITS)
    return false;
  for (size_t i = 0; i <= n; i++) // the NUL, too
    if (little(entry + 56 + 2 * i, 2) != (unsigned char)name[i])
      return false;
  return true;
}

bool gpt_find(const uint8_t *head, size_t n, const char *name, uint64_t *at, uint64_t *size,
              struct err *e) {
  if (n < 2 * SECTOR || memcmp(head + SECTOR, "EFI PART", 8) != 0)
    return err_set(e, ERR_FORMAT, "the image has no GPT");
  const uint8_t *h = head + SECTOR;
  uint64_t entries = little(h + 72, 8), count = little(h + 80, 4), length = little(h + 84, 4);
  if (entries != 2 || count == 0 || count > 128 || length != 128 || 2 * SECTOR + count * length > n)
    return err_set(e, ERR_FORMAT, "the image's GPT is not as it should be");
  for (uint64_t i = 0; i < count; i++) {
    const uint8_t *entry = head + 2 * SECTOR + i * length;
    uint64_t first = little(entry + 32, 8), last = little(entry + 40, 8);
    if (!named(entry, name))
      continue;
    if (first < 34 || last < first || last > UINT64_MAX / SECTOR - 1)
      return err_set(e, ERR_FORMAT, "the partition %s has no possible place", name);
    *at = first * SECTOR;
    *size = (last - first + 1) * SECTOR;
    return true;
  }
  return err_set(e, ERR_NOT_FOUND, "the image has no partition named %s", name);
}
