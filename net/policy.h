// SPDX-License-Identifier: Apache-2.0
// What a policy look-up answers: owner, vehicle and policies, as plain values of fixed size. It
// knows what the protocol carries and nothing of renewal.
#ifndef BAYPLATE_NET_POLICY_H
#define BAYPLATE_NET_POLICY_H

#include "board/err.h"

#include <stddef.h>
#include <stdint.h>

#define POLICY_TEXT_MAX 128      // bytes of one free text with its NUL
#define POLICY_ID_MAX 64         // bytes of a plate, telephone, VIN or policy number with its NUL
#define POLICY_POLICIES_MAX 16   // policies of one vehicle
#define POLICY_COVERS_MAX 24     // covers of one policy
#define POLICY_UNKNOWN_NUMBER -1 // premium or claims that the answer does not tell

enum policy_kind { POLICY_COMPULSORY, POLICY_COMMERCIAL };

// A day of the proleptic Gregorian calendar in the shop's own time zone; year 0: not told.
struct policy_date {
  int year;  // 1900..2199
  int month; // 1..12
  int day;   // 1..31
};

struct policy {
  enum policy_kind kind;
  char insurer[POLICY_TEXT_MAX]; // empty: not told, as every text here
  char number[POLICY_ID_MAX];
  struct policy_date start; // first day of cover; year 0 when not told
  struct policy_date end;   // last day of cover; always told
  int64_t premium_fen;      // 1/100 of the currency's unit, or POLICY_UNKNOWN_NUMBER
  int claims;               // claims in this term, or POLICY_UNKNOWN_NUMBER
  int covers;               // how many of cover[] are set
  char cover[POLICY_COVERS_MAX][POLICY_TEXT_MAX];
};

struct policy_answer {
  char plate[POLICY_ID_MAX]; // as the answer wrote it; empty when it did not
  struct {
    char name[POLICY_TEXT_MAX];
    char phone[POLICY_ID_MAX];
  } owner;
  struct {
    char model[POLICY_TEXT_MAX];
    char vin[POLICY_ID_MAX];
    char color[POLICY_TEXT_MAX];
    struct policy_date first_registered; // year 0 when not told
  } vehicle;
  int skipped;  // policies of a kind that is neither of ours, left out
  int policies; // how many of policy[] are set
  struct policy policy[POLICY_POLICIES_MAX];
};

// "compulsory" or "commercial". Never NULL.
const char *policy_kind_name(enum policy_kind kind);
// The reverse; also takes 交强险 and 商业险. False for any other word.
bool policy_kind_parse(const char *word, enum policy_kind *out);

// Does this day exist, between 1900 and 2199?
bool policy_date_exists(int year, int month, int day);

// Reads a date written as 2026-03-08, 2026/03/08, 20260308 or 08/03/2026 (day first), each with or
// without a time behind it ("T00:00:00.000+08:00" or " 00:00:00"), which is checked and left out:
// the date is the day as written. ERR_FORMAT for another form and for a day that does not exist.
BP_CHECK bool policy_date_parse(const char *text, struct policy_date *out, struct err *e);

// Writes YYYY-MM-DD, or nothing for year 0.
#define POLICY_DATE_TEXT 11
void policy_date_text(const struct policy_date *d, char out[POLICY_DATE_TEXT]);

// Are two plates the same but for spaces, dots (. · •), hyphens and the case of ASCII letters?
bool policy_plate_same(const char *a, const char *b);

#endif
