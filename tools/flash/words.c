// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/words.h"

#include <stdlib.h>
#include <string.h>

static bool chinese;

bool words_choose(const char *language) {
  if (strcmp(language, "zh") != 0 && strcmp(language, "en") != 0)
    return false;
  chinese = language[0] == 'z';
  return true;
}

void words_by_environment(void) {
  static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
  for (int i = 0; i < 3; i++) {
    const char *value = getenv(names[i]);
    if (value && value[0]) {
      chinese = strncmp(value, "zh", 2) == 0;
      return;
    }
  }
}

bool words_chinese(void) {
  return chinese;
}

const char *words(const char *zh, const char *en) {
  return chinese ? zh : en;
}
