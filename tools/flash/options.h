// SPDX-License-Identifier: Apache-2.0
// bayplate-flash's command line.
#ifndef BAYPLATE_TOOLS_FLASH_OPTIONS_H
#define BAYPLATE_TOOLS_FLASH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// Texts point into argv or the environment, or are "".
struct flash_options {
  bool list, json, yes, fixed, loops, bare, older;
  const char *file; // image, or bundle with `net`
  const char *drive, *simulate;
  const char *keyring, *board, *version, *min_version;
  const char *serial, *model, *labels;
  bool has_mac;
  uint8_t mac[6];
  const char *net, *claim_file;
  char claim[80];
};

void flash_usage(FILE *to);
// 0: go on. Otherwise the exit status + 1: 1 for --help and --version, 3 for wrong use, told on
// stderr.
int flash_options_parse(struct flash_options *o, int argc, char **argv);

#endif
