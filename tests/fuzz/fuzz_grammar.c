// SPDX-License-Identifier: Apache-2.0
// Plate text as typed and as read: nothing is written out of bounds, and what is called a plate
// stays one.
#include "vision/grammar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *typed = malloc(size + 1); // its own block, so that the sanitizer sees a read behind its end
  if (!typed)
    return 0;
  memcpy(typed, data, size);
  typed[size] = '\0';

  char text[PLATE_TEXT_MAX], again[PLATE_TEXT_MAX], shown[PLATE_DISPLAY_MAX];
  if (grammar_normalise(typed, text)) {
    if (!grammar_valid(PLATE_UNKNOWN, text) || grammar_types(text) == 0)
      abort();
    if (!grammar_normalise(text, again) || strcmp(text, again) != 0)
      abort();
  }
  grammar_display(text, shown);
  if (!grammar_normalise(shown, again) != !grammar_normalise(text, again))
    abort();
  grammar_display(typed, shown);

  uint8_t symbols[PLATE_SYMBOLS_MAX];
  const int n = grammar_split(typed, symbols, PLATE_SYMBOLS_MAX);
  for (int i = n - 1; n > 0 && grammar_complete(PLATE_UNKNOWN, symbols, n) && i >= 0; i--)
    if (!grammar_prefix(PLATE_UNKNOWN, symbols, i))
      abort();
  grammar_spell_text(typed);
  free(typed);
  return 0;
}
