// SPDX-License-Identifier: Apache-2.0
// Single JSON values of a policy answer into ours. Used by policy_map only.
#ifndef BAYPLATE_NET_POLICY_MAP_VALUE_H
#define BAYPLATE_NET_POLICY_MAP_VALUE_H

#include "board/err.h"
#include "net/policy.h"
#include "net/policy_fault.h"

#include <jansson.h>
#include <stdint.h>

// In all of these `where` is the pointer for the error's text, and the result POLICY_FAULT_NONE or
// the reason with `e` set.

// Bytes to a document, after the bounds of policy_map.h and the encoding were checked. The caller
// json_decrefs *root.
BP_CHECK enum policy_fault map_value_parse(const char *data, size_t len, json_t **root,
                                           struct err *e);

// A string, or a whole number as text. A text that is too long is cut when `cut`, else refused.
BP_CHECK enum policy_fault map_value_text(const json_t *v, const char *where, bool cut, char *out,
                                          size_t size, struct err *e);

// A date in a form of policy_date_parse, as a string or as the number 20260308.
BP_CHECK enum policy_fault map_value_date(const json_t *v, const char *where,
                                          struct policy_date *out, struct err *e);

// An amount (3250, 3250.5, "3250.50") in hundredths, rounded; 0 to a hundred million.
BP_CHECK enum policy_fault map_value_money(const json_t *v, const char *where, int64_t *fen,
                                           struct err *e);

// A whole number 0 to 999, or the length of an array.
BP_CHECK enum policy_fault map_value_count(const json_t *v, const char *where, int *out,
                                           struct err *e);

#endif
