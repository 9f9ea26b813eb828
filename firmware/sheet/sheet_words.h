// SPDX-License-Identifier: Apache-2.0
// The words of the pass sheet, Chinese and English.
#ifndef BAYPLATE_FIRMWARE_SHEET_WORDS_H
#define BAYPLATE_FIRMWARE_SHEET_WORDS_H

struct sheet_word {
  const char *key, *zh, *en;
};

// Never NULL: a key without words is its own.
struct sheet_word sheet_word(const char *key);

#endif
