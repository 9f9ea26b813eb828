// SPDX-License-Identifier: Apache-2.0
// What bayplate-eval prints: tables for people, JSON for machines.
#ifndef BAYPLATE_TOOLS_EVAL_REPORT_H
#define BAYPLATE_TOOLS_EVAL_REPORT_H

#include "tools/eval_set.h"

#include <jansson.h>

void report_head(void);
void report_set(const struct eval_set *s);
void report_all(const struct score *all);
// A line for each plate that was not read right and each false one.
void report_wrong(const struct eval_set *s);

// Both NULL when out of memory. `reads`: each picture's plates and reads too.
json_t *report_json(const struct eval_set *s, bool reads);
json_t *report_json_all(const struct score *all);

#endif
