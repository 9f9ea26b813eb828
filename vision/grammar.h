// SPDX-License-Identifier: Apache-2.0
// What may stand on a Chinese plate (GA 36-2018). Texts are UTF-8, canonical: no dot, no spaces,
// capitals.
#ifndef BAYPLATE_VISION_GRAMMAR_H
#define BAYPLATE_VISION_GRAMMAR_H

#include "vision/plate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Every symbol that stands on a plate: 31 provinces, 使领港澳学挂警应急, digits, letters without I.
// O comes last: it stands in the second place alone, on the plates of officials and the police.
#define GRAMMAR_SYMBOLS 75
#define GRAMMAR_PROVINCES 31
#define GRAMMAR_TEXT_INPUT_MAX 128 // bytes of typed text that grammar_normalise() looks at

// The symbol with an index 0..GRAMMAR_SYMBOLS-1 as UTF-8. Never NULL; "" for an index out of range.
const char *grammar_symbol(int index);
// Index of the symbol that starts `text`; its length in bytes goes to *bytes (may be NULL). -1:
// none does.
int grammar_symbol_at(const char *text, size_t *bytes);
// Splits text into symbol indices (at most `max`). -1: text holds something that stands on no
// plate, or is longer.
int grammar_split(const char *text, uint8_t *symbols, int max);
// Joins n symbol indices; out holds PLATE_TEXT_MAX bytes. false: an index is out of range or n >
// PLATE_SYMBOLS_MAX.
bool grammar_join(const uint8_t *symbols, int n, char *out);

// Turns symbols as they were seen or typed into what they mean: a 0 behind the province is the
// letter O, which looks like it; no figure stands there.
void grammar_spell(uint8_t *symbols, int n);
// The same for a text, in place (labels often have the figure). One that is no plate's beginning
// stays.
void grammar_spell_text(char *text);
// May these n symbols be the beginning of a plate of this type (PLATE_UNKNOWN: of any type)?
bool grammar_prefix(enum plate_type type, const uint8_t *symbols, int n);
// Are they a whole plate of this type (PLATE_UNKNOWN: of any type)?
bool grammar_complete(enum plate_type type, const uint8_t *symbols, int n);

// Is text a whole valid plate of this type (PLATE_UNKNOWN: of any type)?
bool grammar_valid(enum plate_type type, const char *text);
// Bit (1 << type) for each type that text can stand on; 0: not a plate.
unsigned grammar_types(const char *text);

// Typed input to canonical text: full-width forms, lower case, spaces and the dots · • ・ . are
// understood, I and O are read as 1 and 0 where letters cannot stand or never do. out holds
// PLATE_TEXT_MAX bytes. true: the result is a valid plate. false: out holds what is left after
// cleaning (a search for a part of a plate can use it), or "" when the input has symbols that stand
// on no plate or is too long.
bool grammar_normalise(const char *typed, char *out);

// Takes dots, blanks and invisible marks out of a text and makes full-width forms and small letters
// capitals; all else stays, whether a plate can hold it or not. out holds PLATE_TEXT_MAX bytes.
// false: too long; out is then "".
bool grammar_clean(const char *text, char *out);

// The way people write it: 粤A·12345, 粤B·D12345, WJ京·1234X; a text that is no plate is copied.
// out holds PLATE_DISPLAY_MAX bytes.
#define PLATE_DISPLAY_MAX 40
void grammar_display(const char *text, char *out);

#endif
