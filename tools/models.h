// SPDX-License-Identifier: Apache-2.0
#ifndef BAYPLATE_TOOLS_MODELS_H
#define BAYPLATE_TOOLS_MODELS_H

#define MODELS_HELP                                                                                \
  "  --models DIR   networks; default: $BAYPLATE_MODELS, the installed ones, the source tree's\n"

// Where the networks are: `given` if not NULL, else $BAYPLATE_MODELS, else the source tree's for a
// program that runs from its build folder, else the installed ones. Never NULL; lives as long as
// the program.
const char *models_dir(const char *given);

#endif
