// SPDX-License-Identifier: Apache-2.0
// Each type is a few patterns; a position of a pattern is a class of symbols. Sources: GA 36-2018
// tables 1, 2 and 6 for civil plates, GB/T 34666 style WJ plates, the military's two letters and
// five figures.
#include "vision/grammar.h"

#include <string.h>

static const char *const symbols[GRAMMAR_SYMBOLS] = {
    "京", "津", "冀", "晋", "蒙", "辽", "吉", "黑", "沪", "苏", "浙", "皖", "闽", "赣", "鲁",
    "豫", "鄂", "湘", "粤", "桂", "琼", "渝", "川", "贵", "云", "藏", "陕", "甘", "青", "宁",
    "新", "使", "领", "港", "澳", "学", "挂", "警", "应", "急", "0",  "1",  "2",  "3",  "4",
    "5",  "6",  "7",  "8",  "9",  "A",  "B",  "C",  "D",  "E",  "F",  "G",  "H",  "J",  "K",
    "L",  "M",  "N",  "P",  "Q",  "R",  "S",  "T",  "U",  "V",  "W",  "X",  "Y",  "Z",  "O",
};

enum { FIRST_SPECIAL = 31, FIRST_DIGIT = 40, FIRST_LETTER = 50, LETTER_O = 74 };

// A pattern's characters: p province, L letter, o letter or O, d digit, s digit or letter, e the
// letters of new energy cars, m first letter of the military, and the symbols 使领港澳学挂警应急
// and W J X S Z 粤 themselves.
struct pattern {
  enum plate_type type;
  int limit; // most letters among the `s`; 2 in the standard, which the oldest plates and free
             // choice keep too
  const char *text;
};

// Plates that owners choose (自编自选) may hold up to three letters in five; more is not issued.
static const struct pattern patterns[] = {
    {PLATE_BLUE, 3, "posssss"},         {PLATE_GREEN, 1, "pLesdddd"},
    {PLATE_GREEN_LARGE, 0, "pLddddde"}, {PLATE_YELLOW, 3, "pLsssss"},
    {PLATE_YELLOW, 3, "pLssss学"},      {PLATE_YELLOW2, 3, "pLsssss"},
    {PLATE_YELLOW2, 3, "pLssss挂"},     {PLATE_WHITE, 3, "possss警"},
    {PLATE_WHITE, 0, "pXdddd应急"},     {PLATE_WHITE, 0, "pSdddd应急"},
    {PLATE_WHITE, 1, "WJpdddds"},       {PLATE_WHITE, 1, "WJdddds"},
    {PLATE_WHITE, 0, "mLddddd"},        {PLATE_WHITE2, 1, "WJpdddds"},
    {PLATE_WHITE2, 1, "WJdddds"},       {PLATE_WHITE2, 0, "mLddddd"},
    {PLATE_BLACK, 0, "使dddddd"},       {PLATE_BLACK, 0, "dddddd使"},
    {PLATE_BLACK, 0, "pLdddd领"},       {PLATE_BLACK, 3, "粤Zssss港"},
    {PLATE_BLACK, 3, "粤Zssss澳"},      {PLATE_BLACK, 3, "pLsssss"},
};
#define PATTERNS ((int)(sizeof patterns / sizeof *patterns))

static const char energy[] =
    "ABCDEFGHJK"; // GA 36-2018 and the orders after it: D and F first, then the rest
static const char military[] = "ABCDEGHJKLNSVYZ";

const char *grammar_symbol(int index) {
  return index >= 0 && index < GRAMMAR_SYMBOLS ? symbols[index] : "";
}

static size_t symbol_bytes(int index) {
  return index < FIRST_DIGIT ? 3 : 1;
}

int grammar_symbol_at(const char *text, size_t *bytes) {
  for (int i = 0; i < GRAMMAR_SYMBOLS; i++) {
    const size_t n = symbol_bytes(i);
    if (strncmp(text, symbols[i], n) == 0) {
      if (bytes)
        *bytes = n;
      return i;
    }
  }
  return -1;
}

int grammar_split(const char *text, uint8_t *out, int max) {
  int n = 0;
  while (*text) {
    size_t bytes = 0;
    const int s = grammar_symbol_at(text, &bytes);
    if (s < 0 || n >= max)
      return -1;
    out[n++] = (uint8_t)s;
    text += bytes;
  }
  return n;
}

bool grammar_join(const uint8_t *s, int n, char *out) {
  out[0] = '\0';
  if (n < 0 || n > PLATE_SYMBOLS_MAX)
    return false;
  size_t used = 0;
  for (int i = 0; i < n; i++) {
    if (s[i] >= GRAMMAR_SYMBOLS)
      return false;
    const size_t bytes = symbol_bytes(s[i]);
    memcpy(out + used, symbols[s[i]], bytes);
    used += bytes;
  }
  out[used] = '\0';
  return true;
}

static bool is_province(int s) {
  return s >= 0 && s < GRAMMAR_PROVINCES;
}
static bool is_digit(int s) {
  return s >= FIRST_DIGIT && s < FIRST_LETTER;
}
static bool is_letter(int s) {
  return s >= FIRST_LETTER && s < LETTER_O;
}
static bool is_letter_of(int s, const char *set) {
  return is_letter(s) && strchr(set, symbols[s][0]) != NULL;
}

// Does symbol s fit the pattern's character at `at`? Its length goes to *bytes.
static bool fits(const char *at, int s, size_t *bytes) {
  *bytes = 1;
  switch (*at) {
  case 'p':
    return is_province(s);
  case 'L':
    return is_letter(s);
  case 'o':
    return is_letter(s) || s == LETTER_O;
  case 'd':
    return is_digit(s);
  case 's':
    return is_digit(s) || is_letter(s);
  case 'e':
    return is_letter_of(s, energy);
  case 'm':
    return is_letter_of(s, military);
  default:
    return grammar_symbol_at(at, bytes) == s;
  }
}

// How far the n symbols follow a pattern: -1 not at all, 0 as its beginning, 1 as a whole.
static int follows(const struct pattern *p, const uint8_t *s, int n) {
  const char *at = p->text;
  int letters = 0;
  for (int i = 0; i < n; i++) {
    size_t bytes = 1;
    if (!*at || !fits(at, s[i], &bytes))
      return -1;
    if (*at == 's' && is_letter(s[i]) && ++letters > p->limit)
      return -1;
    at += bytes;
  }
  return *at ? 0 : 1;
}

void grammar_spell(uint8_t *s, int n) {
  if (n > 1 && is_province(s[0]) && s[1] == FIRST_DIGIT)
    s[1] = LETTER_O;
}

void grammar_spell_text(char *text) {
  uint8_t s[PLATE_SYMBOLS_MAX];
  const int n = grammar_split(text, s, PLATE_SYMBOLS_MAX);
  if (n < 2 || s[1] != FIRST_DIGIT || !is_province(s[0]))
    return;
  text[symbol_bytes(s[0])] = 'O'; // as long as the figure
}

bool grammar_prefix(enum plate_type type, const uint8_t *s, int n) {
  for (int i = 0; i < PATTERNS; i++) {
    if ((type == PLATE_UNKNOWN || patterns[i].type == type) && follows(&patterns[i], s, n) >= 0)
      return true;
  }
  return false;
}

bool grammar_complete(enum plate_type type, const uint8_t *s, int n) {
  for (int i = 0; i < PATTERNS; i++) {
    if ((type == PLATE_UNKNOWN || patterns[i].type == type) && follows(&patterns[i], s, n) == 1)
      return true;
  }
  return false;
}

bool grammar_valid(enum plate_type type, const char *text) {
  uint8_t s[PLATE_SYMBOLS_MAX];
  const int n = grammar_split(text, s, PLATE_SYMBOLS_MAX);
  return n > 0 && grammar_complete(type, s, n);
}

unsigned grammar_types(const char *text) {
  uint8_t s[PLATE_SYMBOLS_MAX];
  const int n = grammar_split(text, s, PLATE_SYMBOLS_MAX);
  unsigned types = 0;
  for (int i = 0; n > 0 && i < PATTERNS; i++) {
    if (follows(&patterns[i], s, n) == 1)
      types |= 1u << patterns[i].type;
  }
  return types;
}

// --- typed input
// ------------------------------------------------------------------------------------------------

// What people type between the letter and the serial; spaces of all widths; invisible marks that
// come with pasting.
static const char *const skipped[] = {
    " ",
    "\t",
    "\r",
    "\n",
    ".",
    "-",
    "_",
    "\xC2\xB7",     // · middle dot
    "\xC2\xA0",     // no-break space
    "\xE2\x80\xA2", // • bullet
    "\xE3\x83\xBB", // ・ katakana middle dot
    "\xE2\x8B\x85", // ⋅ dot operator
    "\xE2\x88\x99", // ∙ bullet operator
    "\xE3\x80\x80", // ideographic space
    "\xE3\x80\x82", // 。
    "\xEF\xBC\x8E", // ． full-width full stop
    "\xEF\xBC\x8D", // － full-width hyphen
    "\xEF\xBB\xBF", // byte order mark
    "\xE2\x80\x8B", // zero width space
};

static size_t skip_at(const char *text) {
  for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) {
    const size_t n = strlen(skipped[i]);
    if (strncmp(text, skipped[i], n) == 0)
      return n;
  }
  return 0;
}

// Full-width ASCII (U+FF01..U+FF5E) and ASCII to a capital; 0: neither.
static char plain_at(const char *text, size_t *bytes) {
  const unsigned char *t = (const unsigned char *)text;
  unsigned c = 0;
  *bytes = 1;
  if (t[0] < 0x80) {
    c = t[0];
    *bytes = 1;
  } else if (t[0] == 0xEF && (t[1] == 0xBC || t[1] == 0xBD) && t[2] >= 0x80 && t[2] <= 0xBF) {
    c = (t[1] == 0xBC ? 0x20u : 0x60u) + (t[2] - 0x80u);
    *bytes = 3;
  }
  if (c >= 'a' && c <= 'z')
    c -= 'a' - 'A';
  return (char)c;
}

bool grammar_clean(const char *text, char *out) {
  size_t n = 0;
  out[0] = '\0';
  while (*text) {
    size_t bytes = skip_at(text);
    if (bytes) {
      text += bytes;
      continue;
    }
    const char c = plain_at(text, &bytes);
    if (!c) { // a character of its own: its first byte, and the bytes 10xxxxxx after it
      for (bytes = 1; ((unsigned char)text[bytes] & 0xC0) == 0x80;)
        bytes++;
    }
    const size_t to = c ? 1 : bytes;
    if (n + to >= PLATE_TEXT_MAX) {
      out[0] = '\0';
      return false;
    }
    memcpy(out + n, c ? &c : text, to);
    n += to;
    out[n] = '\0';
    text += bytes;
  }
  return true;
}

// Serials hold neither O nor I: people mean 0 and 1.
static int symbol_typed(char c) {
  const char text[2] = {c == 'O' ? '0' : c == 'I' ? '1' : c, '\0'};
  return c ? grammar_symbol_at(text, NULL) : -1;
}

bool grammar_normalise(const char *typed, char *out) {
  uint8_t s[PLATE_SYMBOLS_MAX] = {0};
  int n = 0;
  out[0] = '\0';
  const char *at = typed;
  while (*at) {
    if ((size_t)(at - typed) >= GRAMMAR_TEXT_INPUT_MAX)
      return false;
    size_t bytes = skip_at(at);
    if (bytes) {
      at += bytes;
      continue;
    }
    int symbol = grammar_symbol_at(at, &bytes);
    if (symbol < 0 || symbol == LETTER_O)
      symbol = symbol_typed(plain_at(at, &bytes));
    if (symbol < 0 || n >= PLATE_SYMBOLS_MAX)
      return false;
    s[n++] = (uint8_t)symbol;
    at += bytes;
  }
  grammar_spell(s, n);
  return grammar_join(s, n, out) && n > 0 && grammar_complete(PLATE_UNKNOWN, s, n);
}

void grammar_display(const char *text, char *out) {
  uint8_t s[PLATE_SYMBOLS_MAX];
  const size_t length = strnlen(text, PLATE_TEXT_MAX - 1);
  const int n = grammar_split(text, s, PLATE_SYMBOLS_MAX);
  size_t dot = 0; // bytes before it
  if (n > 2 && grammar_complete(PLATE_UNKNOWN, s, n)) {
    const bool wj = strncmp(text, "WJ", 2) == 0;
    if (wj && is_province(s[2]))
      dot = 2 + symbol_bytes(s[2]);
    else if (wj || is_province(s[0]) || is_letter(s[0]))
      dot = symbol_bytes(s[0]) + symbol_bytes(s[1]);
  }
  static const char middle[] = "\xC2\xB7";
  memcpy(out, text, dot);
  size_t used = dot;
  if (dot) {
    memcpy(out + used, middle, sizeof middle - 1);
    used += sizeof middle - 1;
  }
  memcpy(out + used, text + dot, length - dot);
  out[used + length - dot] = '\0';
}
