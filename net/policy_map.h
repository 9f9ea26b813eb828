// SPDX-License-Identifier: Apache-2.0
// From a gateway's JSON to our answer, through a table of lines "our field = JSON pointer".
//
// Fields: plate, found, owner.name, owner.phone, vehicle.model, vehicle.vin, vehicle.color,
// vehicle.first_registered, policies, policy.kind, policy.insurer, policy.number, policy.start,
// policy.end, policy.premium, policy.claims, policy.covers, kind.compulsory, kind.commercial.
//
// "policies" points at an array with one policy an item, or at an object that is one policy;
// the pointers of policy.* are then relative to the item. A gateway that writes its policies side
// by side uses policy1.* to policy4.* instead, whose pointers begin at the top. A value that begins
// with
// '=' is not a pointer but the text itself ("policy.kind = =compulsory"). kind.* hold the gateway's
// own words for our kinds, parted by '|'. A field of text may stand on several lines: joined by a
// space. "plate", when it is in the table, must be in the answer and must be the one asked for.
// "found": when nothing stands there, the gateway does not know the plate. Everything but plate,
// policies, policy.kind and policy.end may be missing or null; a '?' behind the name of one of
// these
// ("policy.end?") lets it be missing too: then there is no such policy.
#ifndef BAYPLATE_NET_POLICY_MAP_H
#define BAYPLATE_NET_POLICY_MAP_H

#include "board/err.h"
#include "net/policy.h"
#include "net/policy_config.h"
#include "net/policy_fault.h"

#include <stddef.h>

#define POLICY_MAP_DEPTH_MAX 32     // nesting of an answer
#define POLICY_MAP_VALUES_MAX 20000 // values in an answer: bounds the parser's memory
#define POLICY_MAP_GROUPS 4         // policy1 .. policy4

struct policy_map;

// Compiles a table; none (count 0) gives the table of our own API. Entries are copied. ERR_FORMAT
// names the line's field and what is wrong with it.
BP_CHECK bool policy_map_new(struct policy_map **out, const struct policy_map_entry *entries,
                             int count, struct err *e);
void policy_map_free(struct policy_map *m); // NULL is fine

// Reads `data` (any bytes) as the answer for `plate`. POLICY_FAULT_NONE: *found tells whether the
// gateway knows the plate, and *out is the answer if so. Otherwise the fault, and `e` says what is
// wrong where; it never repeats what the answer says of a person.
BP_CHECK enum policy_fault policy_map_read(const struct policy_map *m, const char *data, size_t len,
                                           const char *plate, struct policy_answer *out,
                                           bool *found, struct err *e);

#endif
