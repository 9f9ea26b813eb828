// SPDX-License-Identifier: Apache-2.0
// Vehicles, customers and policies: what is known about a plate. A field that a person corrected is
// never overwritten by a look-up or an import; what was changed and what was kept is returned.
#ifndef BAYPLATE_FIRMWARE_STORE_CUSTOMER_H
#define BAYPLATE_FIRMWARE_STORE_CUSTOMER_H

#include "firmware/store.h"
#include "net/policy.h" // enum policy_kind, policy_kind_name: link bp_net
#include "vision/plate.h"

#define STORE_NAME_MAX 128 // bytes of UTF-8 with the NUL
#define STORE_PHONE_MAX 32
#define STORE_MODEL_MAX 128
#define STORE_VIN_MAX 32
#define STORE_COLOR_MAX 32
#define STORE_DATE_MAX 11 // "2026-03-08"
#define STORE_INSURER_MAX 128
#define STORE_NUMBER_MAX 64
#define STORE_COVERS_MAX 512 // covers as a JSON array of texts
#define STORE_POLICIES_MAX 8 // of one vehicle at a time

enum store_source { STORE_BY_LOOKUP, STORE_BY_IMPORT, STORE_BY_PERSON };

// Fields of a record, for corrections and reports of change.
enum store_field {
  STORE_FIELD_NAME = 1 << 0,
  STORE_FIELD_PHONE = 1 << 1,
  STORE_FIELD_MODEL = 1 << 2,
  STORE_FIELD_VIN = 1 << 3,
  STORE_FIELD_COLOR = 1 << 4,
  STORE_FIELD_REGISTERED = 1 << 5,
  STORE_FIELD_POLICIES = 1 << 6,
};

struct store_policy {
  enum policy_kind kind;
  char insurer[STORE_INSURER_MAX];
  char number[STORE_NUMBER_MAX]; // "" when not known
  char start[STORE_DATE_MAX];    // "YYYY-MM-DD" or ""
  char end[STORE_DATE_MAX];      // last day covered; required
  int64_t premium_cents;         // -1: not known
  char covers[STORE_COVERS_MAX]; // "" or "[\"...\"]"
  int claims;                    // in this term; -1: not known
  enum store_source source;
};

struct store_record {
  char plate[PLATE_TEXT_MAX]; // normalised
  bool has_customer;
  char name[STORE_NAME_MAX], phone[STORE_PHONE_MAX];
  char model[STORE_MODEL_MAX], vin[STORE_VIN_MAX], color[STORE_COLOR_MAX];
  char registered[STORE_DATE_MAX]; // "" not known
  unsigned policies;
  struct store_policy policy[STORE_POLICIES_MAX];
  unsigned corrected; // enum store_field bits that a person set (out only)
};

struct store_change {
  bool created;     // the vehicle was not known
  unsigned changed; // enum store_field bits that got another value
  unsigned kept;    // bits where the new value was refused because a person had set the field
};

// Writes one record in one transaction, keyed by plate. An empty text never replaces a known one,
// unless it comes from a person. BY_LOOKUP/BY_IMPORT: fields set by a person are kept; policies
// named here are current from now, others (not a person's) become past. BY_PERSON: the fields in
// `fields` are set and marked as corrected; with STORE_FIELD_POLICIES the given policies are added
// or replaced. `fields` is ignored for the other sources. ERR_ARG: plate empty, a date that does
// not exist, end missing. Policies of one kind and number (or, without number, start) are one.
BP_CHECK bool store_record_put(struct store *s, const struct store_record *r,
                               enum store_source source, unsigned fields, int64_t now_ms,
                               struct store_change *change, struct err *e);

// What is known about a plate; policies: the current ones, at most one of each kind (the one that
// ends last). ERR_NOT_FOUND.
BP_CHECK bool store_record_get(struct store *s, const char *plate, struct store_record *out,
                               struct err *e);

BP_CHECK bool store_record_count(struct store *s, int64_t *vehicles, struct err *e);

// Erases a vehicle with its policies and cached answer, and its customer when no other vehicle is
// his. ERR_NOT_FOUND.
BP_CHECK bool store_record_erase(struct store *s, const char *plate, struct err *e);

#endif
