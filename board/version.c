// SPDX-License-Identifier: Apache-2.0
#include "board/version.h"

#include <stdbool.h>
#include <string.h>

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

// deb-version(7): letters before other signs, the end before letters, "~" before the end.
static int weight(char c) {
  if (c == '~')
    return -1;
  if (c == '\0' || digit(c))
    return 0;
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter ? (unsigned char)c : (unsigned char)c + 256;
}

int version_compare(const char *a, const char *b) {
  while (*a || *b) {
    while ((*a && !digit(*a)) || (*b && !digit(*b))) {
      int d = weight(*a) - weight(*b);
      if (d != 0)
        return d;
      a++; // equal weights: neither is at its end
      b++;
    }
    while (*a == '0')
      a++;
    while (*b == '0')
      b++;
    size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
    int d = n != m ? (n < m ? -1 : 1) : strncmp(a, b, n);
    if (d != 0)
      return d;
    a += n;
    b += m;
  }
  return 0;
}
