// SPDX-License-Identifier: Apache-2.0
// From what the protocol carries to what the store keeps.
#ifndef BAYPLATE_FIRMWARE_LOOKUP_RECORD_H
#define BAYPLATE_FIRMWARE_LOOKUP_RECORD_H

#include "firmware/store_customer.h"
#include "net/policy.h"

// Keyed by `plate` (the one asked for). Of more policies than the store keeps, those that end last
// stay; texts too long are cut at a whole character.
void lookup_record(const char *plate, const struct policy_answer *answer, struct store_record *out);

#endif
