// SPDX-License-Identifier: Apache-2.0
// Which PINs are too easily guessed.
#include "firmware/auth.h"

#include <string.h>

// Ways of the finger over the keypad and numbers everybody in China knows.
static const char *const known[] = {"147258",  "258369",   "159357",   "357159",   "147852",
                                    "789456",  "456789",   "741852",   "852963",   "963852",
                                    "5201314", "1314520",  "520131",   "131452",   "112358",
                                    "168168",  "88886666", "66668888", "147896325"};

static bool one_step(const char *pin, size_t n) {
  int step = (pin[1] - pin[0] + 10) % 10;
  if (step != 0 && step != 1 && step != 9) {
    return false;
  }
  for (size_t i = 1; i < n; i++) {
    if ((pin[i] - pin[i - 1] + 10) % 10 != step) {
      return false;
    }
  }
  return true;
}

static bool repeats(const char *pin, size_t n, size_t group) {
  for (size_t i = group; i < n; i++) {
    if (pin[i] != pin[i - group]) {
      return false;
    }
  }
  return true;
}

static bool pairs(const char *pin, size_t n) {
  for (size_t i = 0; i + 1 < n; i += 2) {
    if (pin[i] != pin[i + 1]) {
      return false;
    }
  }
  return true;
}

bool auth_pin_acceptable(const char *pin) {
  size_t n = strnlen(pin, AUTH_PIN_MAX + 1);
  if (n < AUTH_PIN_MIN || n > AUTH_PIN_MAX || strspn(pin, "0123456789") != n) {
    return false;
  }
  if (one_step(pin, n) || repeats(pin, n, 2) || repeats(pin, n, 3) || pairs(pin, n)) {
    return false;
  }
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(pin, known[i]) == 0) {
      return false;
    }
  }
  return true;
}
