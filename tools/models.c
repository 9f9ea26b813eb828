// SPDX-License-Identifier: Apache-2.0
#include "tools/models.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *models_dir(const char *given) {
  static const char built[] = BAYPLATE_BINARY_DIR "/";
  if (given)
    return given;
  const char *env = getenv("BAYPLATE_MODELS");
  if (env && *env)
    return env;
  char self[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self);
  if (n >= (ssize_t)strlen(built) && memcmp(self, built, strlen(built)) == 0)
    return BAYPLATE_SOURCE_DIR "/vision/models";
  return BAYPLATE_MODELS_INSTALLED;
}
